"""A calculator's inputs as a clinical note states them: values with units, findings that are present or denied.

Rules only, no model: what is not written near its own name is not found. `run` then says what is missing.
"""

import re
from functools import cache
from typing import Any

from cases.case import Case
from cases.errors import KnowledgeError
from knowledge.assertion import Assertion, assertion
from knowledge.calculators.calculator import CHOICE, DATE, FLAG, Calculator, Input
from knowledge.calculators.units import Quantity, convert, quantity
from knowledge.demographics import demographics

_GAP = (
    r"(?:\s*(?:\([^)]{0,20}\)|level|value|concentration|count|score|total|of|is|was|were|at|to|now|measured|=|:|,))*\s*"
)
_NUMBER = r"(?P<value>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)"
_UNIT = r"(?:\s*(?P<unit>(?:x\s*)?10\^?\d+/\w+|[°µμ%a-zA-Z/][\w°µμ/^*.³²]{0,12}(?:\s*Hg)?))?"
_PRESSURE = re.compile(r"\b(?:blood pressure|bp)\b[^\d.;]{0,30}(\d{2,3})\s*/\s*(\d{2,3})", re.IGNORECASE)


def read_inputs(calculator: Calculator, note: str) -> dict[str, Any]:
    """Input name -> value, (value, unit) or flag, for every input that the note states. The first mention counts.

    A number whose unit the quantity does not have is left out: it is likely another measurement.
    """
    found: dict[str, Any] = {}
    pressure = _PRESSURE.search(note)
    who = demographics(Case(id="note", question=note, task="short"), note)
    for item in calculator.inputs:
        if item.name == "age" and who.age_years is not None:
            found[item.name] = (who.age_years, "years")
        elif item.name == "sex" and who.sex in item.choices:
            found[item.name] = who.sex
        elif item.name in ("systolic", "diastolic") and pressure is not None:
            found[item.name] = (float(pressure.group(1 if item.name == "systolic" else 2)), "mm Hg")
        elif item.quantity == FLAG:
            value = _flag(item, note)
            if value is not None:
                found[item.name] = value
        elif item.quantity not in (CHOICE, DATE):
            measure = _measure(item, note)
            if measure is not None:
                found[item.name] = measure
    return found


def _flag(item: Input, note: str) -> bool | None:
    for match in _names(item).finditer(note):
        said = assertion(note, match.start(), match.end())
        if said is Assertion.NEGATED:
            return False
        if said in (Assertion.PRESENT, Assertion.HISTORICAL):
            return True
    return None


def _measure(item: Input, note: str) -> tuple[float, str] | None:
    kind = quantity(item.quantity)
    pattern = re.compile(rf"(?:{_names(item).pattern}){_GAP}{_NUMBER}{_UNIT}", re.IGNORECASE)
    for match in pattern.finditer(note):
        value = float(match.group("value").replace(",", ""))
        unit = _fitting(value, match.group("unit") or "", kind)
        if unit is not None:
            return value, unit
    return None


def _fitting(value: float, said: str, kind: Quantity) -> str | None:
    """The unit as written if the quantity has it; its own unit where none was written; None for another's unit."""
    words = said.strip(".,;")
    if not words or not kind.unit:
        return kind.unit
    try:
        convert(value, words, kind)
    except KnowledgeError:
        return None if "/" in words or words in ("%", "kg", "cm") else kind.unit
    return words


def _names(item: Input) -> re.Pattern[str]:
    return _any_of((item.name.replace("_", " "), *item.aliases))


@cache
def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted({name for name in names if len(name) > 1}, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest_first), re.IGNORECASE)
