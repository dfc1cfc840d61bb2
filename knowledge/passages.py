"""Chunks of a document as passages, with ids that follow the text and nothing else."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from cases.case import Media
from cases.errors import KnowledgeError
from cases.evidence import Passage
from knowledge.chunking import Chunk


def passages_of(
    chunks: Iterable[Chunk], *, name: str, title: str, source: str, licence: str = "", published: date | None = None,
    section: str = "", is_retracted: bool = False, figures: Iterable[Media] = (),
) -> Iterator[Passage]:  # fmt: skip
    """Chunks of one document as passages; a chunk that occurs twice in it is given once.

    The id is `name` and a hash of source, section and text: the same document gives the same ids on every run, and
    another edition of it changes the ids of the chunks that changed. `section` stands for chunks that have none.
    """
    seen = set()
    for chunk in chunks:
        digest = hashlib.sha256("\x1f".join((source, chunk.section, chunk.text)).encode()).hexdigest()[:12]
        if digest not in seen:
            seen.add(digest)
            yield Passage(
                id=f"{name}:{digest}", title=title, text=chunk.text, section=chunk.section or section, source=source,
                licence=licence, published=published, is_retracted=is_retracted, figures=tuple(figures),
            )  # fmt: skip


def read_text(path: Path) -> str:
    """The text of a UTF-8 file. Raises KnowledgeError naming the first byte that is not."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise KnowledgeError(
            f"not UTF-8 text at byte {error.start}", where=str(path), remedy="save it as UTF-8"
        ) from error
    except OSError as error:
        raise KnowledgeError(f"cannot be read: {error.strerror}", where=str(path)) from error
