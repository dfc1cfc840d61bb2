"""The catalogue of specialties, and which of them a case calls for."""

import math
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import Field

from cases.case import Record
from cases.errors import KnowledgeError

_TABLE = Path(__file__).with_name("specialties.toml")


class Specialty(Record):
    """One seat that a panel can offer. `keywords` are folded words and phrases; a final `*` stands for any ending."""

    id: str
    name: str
    description: str
    keywords: tuple[str, ...]
    modalities: tuple[str, ...] = Field(default=(), description="Kinds of images and signals that this seat reads.")


@cache
def catalogue() -> tuple[Specialty, ...]:
    """Every specialty, in the order of the table. Raises KnowledgeError for a malformed table."""
    try:
        rows = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["specialty"]
        found = tuple(Specialty(**row) for row in rows)
    except (OSError, ValueError, KeyError) as error:
        raise KnowledgeError("the specialties table cannot be read", where=str(_TABLE)) from error
    repeated = [name for name, count in Counter(item.id for item in found).items() if count > 1]
    if repeated:
        raise KnowledgeError(f"specialty ids occur twice: {repeated}", where=str(_TABLE))
    return found


def specialty(name: str) -> Specialty:
    """The specialty of that id or display name, whatever its case and accents. Raises KnowledgeError if unknown."""
    wanted = fold(name).replace(" ", "_").replace("-", "_")
    for item in catalogue():
        if wanted in (item.id, fold(item.name).replace(" ", "_").replace("-", "_")):
            return item
    known = ", ".join(item.id for item in catalogue())
    raise KnowledgeError(f"no specialty is called {name!r}", remedy=f"one of: {known}")


def scores(text: str, *, modalities: Sequence[str] = ()) -> dict[str, float]:
    """Specialty id -> score: sum over its keywords found of (1 + ln count) x ln(1 + N / seats that share the keyword).

    A modality that the specialty reads adds as much as one keyword of its own, and a little more for who reads more
    kinds. 0 where nothing matches.
    """
    folded = fold(text)
    everyone = catalogue()
    shared = _shared_keywords()
    wanted = {fold(modality) for modality in modalities}
    result = {}
    for item in everyone:
        total = 0.0
        for keyword in item.keywords:
            count = len(_pattern(keyword).findall(folded))
            if count:
                total += (1 + math.log(count)) * math.log(1 + len(everyone) / shared[keyword])
        read = wanted & {fold(name) for name in item.modalities}
        total += sum(math.log(1 + len(everyone)) + 0.01 * len(item.modalities) for _ in read)
        result[item.id] = round(total, 6)
    return result


def suggest(text: str, k: int = 3, *, modalities: Sequence[str] = ()) -> tuple[Specialty, ...]:
    """The k best specialties for a case text, best first; ties keep the catalogue's order.

    Only seats with some match are returned; if there is none, general internal medicine alone.
    """
    ranked = scores(text, modalities=modalities)
    best = sorted((item for item in catalogue() if ranked[item.id] > 0), key=lambda item: -ranked[item.id])
    return tuple(best[:k]) or (specialty("internal_medicine"),)[:k]


def fold(text: str) -> str:
    """Lower case without accents, ligatures or repeated whitespace."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


@cache
def _shared_keywords() -> Counter[str]:
    return Counter(keyword for item in catalogue() for keyword in set(item.keywords))


@cache
def _pattern(keyword: str) -> re.Pattern[str]:
    stem = keyword.removesuffix("*")
    ending = r"\w*" if keyword.endswith("*") else "(?:s|es)?"
    return re.compile(rf"(?<!\w){re.escape(stem)}{ending}(?!\w)")
