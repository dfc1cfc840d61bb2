"""Text files that other people wrote: UTF-8 with or without a mark, limited in size, errors with their line."""

from collections.abc import Iterator
from pathlib import Path

from cases.errors import CaseError

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""Longer than any clinical note: a record beyond it is a mistake, and no model could read it."""


def numbered_lines(path: Path) -> Iterator[tuple[int, str | CaseError]]:
    """Lines with their number from 1; a line that is too long or not UTF-8 comes as the CaseError that says so."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_RECORD_BYTES + 1):
            number += 1
            where = f"{path}:{number}"
            if len(raw) > MAX_RECORD_BYTES:
                size = len(raw)
                while not raw.endswith(b"\n") and (raw := file.readline(MAX_RECORD_BYTES)):
                    size += len(raw)
                yield number, too_long(size, where)
                continue
            yield number, _decoded(raw, where, is_first=number == 1)


def read_text(path: Path) -> str:
    """A whole note. Raises CaseError when it is not UTF-8, empty, binary, or longer than MAX_RECORD_BYTES."""
    size = path.stat().st_size
    if size > MAX_RECORD_BYTES:
        raise too_long(size, str(path))
    text = _decoded(path.read_bytes(), str(path), is_first=True)
    if isinstance(text, CaseError):
        raise text
    if not text.strip():
        raise CaseError("the note is empty", where=str(path), remedy="write the note or remove the file")
    return text.replace("\r\n", "\n")


def too_long(size: int, where: str) -> CaseError:
    remedy = f"keep a record below {MAX_RECORD_BYTES >> 20} MB: split the note or keep only what the question needs"
    return CaseError(f"the record has {size / 1e6:.1f} MB", where=where, remedy=remedy)


def _decoded(raw: bytes, where: str, *, is_first: bool) -> str | CaseError:
    try:
        text = raw.decode("utf-8-sig" if is_first else "utf-8")
    except UnicodeDecodeError as error:
        remedy = "save the file as UTF-8 (for example: iconv -f latin1 -t utf-8 IN > OUT)"
        return CaseError(f"not UTF-8 (byte {error.start})", where=where, remedy=remedy)
    if "\x00" in text:
        return CaseError("holds zero bytes", where=where, remedy="this is not a UTF-8 text file; export it as UTF-8")
    return text
