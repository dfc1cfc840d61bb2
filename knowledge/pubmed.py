"""PubMed XML (the baseline and update files, or an export) as passages: labelled abstract, date, retraction."""

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cases.errors import KnowledgeError
from cases.evidence import Passage
from knowledge.chunking import Chunk, chunk_text
from knowledge.passages import passages_of
from knowledge.rows import OnError, read_date

PUBMED_URL = "https://pubmed.ncbi.nlm.nih.gov/"
LICENCE = "abstract: its publisher's; citation: National Library of Medicine"


def pubmed_passages(
    path: Path, *, licence: str, window: int, overlap: int, on_error: OnError
) -> Iterator[Passage]:  # fmt: skip
    """The articles with an abstract, one by one: a file of any size is never held whole.

    An abstract of at most one window is one passage `pmid:NUMBER`; longer ones are cut, their labelled sections apart.
    A retracted article (its publication type, or a "RetractionIn" notice) says so. A malformed file ends with one
    error; the articles before the damage are kept.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            is_pubmed = False
            for event, node in ElementTree.iterparse(stream, events=("start", "end")):
                if event == "start":
                    is_pubmed = is_pubmed or node.tag in ("PubmedArticleSet", "PubmedArticle")
                elif node.tag == "PubmedArticle":
                    yield from _of_article(node, licence or LICENCE, window, overlap)
                    node.clear()
            if not is_pubmed:
                on_error(KnowledgeError("not PubMed XML", where=str(path), remedy="give a PubmedArticleSet"))
    except (ElementTree.ParseError, OSError, EOFError) as error:
        on_error(KnowledgeError(f"damaged XML: {error}", where=str(path), remedy="fetch the file again"))


def _of_article(node: ElementTree.Element, licence: str, window: int, overlap: int) -> Iterator[Passage]:
    pmid = node.findtext(".//MedlineCitation/PMID") or node.findtext(".//PMID")
    parts = [(part.get("Label") or "", _inner(part)) for part in node.iterfind(".//Abstract/AbstractText")]
    parts = [(label, text) for label, text in parts if text]
    if not pmid or not parts:
        return
    title_node = node.find(".//ArticleTitle")
    title = _inner(title_node) if title_node is not None else ""
    facts: dict[str, Any] = {
        "title": title,
        "source": f"{PUBMED_URL}{pmid}/",
        "licence": licence,
        "published": _published(node),
    }
    is_retracted = any(
        kind.text == "Retracted Publication" for kind in node.iterfind(".//PublicationType")
    ) or any(note.get("RefType") == "RetractionIn" for note in node.iterfind(".//CommentsCorrections"))  # fmt: skip
    whole = " ".join(f"{label}: {text}" if label else text for label, text in parts)
    if len(whole.split()) <= window:
        yield Passage(id=f"pmid:{pmid}", text=whole, is_retracted=is_retracted, **facts)
        return
    chunks = (
        Chunk(label.capitalize(), chunk.text)
        for label, text in parts
        for chunk in chunk_text(text, window=window, overlap=overlap)
    )
    yield from passages_of(chunks, name=f"pmid:{pmid}", is_retracted=is_retracted, **facts)


def _published(node: ElementTree.Element) -> date | None:
    for place in (".//Article/ArticleDate", ".//JournalIssue/PubDate"):
        found = node.find(place)
        if found is None:
            continue
        words = [found.findtext(part) or "" for part in ("Year", "Month", "Day")]
        if words[0] and words[1].isdigit():
            return date(int(words[0]), int(words[1]), int(words[2]) if words[2].isdigit() else 1)
        spoken = " ".join(word for word in words if word) or found.findtext("MedlineDate") or ""
        try:
            return read_date(spoken)
        except ValueError:
            continue
    return None


def _inner(node: ElementTree.Element) -> str:
    return " ".join("".join(node.itertext()).split())
