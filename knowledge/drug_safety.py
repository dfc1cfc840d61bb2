"""Dose ceilings of common drugs, and interactions between drugs that kill or disable.

A small sourced table (drug_safety.toml): what it does not hold may still be dangerous, and every answer says which of
the drugs it does not know.
"""

import re
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from cases.case import Record
from cases.errors import KnowledgeError
from knowledge.specialties import fold

_TABLE = Path(__file__).with_name("drug_safety.toml")
PERIODS = ("dose", "day", "week")


class Severity(StrEnum):
    MODERATE = "moderate"
    MAJOR = "major"
    CONTRAINDICATED = "contraindicated"


class Ceiling(Record):
    """The most of a drug that its source allows, by route and age in whole years (both ends included)."""

    drug: str
    names: tuple[str, ...] = ()
    route: str
    per: str
    max_mg: float = Field(gt=0)
    max_mg_per_kg: float | None = None
    age_from: int | None = None
    age_to: int | None = None
    note: str = ""
    source: str

    @property
    def ages(self) -> str:
        """ " from 18 to 60 years"; nothing where it holds for every age."""
        if self.age_from is None and self.age_to is None:
            return ""
        return f" from {self.age_from or 0}" + (f" to {self.age_to} years" if self.age_to else " years")

    def fits(self, age_years: float) -> bool:
        whole = int(age_years)
        return (self.age_from is None or whole >= self.age_from) and (self.age_to is None or whole <= self.age_to)


class DoseReading(Record):
    """A dose beside its ceiling. `share` is dose / limit; above 1 the dose is too high."""

    drug: str
    dose_mg: float
    limit_mg: float
    per: str
    share: float
    note: str
    source: str

    @property
    def is_above(self) -> bool:
        return self.share > 1


class Interaction(Record):
    """What two drugs, or a drug and a class, do to each other, and what to do about it."""

    between: tuple[str, str]
    severity: Severity
    effect: str
    mechanism: str
    action: str
    source: str
    drugs: tuple[str, str] = Field(default=("", ""), description="The two drugs of the list that met it.")


class InteractionReport(Record):
    """Interactions of a list of drugs, the worst first. `unknown`: names that the table does not have."""

    found: tuple[Interaction, ...]
    unknown: tuple[str, ...]


def ceilings(drug: str | None = None) -> tuple[Ceiling, ...]:
    """Every ceiling, or those of one drug by any of its names. Raises KnowledgeError if it has none."""
    if drug is None:
        return _ceilings()
    wanted = drug_name(drug)
    found = tuple(item for item in _ceilings() if wanted == item.drug)
    if not found:
        known = ", ".join(sorted({item.drug for item in _ceilings()}))
        raise KnowledgeError(f"no dose ceiling of {drug!r} is known", remedy=f"known: {known}")
    return found


def read_dose(
    drug: str,
    dose_mg: float,
    *,
    age_years: float,
    per: str = "day",
    route: str = "oral",
    weight_kg: float | None = None,
) -> DoseReading:
    """How a dose in mg `per` dose, day or week stands to the ceiling for that route and age.

    Where the ceiling is by weight as well, the lesser limit counts. Raises KnowledgeError for a drug, route, period or
    age without a ceiling: no answer is better than one for another patient.
    """
    if dose_mg <= 0 or per not in PERIODS:
        raise KnowledgeError(f"{dose_mg} mg per {per} is no dose", remedy=f"a positive number per {', '.join(PERIODS)}")
    fitting = [item for item in ceilings(drug) if (item.route, item.per) == (route, per) and item.fits(age_years)]
    if not fitting:
        known = "; ".join(f"{item.route} per {item.per}{item.ages}" for item in ceilings(drug))
        raise KnowledgeError(f"no ceiling of {drug} {route} per {per} at {age_years:g} years", remedy=f"known: {known}")
    item = min(fitting, key=lambda ceiling: ceiling.max_mg)
    by_weight = item.max_mg_per_kg * weight_kg if item.max_mg_per_kg is not None and weight_kg is not None else None
    limit = min(item.max_mg, by_weight) if by_weight is not None else item.max_mg
    return DoseReading(
        drug=item.drug, dose_mg=dose_mg, limit_mg=limit, per=per, share=dose_mg / limit, note=item.note,
        source=source(item.source),
    )  # fmt: skip


def interactions(drugs: Sequence[str]) -> InteractionReport:
    """Every known interaction between the drugs of a list, whatever their order, each pair once."""
    members = _classes()
    groups = {name: {drug_name(name), *(kind for kind, drugs_ in members.items() if drug_name(name) in drugs_)}
              for name in dict.fromkeys(drugs)}  # fmt: skip
    found = []
    for (left, ours), (right, theirs) in combinations(groups.items(), 2):
        for item in _interactions():
            a, b = item.between
            if (a in ours and b in theirs) or (b in ours and a in theirs):
                found.append(item.model_copy(update={"drugs": (left, right), "source": source(item.source)}))
    order = list(Severity)
    found.sort(key=lambda item: -order.index(item.severity))
    return InteractionReport(
        found=tuple(found), unknown=tuple(name for name in groups if drug_name(name) not in _known())
    )


def drugs_named(text: str) -> tuple[str, ...]:
    """The drugs of the table that a text names, in order of place, each once, by the table's name."""
    folded = fold(text)
    places = []
    for name in [*_known(), *_synonyms()]:
        match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded)
        if match:
            places.append((match.start(), -len(name), drug_name(name)))
    return tuple(dict.fromkeys(name for _, _, name in sorted(places)))


def drug_name(name: str) -> str:
    """The table's name of a drug: "Rifampicin" -> "rifampin"; an unknown one only folded."""
    folded = fold(name)
    return _synonyms().get(folded, folded)


def source(key: str) -> str:
    """A source of the table with its year and address. Raises KnowledgeError for an unknown key."""
    row = _table()["sources"].get(key)
    if row is None:
        raise KnowledgeError(f"no source is called {key!r}", where=str(_TABLE))
    return f"{row['name']} ({row['year']}), {row['url']}"


@cache
def _ceilings() -> tuple[Ceiling, ...]:
    return tuple(_checked(Ceiling, row) for row in _table()["ceiling"])


@cache
def _interactions() -> tuple[Interaction, ...]:
    return tuple(_checked(Interaction, row) for row in _table()["interaction"])


@cache
def _classes() -> dict[str, frozenset[str]]:
    return {name: frozenset(row["members"]) for name, row in _table()["classes"].items()}


@cache
def _synonyms() -> dict[str, str]:
    return {**_table()["names"], **{name: item.drug for item in _ceilings() for name in item.names}}


@cache
def _known() -> frozenset[str]:
    single = {name for item in _interactions() for name in item.between if name not in _classes()}
    return frozenset(
        single | {item.drug for item in _ceilings()} | {name for row in _classes().values() for name in row}
    )


def _checked(kind: Any, row: dict) -> Any:
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        raise KnowledgeError(f"a row of the table is malformed: {error}", where=str(_TABLE)) from error


@cache
def _table() -> dict:
    try:
        return tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KnowledgeError("the table of drug safety cannot be read", where=str(_TABLE)) from error
