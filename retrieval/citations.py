"""Is the quoted span really in its source, and where?

Exact first; then with case, white space, quotation marks, dashes, accents, ligatures and emphasis made equal; then the
most similar stretch (rapidfuzz), whose similarity is shown. Offsets always point into the text as it was given.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from cases.evidence import Citation, CitationStatus, Evidence

FUZZY_FLOOR = 0.85
"""Similarity at and above which a stretch of the source counts as the quoted one."""
SHORT_WORDS, SHORT_CHARACTERS = 3, 12
"""A quote below either is found exactly, as whole words, or not at all: similarity means nothing for it."""

_ELLIPSIS = re.compile(r"\s*(?:\[\s*)?(?:\.{3,}|…)(?:\s*\])?\s*")
_EQUAL = {
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("*_\u00ad\u200b\u200c\u200d\ufeff", ""),
    "≥": ">=",
    "≤": "<=",
    "…": "...",
}


class Located(NamedTuple):
    """How and where a quote was found: `text[start:end]`; (unverified, best similarity, None, None) if it was not."""

    status: CitationStatus
    score: float
    start: int | None = None
    end: int | None = None


def locate(quote: str, text: str, *, floor: float = FUZZY_FLOOR) -> Located:
    """Find the quote in the text.

    A quote with an ellipsis is found when its parts are, in order; the span then runs from the first to the last, and
    the score is that of the worst part. Never raises.
    """
    quote = quote.strip().strip("\"'“”‘’").strip()
    if not quote or not text:
        return Located(CitationStatus.UNVERIFIED, 0.0)
    whole = _locate_part(quote, text, 0, floor)
    parts = [part for part in _ELLIPSIS.split(quote) if part]
    if whole.status is not CitationStatus.UNVERIFIED or len(parts) < 2:
        return whole
    return _locate_parts(parts, text, floor, whole.score)


def verify(citation: Citation, evidence: Sequence[Evidence]) -> Citation:
    """The citation with status, score and offsets set from the evidence it names; unverified if it names none.

    A span of another piece of evidence than the one named does not count: the reader would open the wrong source.
    """
    named = next((item for item in evidence if item.id == citation.evidence_id), None)
    found = locate(citation.quote, named.text) if named is not None else Located(CitationStatus.UNVERIFIED, 0.0)
    return citation.model_copy(
        update={"status": found.status, "score": found.score, "start": found.start, "end": found.end}
    )


def _locate_parts(parts: list[str], text: str, floor: float, fallback: float) -> Located:
    """Parts in order; every one must be found after the one before it."""
    position, found = 0, []
    for part in parts:
        located = _locate_part(part, text, position, floor)
        if located.end is None:
            return Located(CitationStatus.UNVERIFIED, fallback)
        found.append(located)
        position = located.end
    worst = min(found, key=lambda item: item.score)
    status = CitationStatus.FUZZY if worst.score < 1.0 else CitationStatus.NORMALISED
    return Located(status, worst.score, found[0].start, found[-1].end)


def _locate_part(quote: str, text: str, begin: int, floor: float) -> Located:
    start = _find(quote, text, begin, whole_words=_is_short(quote))
    if start is not None:
        return Located(CitationStatus.EXACT, 1.0, start, start + len(quote))
    folded_text, origin = _fold(text, begin)
    folded_quote, _ = _fold(quote)
    folded_quote = folded_quote.strip()
    if not folded_quote:
        return Located(CitationStatus.UNVERIFIED, 0.0)
    start = _find(folded_quote, folded_text, 0, whole_words=_is_short(folded_quote))
    if start is not None:
        return Located(CitationStatus.NORMALISED, 1.0, *_original(origin, start, start + len(folded_quote)))
    if _is_short(folded_quote):
        return Located(CitationStatus.UNVERIFIED, 0.0)
    return _fuzzy(folded_quote, folded_text, origin, floor)


def _fuzzy(quote: str, text: str, origin: list[int], floor: float) -> Located:
    from rapidfuzz import fuzz

    if len(text) < len(quote):
        # partial_ratio would slide the source inside the quote: a quote longer than its source is compared as a whole.
        return _graded(fuzz.ratio(quote, text) / 100, 0, len(text), quote, text, origin, floor)
    aligned = fuzz.partial_ratio_alignment(quote, text)
    if aligned is None:
        return Located(CitationStatus.UNVERIFIED, 0.0)
    start, end = _to_word_edges(text, aligned.dest_start, aligned.dest_end)
    return _graded(fuzz.ratio(quote, text[start:end]) / 100, start, end, quote, text, origin, floor)


def _graded(score: float, start: int, end: int, quote: str, text: str, origin: list[int], floor: float) -> Located:
    """A similar stretch counts only if the numbers and negations in it are the quote's own: those change the claim."""
    if score < floor or _claims(quote) != _claims(text[start:end]):
        return Located(CitationStatus.UNVERIFIED, min(score, 0.999))
    return Located(CitationStatus.FUZZY, min(score, 0.999), *_original(origin, start, end))


def _claims(text: str) -> tuple[list[str], int]:
    numbers = sorted(re.findall(r"\d+(?:[.,]\d+)*", text))
    return numbers, len(re.findall(r"\b(?:no|not|never|without|avoid|contraindicated|cannot)\b|n't\b", text))


def _find(quote: str, text: str, begin: int, *, whole_words: bool) -> int | None:
    if not whole_words:
        start = text.find(quote, begin)
        return start if start >= 0 else None
    left = r"(?<!\w)" if quote[0].isalnum() else ""
    right = r"(?!\w)" if quote[-1].isalnum() else ""
    match = re.compile(left + re.escape(quote) + right).search(text, begin)
    return match.start() if match else None


def _is_short(quote: str) -> bool:
    return len(quote.split()) < SHORT_WORDS or len(quote) < SHORT_CHARACTERS


def _fold(text: str, begin: int = 0) -> tuple[str, list[int]]:
    """The text made comparable, and for each of its characters the offset in the original that it came from."""
    characters: list[str] = []
    origin: list[int] = []
    for index in range(begin, len(text)):
        character = text[index]
        if character.isspace():
            if characters and characters[-1] != " ":
                characters.append(" ")
                origin.append(index)
            continue
        plain = _EQUAL.get(character)
        if plain is None:
            plain = unicodedata.normalize("NFKD", character).casefold()
            plain = "".join(_EQUAL.get(piece, piece) for piece in plain if not unicodedata.combining(piece))
        for piece in plain:
            characters.append(piece)
            origin.append(index)
    return "".join(characters), origin


def _original(origin: list[int], start: int, end: int) -> tuple[int, int]:
    return origin[start], origin[end - 1] + 1


def _to_word_edges(text: str, start: int, end: int) -> tuple[int, int]:
    """Grow a stretch that begins or ends inside a word, so that what is shown is readable."""
    while start > 0 and text[start - 1].isalnum() and text[start : start + 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1 : end].isalnum():
        end += 1
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    return start, end
