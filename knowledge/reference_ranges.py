"""Adult reference intervals and critical limits of common laboratory values, in SI and US units."""

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path

from cases.case import Record
from cases.errors import KnowledgeError

_TABLE = Path(__file__).with_name("reference_ranges.toml")


class Level(StrEnum):
    CRITICAL_LOW = "critical_low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL_HIGH = "critical_high"


class Analyte(Record):
    """One laboratory value. Limits are in `unit`; `factor` times that is the value in `us_unit`."""

    id: str
    names: tuple[str, ...]
    unit: str
    us_unit: str
    factor: float
    low: float
    high: float
    critical_low: float | None = None
    critical_high: float | None = None


class Reading(Record):
    """A value beside its interval, in the table's unit."""

    analyte: str
    value: float
    unit: str
    level: Level
    interval: tuple[float, float]


@cache
def analytes() -> tuple[Analyte, ...]:
    """Every analyte of the table. Raises KnowledgeError if it is malformed."""
    return tuple(Analyte(**row) for row in _table()["analyte"])


def sources() -> tuple[str, ...]:
    """Where the intervals and the critical limits come from."""
    return tuple(f"{row['name']} ({row['year']}), {row['url']}" for row in _table()["sources"].values())


def analyte(name: str) -> Analyte:
    """By id or by any name in the table, whatever its case. Raises KnowledgeError if unknown."""
    wanted = " ".join(name.lower().split())
    for item in analytes():
        if wanted == item.id or wanted in item.names:
            return item
    known = ", ".join(item.id for item in analytes())
    raise KnowledgeError(f"no analyte is called {name!r}", remedy=f"one of: {known}")


def read(name: str, value: float, unit: str | None = None) -> Reading:
    """How a value stands to its adult interval.

    Without a unit the table's own is meant. Raises KnowledgeError for an unknown analyte, and for a unit that is
    neither of the table's two: a guess could turn a normal value into a critical one.
    """
    item = analyte(name)
    converted = value if unit is None else _converted(item, value, unit)
    level = Level.NORMAL
    if item.critical_low is not None and converted <= item.critical_low:
        level = Level.CRITICAL_LOW
    elif item.critical_high is not None and converted >= item.critical_high:
        level = Level.CRITICAL_HIGH
    elif converted < item.low:
        level = Level.LOW
    elif converted > item.high:
        level = Level.HIGH
    return Reading(analyte=item.id, value=converted, unit=item.unit, level=level, interval=(item.low, item.high))


def _converted(item: Analyte, value: float, unit: str) -> float:
    wanted = _plain(unit)
    if wanted == _plain(item.unit):
        return value
    if wanted == _plain(item.us_unit):
        return value / item.factor
    raise KnowledgeError(
        f"{item.id} is not measured in {unit!r} here", remedy=f"give it in {item.unit} or {item.us_unit}"
    )


def _plain(unit: str) -> str:
    return unit.lower().replace(" ", "").replace("µ", "u").replace("μ", "u")


@cache
def _table() -> dict:
    try:
        return tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KnowledgeError("the table of reference ranges cannot be read", where=str(_TABLE)) from error
