"""Units both ways: what a value in one unit of a quantity is in another.

A concentration is converted between mass, amount and equivalents by its molar mass; every other quantity has a table of
factors. Units are written as laboratories write them ("mg/dL", "µmol/L", "10^9/L", "mm Hg"), whatever the case of
words and the spaces.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from cases.errors import KnowledgeError


class Quantity(NamedTuple):
    """A kind of measured value. Values are computed in `unit`; `factors`: unit -> value of one of it in `unit`.

    With a molar mass (g/mol) it is a concentration and takes any mass, amount or equivalents per volume.
    """

    name: str
    unit: str
    factors: Mapping[str, float] = {}
    molar_mass: float | None = None
    valence: int = 1
    offered: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        """The units that a schema offers, the one of computing first."""
        return tuple(dict.fromkeys((self.unit, *self.offered, *self.factors)))


_MASS = {"kg": 1e3, "g": 1.0, "mg": 1e-3, "µg": 1e-6, "mcg": 1e-6, "ug": 1e-6, "ng": 1e-9, "pg": 1e-12}
_AMOUNT = {"mol": 1.0, "mmol": 1e-3, "µmol": 1e-6, "umol": 1e-6, "nmol": 1e-9, "pmol": 1e-12}
_EQUIVALENT = {"eq": 1.0, "meq": 1e-3, "µeq": 1e-6}
_VOLUME = {"l": 1.0, "dl": 1e-1, "ml": 1e-3, "µl": 1e-6, "ul": 1e-6}


def _concentration(name: str, unit: str, molar_mass: float, *offered: str, valence: int = 1) -> Quantity:
    return Quantity(name, unit, {}, molar_mass, valence, offered)


def _table(name: str, unit: str, **factors: float) -> Quantity:
    return Quantity(name, unit, factors)


QUANTITIES: dict[str, Quantity] = {
    item.name: item
    for item in (
        _concentration("albumin", "g/dL", 66500, "g/L", "µmol/L"),
        _concentration("bicarbonate", "mEq/L", 61.017, "mmol/L"),
        _concentration("bilirubin", "mg/dL", 584.66, "µmol/L"),
        _concentration("calcium", "mg/dL", 40.078, "mmol/L", "mEq/L", valence=2),
        _concentration("chloride", "mEq/L", 35.453, "mmol/L"),
        _concentration("cholesterol", "mg/dL", 386.65, "mmol/L"),
        _concentration("creatinine", "mg/dL", 113.12, "µmol/L"),
        _concentration("glucose", "mg/dL", 180.156, "mmol/L"),
        _concentration("hemoglobin", "g/dL", 16114.5, "g/L", "mmol/L"),
        _concentration("potassium", "mEq/L", 39.098, "mmol/L"),
        _concentration("sodium", "mEq/L", 22.990, "mmol/L"),
        _concentration("triglycerides", "mg/dL", 885.43, "mmol/L"),
        _concentration("urea_nitrogen", "mg/dL", 28.014, "mmol/L"),
        Quantity("age", "years", {"y": 1, "months": 1 / 12, "weeks": 7 / 365.25, "days": 1 / 365.25}),
        Quantity("bmi", "kg/m^2"),
        Quantity("cells", "10^9/L", {"/µL": 1e-3, "/mm^3": 1e-3, "10^3/µL": 1, "K/µL": 1, "10^6/L": 1e-3, "/L": 1e-9}),
        Quantity("dose", "mg", {"g": 1e3, "µg": 1e-3}),
        Quantity("daily_dose", "mg/day", {"g/day": 1e3, "µg/day": 1e-3}),
        Quantity("dose_rate", "µg/kg/min", {"mg/kg/min": 1e3, "µg/kg/h": 1 / 60}),
        Quantity("enzyme", "U/L", {"IU/L": 1, "µkat/L": 60}),
        Quantity("fraction", "%", {"fraction": 100}),
        Quantity("insulin", "µIU/mL", {"mIU/L": 1, "pmol/L": 1 / 6}),
        Quantity("interval", "ms", {"s": 1e3}),
        Quantity("length", "cm", {"m": 100, "mm": 0.1, "in": 2.54, "ft": 30.48}),
        Quantity("number", ""),
        Quantity("per_day", "/day"),
        Quantity("pressure", "mm Hg", {"kPa": 7.500617}),
        Quantity("rate", "/min"),
        Quantity("temperature", "°C", {"°F": 5 / 9, "K": 1}),
        Quantity("patch", "µg/h"),
        Quantity("urine_output", "mL/day", {"L/day": 1e3, "mL/h": 24}),
        Quantity("weight", "kg", {"g": 1e-3, "lb": 0.45359237, "oz": 0.028349523}),
    )
}  # fmt: skip
_OFFSETS = {"°f": -32.0, "k": -273.15}
_SPELLINGS = {
    "year": "years", "yr": "years", "yrs": "years", "month": "months", "week": "weeks", "day": "days", "yearsold": "y",
    "lbs": "lb", "pound": "lb", "pounds": "lb", "kgs": "kg", "kilograms": "kg", "grams": "g", "inches": "in",
    "inch": "in", "feet": "ft", "foot": "ft", "meters": "m", "metres": "m", "centimeters": "cm",
    "degreescelsius": "°c", "degreesfahrenheit": "°f", "celsius": "°c", "fahrenheit": "°f", "c": "°c", "f": "°f",
    "degc": "°c", "degf": "°f", "mmhg": "mmhg", "torr": "mmhg", "bpm": "/min", "beatsperminute": "/min",
    "beats/min": "/min", "breathsperminute": "/min", "breaths/min": "/min", "msec": "ms", "seconds": "s", "sec": "s",
    "percent": "%", "perday": "/day", "mm^3": "/mm^3", "cells/µl": "/µl", "cells/mm^3": "/mm^3", "x10^9/l": "10^9/l",
    "×10^9/l": "10^9/l", "10e9/l": "10^9/l", "10*9/l": "10^9/l", "g/l": "g/l", "kg/m2": "kg/m^2", "10^3/mm^3":
    "10^3/µl", "iu/l": "iu/l", "units/l": "u/l", "mcg/kg/min": "µg/kg/min", "mcg/h": "µg/h", "mcg/hr": "µg/h",
    "mcg": "µg", "mcg/day": "µg/day", "ml/24h": "ml/day", "uiu/ml": "µiu/ml", "µu/ml": "µiu/ml",
}  # fmt: skip


def quantity(name: str) -> Quantity:
    """The quantity of that name. Raises KnowledgeError if there is none."""
    try:
        return QUANTITIES[name]
    except KeyError as error:
        raise KnowledgeError(f"no quantity is called {name!r}", remedy=f"one of: {', '.join(QUANTITIES)}") from error


def convert(value: float, unit: str, kind: Quantity, *, to: str | None = None) -> float:
    """`value` in `unit` as a value in `to` (default: the quantity's own unit).

    Raises KnowledgeError for a unit that the quantity does not have: a guess would give a wrong number.
    """
    factor, offset = _factor(unit, kind)
    canonical = (value + offset) * factor
    if to is None:
        return canonical
    factor, offset = _factor(to, kind)
    return canonical / factor - offset


def _factor(unit: str, kind: Quantity) -> tuple[float, float]:
    """(factor, offset) such that (value + offset) * factor is in the quantity's own unit."""
    wanted = normalised(unit)
    if wanted == normalised(kind.unit):
        return 1.0, 0.0
    known = _normalised_factors(kind.name)
    if wanted in known:
        return known[wanted], _OFFSETS.get(wanted, 0.0) if kind.name == "temperature" else 0.0
    if kind.molar_mass is not None:
        grams_per_litre = _grams_per_litre(wanted, kind)
        own = _grams_per_litre(normalised(kind.unit), kind)
        if grams_per_litre is not None and own is not None:
            return grams_per_litre / own, 0.0
    raise KnowledgeError(
        f"{unit!r} is no unit of {kind.name.replace('_', ' ')}", remedy=f"one of: {', '.join(kind.units)}"
    )


def _grams_per_litre(unit: str, kind: Quantity) -> float | None:
    upper, _, lower = unit.partition("/")
    volume = _VOLUME.get(lower)
    if volume is None or kind.molar_mass is None:
        return None
    if upper in _MASS:
        return _MASS[upper] / volume
    if upper in _AMOUNT:
        return _AMOUNT[upper] * kind.molar_mass / volume
    if upper in _EQUIVALENT:
        return _EQUIVALENT[upper] * kind.molar_mass / kind.valence / volume
    return None


@cache
def _normalised_factors(name: str) -> dict[str, float]:
    return {normalised(unit): factor for unit, factor in QUANTITIES[name].factors.items()}


def normalised(unit: str) -> str:
    """The unit without spaces, in lower case, with one spelling for micro, powers and words."""
    text = re.sub(r"\s+", "", unit).lower().replace("μ", "µ").replace("²", "^2").replace("³", "^3").replace("⁹", "^9")
    text = text.replace("º", "°").replace("·", "*")
    return _SPELLINGS.get(text, text)


def parse_measure(text: str) -> list[tuple[float, str]]:
    """ "5 ft 6 in" -> [(5, "ft"), (6, "in")]; "1.7 mg/dL" -> [(1.7, "mg/dL")]; "15" -> [(15, "")].

    Raises KnowledgeError for anything else.
    """
    parts = re.findall(r"\s*(-?\d+(?:[.,]\d+)?)\s*((?:10\^\d+/|[^\d\s.,-])(?:[^\d,;]|\^\d|10\^\d+)*)?", text)
    rebuilt = "".join(f"{number}{unit}" for number, unit in parts)
    if not parts or re.sub(r"\s+", "", rebuilt) != re.sub(r"\s+", "", text):
        raise KnowledgeError(f"{text!r} is no measured value", remedy='write a number and its unit, like "1.7 mg/dL"')
    return [(float(number.replace(",", ".")), unit.strip()) for number, unit in parts]


def total(parts: Iterable[tuple[float, str]], kind: Quantity) -> float:
    """Parts such as feet and inches, added up in the quantity's own unit."""
    return sum(convert(number, unit or kind.unit, kind) for number, unit in parts)
