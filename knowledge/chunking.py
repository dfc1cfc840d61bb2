"""Documents into chunks that follow their structure: headings, paragraphs, lists, tables, sentences.

A chunk never crosses a heading of the top two levels, keeps its heading path, and is cut between sentences, list items
and table rows; only a unit that is longer than the window itself is cut between words.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from knowledge.sentences import sentences

WINDOW_WORDS, OVERLAP_WORDS = 128, 32

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+")
_TABLE_RULE = re.compile(r"^\s*\|?[\s:|-]+\|[\s:|-]*$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*\*|\*\*|\*|___|__|`+)(?=\S)(.+?)(?<=\S)\1")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


class Section(NamedTuple):
    """A heading path, outermost first, and the units under it: sentences, list items, table rows, code lines."""

    path: tuple[str, ...]
    units: tuple[str, ...]


class Chunk(NamedTuple):
    """Text of at most the window's words, and the heading path it stands under, joined with ' > '."""

    section: str
    text: str


def chunk_markdown(text: str, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS) -> list[Chunk]:
    """The chunks of a Markdown document. Small sections under one second-level heading share a chunk."""
    _check(window, overlap)
    chunks: list[Chunk] = []
    for path, units in _merged(list(markdown_sections(text)), window):
        chunks += [Chunk(" > ".join(path), piece) for piece in pack(units, window=window, overlap=overlap)]
    return chunks


def chunk_text(text: str, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS) -> list[Chunk]:
    """The chunks of plain text: sentences packed into windows."""
    _check(window, overlap)
    return [Chunk("", piece) for piece in pack(tuple(sentences(text)), window=window, overlap=overlap)]


def markdown_sections(text: str) -> Iterator[Section]:
    """The sections of a Markdown document in order; emphasis, links, quote marks and comments are made plain."""
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    is_code = False
    for line in [*_COMMENT.sub("", text).splitlines(), None]:
        if line is not None and _FENCE.match(line):
            is_code = not is_code
            lines.append("")
            continue
        heading = None if line is None or is_code else _HEADING.match(line)
        if line is None or heading is not None:
            units = tuple(_units(lines))
            if units:
                yield Section(tuple(name for _, name in path), units)
            lines = []
        if heading is not None:
            level = len(heading.group(1))
            path = [entry for entry in path if entry[0] < level]
            path.append((level, _plain(heading.group(2))))
        elif line is not None:
            lines.append(f"\t{line}" if is_code else line)


def pack(units: tuple[str, ...], *, window: int, overlap: int) -> Iterator[str]:
    """Units joined into texts of at most `window` words; the last `overlap` words or fewer begin the next text."""
    pieces = [part for unit in units for part in _fitting(unit, window)]
    current: list[str] = []
    is_new = False
    for piece in pieces:
        if current and is_new and _words(current) + len(piece.split()) > window:
            yield _joined(current)
            current = _tail(current, min(overlap, window - len(piece.split())))
            is_new = False
        current.append(piece)
        is_new = True
    if current and is_new:
        yield _joined(current)


def _merged(sections: list[Section], window: int) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Neighbouring small sections with the same first two headings, joined; deeper headings become lines of text."""
    group: list[Section] = []
    for section in [*sections, None]:
        joins = (
            section is not None
            and bool(group)
            and section.path[:2] == group[0].path[:2]
            and len(section.path) > 2
            and sum(_words(list(item.units)) for item in group) + _words(list(section.units)) <= window * 0.8
        )
        if group and not joins:
            if len(group) == 1:
                yield group[0].path, group[0].units
            else:
                shared = group[0].path[:2]
                yield (
                    shared,
                    tuple(
                        unit for item in group for unit in (*(f"{name}:" for name in item.path[2:][-1:]), *item.units)
                    ),
                )
            group = []
        if section is not None:
            group.append(section)


def _units(lines: list[str]) -> Iterator[str]:
    """Sentences of paragraphs; list items with their continuation; table rows; lines of code."""
    paragraph: list[str] = []

    def flush() -> Iterator[str]:
        text = _plain(" ".join(paragraph))
        paragraph.clear()
        if text:
            yield from sentences(text)

    for line in lines:
        if line.startswith("\t"):
            yield from flush()
            if line.strip():
                yield " ".join(line.split())
            continue
        bare = re.sub(r"^\s*(?:>\s?)+", "", line)
        if not bare.strip() or re.fullmatch(r"\s*(?:-{3,}|\*{3,}|_{3,})\s*", bare):
            yield from flush()
        elif bare.lstrip().startswith("|"):
            yield from flush()
            if not _TABLE_RULE.match(bare):
                yield " | ".join(_plain(cell) for cell in bare.strip().strip("|").split("|"))
        elif _ITEM.match(bare):
            yield from flush()
            paragraph.append(bare.strip())
        else:
            paragraph.append(bare.strip())
    yield from flush()


def _plain(text: str) -> str:
    text = _LINK.sub(r"\1", text)
    for _ in range(3):
        text = _EMPHASIS.sub(r"\2", text)
    return " ".join(text.split())


def _fitting(unit: str, window: int) -> Iterator[str]:
    words = unit.split()
    if len(words) <= window:
        yield unit
        return
    for start in range(0, len(words), window):
        yield " ".join(words[start : start + window])


def _tail(pieces: list[str], budget: int) -> list[str]:
    kept: list[str] = []
    for piece in reversed(pieces):
        if _words([piece, *kept]) > budget:
            break
        kept.insert(0, piece)
    return kept


def _joined(pieces: list[str]) -> str:
    """List items and table rows on lines of their own, sentences in one line."""
    text = ""
    for piece in pieces:
        separator = "\n" if text and (_ITEM.match(piece) or " | " in piece or piece.endswith(":")) else " "
        text = f"{text}{separator if text else ''}{piece}"
    return text


def _words(pieces: list[str]) -> int:
    return sum(len(piece.split()) for piece in pieces)


def _check(window: int, overlap: int) -> None:
    if window < 1 or not 0 <= overlap < window:
        raise ValueError(f"overlap must be in [0, window), got window={window}, overlap={overlap}")
