"""Vital signs and the few laboratory values that decide an emergency, read from free text.

Each name has one unit: mm Hg, /min, °C, %, mmol/L (glucose and lactate too), Glasgow points. Values in the other common
unit are converted; values outside what a living body can show are dropped as misread.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cases.case import Finding


class Measurement(NamedTuple):
    """A value in the unit of its name, and the span of text it was read from."""

    name: str
    value: float
    start: int
    end: int


_GAP = (
    r"(?:\s*(?:\(\w+\+?\)|level|value|concentration|score|count|rate|readings?|reading|of|is|was|are|were|at|to|in the|"
)
_GAP += r"remains|now|currently|about|approximately|measured|by palpation|=|:|,|~|≈))*\s*"
_NUMBER = r"(?P<value>\d{1,4}(?:[.,]\d{1,2})?)(?!\d|[.,]\d|/\d|\s*[-–]\s*\d)"
_SERUM = r"(?:serum|plasma|blood|fingerstick|capillary|random|venous|arterial|total)?\s*"

_PATTERNS: dict[str, str] = {
    "temperature": rf"\b(?:temperature|temp|t)\b\.?{_GAP}{_NUMBER}\s*(?P<unit>°\s*[CF]|º\s*[CF]|[CF]\b"
    rf"|degrees? (?:C|F)\w*)?",
    "heart_rate": rf"\b(?:heart rate|pulse(?: rate)?|hr|p)\b{_GAP}{_NUMBER}(?!\s*(?:%|mm))",
    "respiratory_rate": rf"\b(?:respirations?|respiratory rate|rr|breathing rate)\b{_GAP}{_NUMBER}(?!\s*%)",
    "spo2": rf"\b(?:(?:oxygen|o2) sat(?:uration|s)?|spo2|sao2|saturations?|pulse oximetry(?: shows| reading)?|sats?)\b"
    rf"(?:\s*(?:on|in)\s*(?:room air|ambient air))?{_GAP}{_NUMBER}\s*%?",
    "gcs": rf"\b(?:gcs|glasgow coma (?:scale"
    rf"|score)(?: score)?)\b{_GAP}(?P<value>\d{{1,2}})(?:\s*/\s*15)?\b(?!\s*[-–]\s*\d)",
    "glucose": rf"\b{_SERUM}(?:glucose|blood sugar|sugar)\b{_GAP}{_NUMBER}\s*(?P<unit>mg/d[lL]|mmol/[lL])?",
    "potassium": rf"\b{_SERUM}(?:potassium|k\+)(?!\w){_GAP}{_NUMBER}",
    "sodium": rf"\b{_SERUM}(?:sodium|na\+)(?!\w){_GAP}{_NUMBER}",
    "ph": rf"\b(?:arterial|venous|blood)?\s*ph\b{_GAP}(?P<value>[67][.,]\d{{1,2}})",
    "lactate": rf"\b{_SERUM}lactate\b{_GAP}{_NUMBER}\s*(?P<unit>mg/d[lL]|mmol/[lL]|mEq/[lL])?",
    "bicarbonate": rf"\b{_SERUM}(?:bicarbonate|hco3-?|hco3[-−–]?)(?!\w){_GAP}{_NUMBER}",
}  # fmt: skip
_COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS.items()}
_PRESSURE = re.compile(
    r"\b(?:blood pressures?|bp"
    r"|pressure)\b[^.;\n]{0,40}?(?<![\d/.])(?P<systolic>\d{2,3})\s*/\s*(?P<diastolic>\d{2,3}|palp\w*)"
    r"|\b(?:systolic(?: blood)?(?: pressure)?|sbp)\b(?:\s*(?:blood|pressure|of|is|was|at|to"
    r"|=|:))*\s*(?P<only>\d{2,3})(?!\s*[-–/]\s*\d)"
    r"|(?<![\d/.])(?P<bare>\d{2,3})\s*/\s*(?P<bare_diastolic>\d{2,3})\s*mm\s*hg",
    re.IGNORECASE,
)
_PLAUSIBLE: dict[str, tuple[float, float]] = {
    "temperature": (20, 45),
    "heart_rate": (15, 320),
    "respiratory_rate": (2, 120),
    "spo2": (30, 100),
    "gcs": (3, 15),
    "glucose": (0.3, 120),
    "potassium": (1.2, 11),
    "sodium": (95, 195),
    "ph": (6.5, 7.9),
    "lactate": (0.2, 35),
    "bicarbonate": (1, 60),
    "sbp": (30, 300),
    "dbp": (10, 200),
}
NAMES = tuple(_PLAUSIBLE)
_FINDING_NAMES = {
    "temperature": "temperature",
    "heart rate": "heart_rate",
    "pulse": "heart_rate",
    "respiratory rate": "respiratory_rate",
    "spo2": "spo2",
    "oxygen saturation": "spo2",
    "gcs": "gcs",
    "glucose": "glucose",
    "potassium": "potassium",
    "sodium": "sodium",
    "ph": "ph",
    "lactate": "lactate",
    "bicarbonate": "bicarbonate",
    "systolic blood pressure": "sbp",
    "diastolic blood pressure": "dbp",
}


def measurements(text: str) -> list[Measurement]:
    """Every measurement that the text states, in order of place."""
    found = list(_pressures(text))
    for name, pattern in _COMPILED.items():
        for match in pattern.finditer(text):
            value = _converted(name, _number(match.group("value")), match.groupdict().get("unit"))
            if _is_plausible(name, value):
                found.append(Measurement(name, value, match.start(), match.end()))
    return sorted(found, key=lambda item: (item.start, item.name))


def of_findings(findings: Iterable[Finding]) -> dict[str, float]:
    """Name -> value of those findings of a visit that are vital signs; the last one of a name wins."""
    values: dict[str, float] = {}
    for finding in findings:
        name = _FINDING_NAMES.get(finding.name.strip().lower())
        if name is None or not isinstance(finding.value, int | float):
            continue
        value = _converted(name, float(finding.value), finding.unit)
        if _is_plausible(name, value):
            values[name] = value
    return values


def _pressures(text: str) -> Iterator[Measurement]:
    for match in _PRESSURE.finditer(text):
        systolic = match.group("systolic") or match.group("only") or match.group("bare")
        diastolic = match.group("diastolic") or match.group("bare_diastolic")
        if _is_plausible("sbp", float(systolic)):
            if diastolic and diastolic.isdigit() and float(diastolic) >= float(systolic):
                continue
            yield Measurement("sbp", float(systolic), match.start(), match.end())
            if diastolic and diastolic.isdigit() and _is_plausible("dbp", float(diastolic)):
                yield Measurement("dbp", float(diastolic), match.start(), match.end())


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _converted(name: str, value: float, unit: str | None) -> float:
    unit = (unit or "").lower()
    if name == "temperature" and (unit.endswith("f") or "fahrenheit" in unit or value > 45):
        return round((value - 32) / 1.8, 1)
    if name == "glucose" and ("mg" in unit or (not unit.startswith("mmol") and value > 45)):
        return round(value / 18.016, 2)
    if name == "lactate" and "mg" in unit:
        return round(value / 9.008, 2)
    return value


def _is_plausible(name: str, value: float) -> bool:
    low, high = _PLAUSIBLE[name]
    return low <= value <= high
