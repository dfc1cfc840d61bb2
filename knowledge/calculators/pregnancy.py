"""Dates of a pregnancy from the last menstrual period."""

from datetime import date, timedelta

from knowledge.calculators.calculator import DATE, Calculator, Given, Input, Working

_LMP = Input("last_period", DATE, "First day of the last menstrual period.", ("Last menstrual date", "lmp"))
_CYCLE = Input("cycle_length", "number", "Days between periods; 28 if not given.", ("cycle length",), low=20, high=45)
_TODAY = Input("on", DATE, "The day for which the age is wanted.", ("Current Date", "today"))
_SOURCE = "American College of Obstetricians and Gynecologists, Committee Opinion 700 (2017)"


def _cycle_days(given: Given, working: Working) -> int:
    if given.cycle_length is None:
        working.missing.append("cycle length (28 days taken)")
        return 28
    return round(given.cycle_length)


def _due(given: Given, working: Working) -> date:
    cycle = _cycle_days(given, working)
    working.step(f"{given.last_period} + 280 days + ({cycle} - 28) days")
    return given.last_period + timedelta(days=280 + cycle - 28)


def _conception(given: Given, working: Working) -> date:
    cycle = _cycle_days(given, working)
    working.step(f"{given.last_period} + {cycle} - 14 days")
    return given.last_period + timedelta(days=cycle - 14)


def _gestation(given: Given, working: Working) -> float:
    days = (given.on - given.last_period).days
    if days < 0:
        raise ValueError("the day is before the last period")
    if days > 308:
        working.warn("More than 44 weeks: is the last period right?")
    working.step(f"{given.on} - {given.last_period} = {days} days = {days // 7} weeks {days % 7} days")
    return float(days)


CALCULATORS = (
    Calculator(
        "due_date", 13, "Estimated due date (Naegele)", "date", (_LMP, _CYCLE.optional()), _due, _SOURCE,
        "naegele's rule pregnancy delivery edd",
    ),
    Calculator(
        "conception_date", 68, "Estimated date of conception", "date", (_LMP, _CYCLE.optional()), _conception, _SOURCE,
        "pregnancy",
    ),
    Calculator(
        "gestational_age", 69, "Estimated gestational age", "weeks and days", (_LMP, _TODAY), _gestation, _SOURCE,
        "pregnancy tuple weeks days",
    ),
)  # fmt: skip
