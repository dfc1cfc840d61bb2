"""What to search for: a long vignette becomes a few short queries, since an encoder reads only its first 256 tokens."""

import re
from typing import NamedTuple

from cases.case import Case
from knowledge.sentences import sentences
from retrieval.lexical import tokens

PIECE_WORDS = 48
"""Words of one dense query: about a passage's sentence or two, where short-query encoders do best."""
MAX_PIECES = 8

_ASKS = re.compile(
    r"\?\s*[\"”']?\s*$|^(?:which|what|how|why|when|where|who)\b|\bwhich of the following\b", re.IGNORECASE
)
_EMPTY_PHRASES = re.compile(
    r"\b(?:which of the following (?:best )?(?:is|are|would|will|describes|explains)?|what is"
    r"|the most likely|most appropriate"
    r"|the following|in this patient|of this patient|this patient'?s?|best explains?"
    r"|next (?:best )?step in|options?:)\b",
    re.IGNORECASE,
)


class Query(NamedTuple):
    """`words` is searched as a bag of words, `pieces` by their meaning: each alone, or `is_averaged` by their mean.

    `asked` is the question before it was rewritten ('' if it was not): relevance is judged by it.
    """

    words: str
    pieces: tuple[str, ...]
    is_averaged: bool = False
    asked: str = ""


def make_query(text: str) -> Query:
    """A short text is one piece. A long one is cut into windows of sentences.

    Left out of a long one: rows of vital signs and laboratory values, which resemble every guideline's tables, and
    sentences that only ask.
    """
    plain = " ".join(text.split())
    if len(plain.split()) <= PIECE_WORDS:
        return Query(plain, (plain,) if plain else ())
    told = [sentence for sentence in (" ".join(item.split()) for item in sentences(text)) if _tells(sentence)]
    windows: list[str] = []
    for sentence in told or [plain]:
        if windows and len(windows[-1].split()) + len(sentence.split()) <= PIECE_WORDS:
            windows[-1] += " " + sentence
        else:
            windows.append(" ".join(sentence.split()[: PIECE_WORDS * 2]))
    if len(windows) > MAX_PIECES:
        half = MAX_PIECES // 2
        windows = windows[:half] + windows[-half:]
    return Query(" ".join(told) or plain, tuple(dict.fromkeys(windows)))


def _tells(sentence: str) -> bool:
    words = sentence.split()
    numbers = sum(any(letter.isdigit() for letter in word) for word in words)
    if numbers >= 3 and numbers >= 0.2 * len(words):
        return False
    return len(tokens(_EMPTY_PHRASES.sub(" ", sentence))) >= 3


def case_query(case: Case) -> str:
    """The question and its context, then the options: what a first search for a case should be given."""
    parts = [case.context or "", *(visit.note or "" for visit in case.visits), case.question]
    if case.options:
        parts.append("; ".join(case.options.values()))
    return "\n".join(part for part in parts if part.strip())


def asked(text: str) -> str:
    """The last sentence that asks something, or the last sentence."""
    every = sentences(text)
    return next((item for item in reversed(every) if _ASKS.search(item)), every[-1] if every else "")
