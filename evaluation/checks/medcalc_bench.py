"""MedCalc-Bench: grading by kind of answer; what a calculator says grades right, 6 % off grades wrong."""

from typing import Any

from evaluation.checks.expectation import Expectations
from evaluation.grading import is_calculation_right

TOLERANCE_VALUES = (67.00495, 39.99991, 83.33333, 20.52892, 8.96, 36.95439, 452.87563, 2.02888, 283.67302, 0.67532)


def check() -> dict[str, Any]:
    seen = Expectations("10 known calculator values, dates, weeks and scores")
    right = [is_calculation_right(2, f"{v}", f"{v}") for v in TOLERANCE_VALUES]
    off = [is_calculation_right(2, f"{v * 1.06:.6g}", f"{v}") for v in TOLERANCE_VALUES]
    near = [is_calculation_right(2, f"{v * 0.96:.6g}", f"{v}") for v in TOLERANCE_VALUES]
    seen.that("own values right", sum(right), all(right))
    seen.that("4 % off right", sum(near), all(near))
    seen.that("6 % off right", sum(off), not any(off))
    table = {
        "date equal": is_calculation_right(13, "12/02/2000", "12/2/2000"),
        "date one day off": is_calculation_right(13, "12/03/2000", "12/2/2000"),
        "weeks equal": is_calculation_right(69, "34 weeks and 3 days", "('34 weeks', '3 days')"),
        "weeks off": is_calculation_right(69, "34 weeks and 4 days", "('34 weeks', '3 days')"),
        "score equal": is_calculation_right(4, "5", "5.0"),
        "score off by one": is_calculation_right(4, "5", "6"),
        "given limits": is_calculation_right(2, "26.4", "25.24", 23.978, 26.502),
        "no number": is_calculation_right(2, "cannot be computed", "25.24"),
        "two numbers": is_calculation_right(2, "between 20 and 25.24", "25.24"),
    }
    expected = [True, False, True, False, True, False, True, False, False]
    seen.that("grades", table, list(table.values()) == expected)
    return seen.outcome()
