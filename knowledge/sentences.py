"""Where the sentences of clinical text begin and end, as offsets into the text itself."""

import re
from functools import lru_cache

_ABBREVIATIONS = (
    "dr|mr|mrs|ms|prof|st|vs|etc|e\\.g|i\\.e|cf|fig|figs|no|nos|approx|al|resp|temp|pt|max|min|ca|sp|spp|b\\.i\\.d"
    "|t\\.i\\.d|q\\.i\\.d|p\\.o|i\\.v|i\\.m|vol|rec|ref"
)
_BREAK = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s+|$)|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)|;\s*\n")
_ABBREVIATION_END = re.compile(rf"(?:^|[\s(])(?:(?i:{_ABBREVIATIONS})|[A-Z])\.$")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without surrounding whitespace; together they hold every visible character.

    A full stop after a common abbreviation or an initial, or before a lower-case word or a digit, ends nothing;
    a blank line and a list bullet do.
    """
    return list(_spans(text))


@lru_cache(maxsize=64)
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BREAK.finditer(text):
        end = match.end()
        if match.group()[0] == ".":
            following = text[end:].lstrip(" \t")[:1]
            if following.islower() or _ABBREVIATION_END.search(text, max(start, end - 12), end):
                continue
        _append(spans, text, start, end)
        start = end
    _append(spans, text, start, len(text))
    return tuple(spans)


def sentences(text: str) -> list[str]:
    """The sentences of the text, stripped."""
    return [text[start:end] for start, end in sentence_spans(text)]


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    if right > left:
        spans.append((start + left, start + right))
