"""Scores as data: criteria that give points, and the calculator that adds them up and says what it was not told."""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import NamedTuple

from knowledge.calculators.calculator import Calculator, Given, Input, Working, plain

_COMPARE = {">=": ge, ">": gt, "<=": le, "<": lt}


class Points(NamedTuple):
    """What one criterion adds. `points` is None if the inputs that it needs were not given."""

    points: float | None
    why: str


Criterion = Callable[[Given], Points]


def flag(name: str, points: float, label: str) -> Criterion:
    """`points` if the flag `name` is true."""

    def read(given: Given) -> Points:
        value = getattr(given, name)
        return Points(None if value is None else points if value else 0, label)

    return read


def any_flag(names: tuple[str, ...], points: float, label: str) -> Criterion:
    """`points`, once, if at least one of the flags is true; not given if none of them is."""

    def read(given: Given) -> Points:
        values = [getattr(given, name) for name in names]
        return Points(points if any(values) else None if None in values and not any(values) else 0, label)

    return read


def bands(name: str, label: str, unit: str, *steps: tuple[str, float, float], other: float = 0) -> Criterion:
    """The points of the first (comparison, threshold, points) that the value meets, else `other`."""

    def read(given: Given) -> Points:
        value = getattr(given, name)
        if value is None:
            return Points(None, label)
        for comparison, threshold, points in steps:
            if _COMPARE[comparison](value, threshold):
                why = f"{label} {plain(value)}{' ' + unit if unit else ''} ({comparison} {plain(threshold)})"
                return Points(points, why)
        return Points(other, f"{label} {plain(value)}{' ' + unit if unit else ''}")

    return read


def choice(name: str, label: str, points: Mapping[str, float]) -> Criterion:
    """The points of the choice that was made."""

    def read(given: Given) -> Points:
        value = getattr(given, name)
        return Points(None, label) if value is None else Points(points[value], f"{label}: {value}")

    return read


def rule(
    label: str, needs: tuple[str, ...], points: Callable[[Given], float], *, one_of: tuple[str, ...] = ()
) -> Criterion:
    """Points by a function; it is asked only if all inputs of `needs`, and at least one of `one_of`, were given."""

    def read(given: Given) -> Points:
        is_told = given.has(*needs) and (not one_of or any(given.has(name) for name in one_of))
        return Points(points(given), label) if is_told else Points(None, label)

    return read


def score(
    name: str, number: int | None, title: str, inputs: tuple[Input, ...], criteria: tuple[Criterion, ...], source: str,
    *, keywords: str = "", start: float = 0, unit: str = "points",
) -> Calculator:  # fmt: skip
    """A calculator that adds up its criteria from `start`."""

    def compute(given: Given, working: Working) -> float:
        total = start
        for criterion in criteria:
            found = criterion(given)
            if found.points is None:
                working.missing.append(found.why)
            elif found.points:
                total += found.points
                working.step(f"{found.why}: {found.points:+g}")
        working.step(f"Total: {plain(total)}")
        return total

    return Calculator(name, number, title, unit, inputs, compute, source, keywords, is_score=True)
