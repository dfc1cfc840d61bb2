"""Body size: BMI, surface area, ideal, adjusted and target weight."""

import math

from knowledge.calculators.calculator import Calculator, Given, Working, plain
from knowledge.calculators.inputs import BMI, HEIGHT, SEX, WEIGHT

CM_PER_INCH = 2.54


def ideal_weight_kg(sex: str, height_cm: float) -> float:
    """Devine 1974: 50 kg (men) or 45.5 kg (women) and 2.3 kg for each inch above five feet."""
    return (50.0 if sex == "male" else 45.5) + 2.3 * (height_cm / CM_PER_INCH - 60)


def adjusted_weight_kg(sex: str, height_cm: float, weight_kg: float) -> float:
    """Ideal weight and 40 % of what the body weighs beyond it."""
    ideal = ideal_weight_kg(sex, height_cm)
    return ideal + 0.4 * (weight_kg - ideal)


def bmi_of(weight_kg: float, height_cm: float) -> float:
    return weight_kg / (height_cm / 100) ** 2


def _bmi(given: Given, working: Working) -> float:
    metres = given.height / 100
    working.step(f"BMI = {plain(given.weight)} kg / ({plain(metres)} m)^2")
    return bmi_of(given.weight, given.height)


def _surface(given: Given, working: Working) -> float:
    working.step(f"BSA = sqrt({plain(given.height)} cm x {plain(given.weight)} kg / 3600)")
    return math.sqrt(given.height * given.weight / 3600)


def _ideal(given: Given, working: Working) -> float:
    inches = given.height / CM_PER_INCH
    if inches < 60:
        working.warn("The formula was made for heights of five feet (152.4 cm) and more.")
    base = 50.0 if given.sex == "male" else 45.5
    working.step(f"IBW = {base} kg + 2.3 kg x ({plain(inches)} in - 60)")
    return ideal_weight_kg(given.sex, given.height)


def _adjusted(given: Given, working: Working) -> float:
    ideal = _ideal(given, working)
    if given.weight < ideal:
        working.warn("The patient weighs less than the ideal weight: adjusted weight is meant for more.")
    working.step(f"ABW = {plain(ideal)} + 0.4 x ({plain(given.weight)} - {plain(ideal)}) kg")
    return adjusted_weight_kg(given.sex, given.height, given.weight)


def _target(given: Given, working: Working) -> float:
    metres = given.height / 100
    working.step(f"Weight = {plain(given.bmi)} kg/m^2 x ({plain(metres)} m)^2")
    return given.bmi * metres**2


CALCULATORS = (
    Calculator(
        "bmi", 6, "Body mass index (BMI)", "kg/m^2", (WEIGHT, HEIGHT), _bmi,
        "WHO Technical Report Series 894 (2000)", "obesity overweight",
    ),
    Calculator(
        "ideal_body_weight", 10, "Ideal body weight (Devine)", "kg", (SEX, HEIGHT), _ideal,
        "Devine, Drug Intell Clin Pharm 1974;8:650", "ibw",
    ),
    Calculator(
        "body_surface_area", 60, "Body surface area (Mosteller)", "m^2", (HEIGHT, WEIGHT), _surface,
        "Mosteller, N Engl J Med 1987;317:1098", "bsa",
    ),
    Calculator(
        "target_weight", 61, "Target weight for a target BMI", "kg", (BMI, HEIGHT), _target,
        "WHO Technical Report Series 894 (2000)", "goal weight",
    ),
    Calculator(
        "adjusted_body_weight", 62, "Adjusted body weight", "kg", (SEX, HEIGHT, WEIGHT), _adjusted,
        "Winter et al., Pharmacotherapy 2012;32:604", "abw obesity",
    ),
)  # fmt: skip
