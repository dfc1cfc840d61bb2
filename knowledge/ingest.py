"""Whatever lies in a file or folder, as passages: Markdown, text, HTML, PDF, JSONL, Parquet, PubMed XML, BEIR folders.

    for passage in read_corpus(Path("guidelines"), on_error=print): ...

`ingest` does the same with a memory: an interrupted run goes on where it stopped, and a file that has not changed is
not read again (knowledge/corpus_store.py).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cases.errors import KnowledgeError
from cases.evidence import Passage
from knowledge.chunking import OVERLAP_WORDS, WINDOW_WORDS, chunk_markdown, chunk_text
from knowledge.passages import passages_of, read_text
from knowledge.pdf import pdf_passages
from knowledge.pubmed import pubmed_passages
from knowledge.rows import OnError, is_without_text, jsonl_passages, parquet_passages, read_date
from knowledge.web_pages import read_page

SUFFIXES = (".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".jsonl", ".parquet", ".xml", ".xml.gz")
Progress = Callable[[int, int], None]
"""Called with (files done, files in all)."""


class Cut(NamedTuple):
    """How documents are cut and what stands on their passages. `figures_dir` receives the pictures of PDF files."""

    window: int = WINDOW_WORDS
    overlap: int = OVERLAP_WORDS
    licence: str = ""
    figures_dir: Path | None = None


def read_corpus(
    path: Path, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS, licence: str = "",
    figures_dir: Path | None = None, on_error: OnError | None = None, progress: Progress | None = None,
) -> Iterator[Passage]:  # fmt: skip
    """The passages of a file, a folder of files, or a BEIR folder (its `corpus.jsonl` alone), file after file by name.

    `window` and `overlap` are words. A file or row that cannot be read is given to `on_error` as a KnowledgeError with
    its place and is left out; without `on_error` it is raised. A corpus without a single passage is always an error.
    """
    cut = Cut(window, overlap, licence, figures_dir)
    files = corpus_files(path)
    count = 0
    for number, file in enumerate(files):
        for passage in read_document(file, root=path, cut=cut, on_error=on_error or _raise):
            count += 1
            yield passage
        if progress is not None:
            progress(number + 1, len(files))
    if not count:
        raise KnowledgeError(
            "no passage was found", where=str(path), remedy=f"give files with text: {', '.join(SUFFIXES)}"
        )


def corpus_files(path: Path) -> list[Path]:
    """The files that a corpus is made of, by name.

    Hidden files are none, nor are the questions beside a BEIR corpus, nor, in a folder, tables without text. Of a
    folder that `ingest` wrote, its documents.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise KnowledgeError("there is no such file or folder", where=str(path))
    if (path / "corpus.jsonl").is_file():
        return [path / "corpus.jsonl"]
    if (path / "ledger.jsonl").is_file() and (path / "documents").is_dir():
        return sorted((path / "documents").glob("*.jsonl"))
    found = (item for item in path.rglob("*") if item.name.lower().endswith(SUFFIXES) and item.is_file())
    shown = (item for item in found if not any(part.startswith(".") for part in item.relative_to(path).parts))
    return sorted(item for item in shown if not is_without_text(item))


def read_document(file: Path, *, root: Path, cut: Cut, on_error: OnError) -> Iterator[Passage]:
    """The passages of one file. Their source is its path below `root`, or what its rows say."""
    source = file.name if file == root else file.relative_to(root).as_posix()
    sizes = {"window": cut.window, "overlap": cut.overlap}
    name = file.name.lower()
    try:
        if name.endswith((".xml", ".xml.gz")):
            yield from pubmed_passages(file, licence=cut.licence, on_error=on_error, **sizes)
        elif name.endswith(".jsonl"):
            yield from jsonl_passages(file, source=source, licence=cut.licence, on_error=on_error, **sizes)
        elif name.endswith(".parquet"):
            yield from parquet_passages(file, source=source, licence=cut.licence, on_error=on_error, **sizes)
        elif name.endswith(".pdf"):
            yield from pdf_passages(
                file, source=source, licence=cut.licence, figures_dir=cut.figures_dir, on_error=on_error, **sizes
            )
        elif name.endswith((".html", ".htm")):
            yield from _web_page(file, source, cut)
        elif name.endswith((".md", ".markdown", ".txt")):
            yield from _plain_document(file, source, cut)
        else:
            raise KnowledgeError(
                f"{file.suffix or 'this'} files are not read", where=str(file), remedy=f"give {', '.join(SUFFIXES)}"
            )
    except KnowledgeError as error:
        on_error(error)


def _plain_document(file: Path, source: str, cut: Cut) -> Iterator[Passage]:
    text = read_text(file)
    cutter = chunk_text if file.suffix.lower() == ".txt" else chunk_markdown
    title = file.stem.replace("_", " ")
    if cutter is chunk_markdown:
        title = next((line[2:].strip(" #") for line in text.splitlines() if line.startswith("# ")), title)
    chunks = cutter(text, window=cut.window, overlap=cut.overlap)
    yield from passages_of(chunks, name=file.stem, title=title, source=source, licence=cut.licence)


def _web_page(file: Path, source: str, cut: Cut) -> Iterator[Passage]:
    page = read_page(read_text(file))
    spoken = page.meta.get("citation_publication_date") or page.meta.get("article:published_time") or ""
    try:
        published = read_date(spoken.replace("/", "-"))
    except ValueError:
        published = None
    yield from passages_of(
        chunk_markdown(page.markdown, window=cut.window, overlap=cut.overlap),
        name=file.stem, title=page.title or file.stem.replace("_", " "), source=page.meta.get("og:url") or source,
        licence=page.meta.get("dc.rights") or cut.licence, published=published,
    )  # fmt: skip


def _raise(error: KnowledgeError) -> None:
    raise error
