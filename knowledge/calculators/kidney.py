"""Kidney and fluids: clearance, filtration rate, sodium excretion, maintenance fluid, free water."""

from knowledge.calculators.body_size import adjusted_weight_kg, bmi_of, ideal_weight_kg
from knowledge.calculators.calculator import Calculator, Given, Input, Working, plain
from knowledge.calculators.inputs import AGE, CREATININE, HEIGHT, SEX, SODIUM, WEIGHT, yes_no

NORMAL_SODIUM = 140.0


def _cockcroft_gault(given: Given, working: Working) -> float:
    index = bmi_of(given.weight, given.height)
    ideal = ideal_weight_kg(given.sex, given.height)
    if index < 18.5:
        weight, which = given.weight, "actual weight (BMI below 18.5)"
    elif index < 25:
        weight, which = min(ideal, given.weight), "the lesser of ideal and actual weight (BMI 18.5 to 25)"
    else:
        weight, which = adjusted_weight_kg(given.sex, given.height, given.weight), "adjusted weight (BMI 25 or more)"
    factor = 1.0 if given.sex == "male" else 0.85
    working.step(f"BMI {plain(index)} kg/m^2, so {which}: {plain(weight)} kg")
    working.step(f"CrCl = (140 - {plain(given.age)}) x {plain(weight)} x {factor} / (72 x {plain(given.creatinine)})")
    if given.age < 18:
        working.warn("The formula was made for adults.")
    return (140 - given.age) * weight * factor / (72 * given.creatinine)


def _ckd_epi(given: Given, working: Working) -> float:
    kappa, alpha, factor = (0.9, -0.302, 1.0) if given.sex == "male" else (0.7, -0.241, 1.012)
    ratio = given.creatinine / kappa
    power = alpha if ratio <= 1 else -1.2
    working.step(
        f"eGFR = 142 x ({plain(given.creatinine)}/{kappa})^{power} x 0.9938^{plain(given.age)}"
        + (f" x {factor}" if factor != 1 else "")
    )
    if given.age < 18:
        working.warn("The equation was made for adults.")
    return 142 * ratio**power * 0.9938**given.age * factor


def _mdrd(given: Given, working: Working) -> float:
    factor = 1.0 if given.sex == "male" else 0.742
    if given.with_race_coefficient:
        factor *= 1.212
        working.warn("The race coefficient is obsolete (NKF-ASN 2021); it is there to repeat published results.")
    working.step(f"eGFR = 175 x {plain(given.creatinine)}^-1.154 x {plain(given.age)}^-0.203 x {plain(factor)}")
    return 175 * given.creatinine**-1.154 * given.age**-0.203 * factor


def _maintenance(given: Given, working: Working) -> float:
    weight = given.weight
    if weight <= 10:
        working.step(f"4 mL/kg/h x {plain(weight)} kg")
        return 4 * weight
    if weight <= 20:
        working.step(f"40 mL/h + 2 mL/kg/h x ({plain(weight)} - 10) kg")
        return 40 + 2 * (weight - 10)
    working.step(f"60 mL/h + 1 mL/kg/h x ({plain(weight)} - 20) kg")
    return 60 + (weight - 20)


def _water_share(given: Given) -> float:
    if given.age < 18:
        return 0.6
    if given.age < 65:
        return 0.6 if given.sex == "male" else 0.5
    return 0.5 if given.sex == "male" else 0.45


def _free_water_deficit(given: Given, working: Working) -> float:
    share = _water_share(given)
    working.step(f"Total body water = {share} x {plain(given.weight)} kg = {plain(share * given.weight)} L")
    working.step(f"Deficit = {plain(share * given.weight)} x ({plain(given.sodium)}/{plain(NORMAL_SODIUM)} - 1)")
    if given.sodium < NORMAL_SODIUM:
        working.warn("Sodium is not raised: the number is an excess of water, not a deficit.")
    return share * given.weight * (given.sodium / NORMAL_SODIUM - 1)


def _sodium_excretion(given: Given, working: Working) -> float:
    working.step(
        f"FENa = 100 x {plain(given.creatinine)} x {plain(given.urine_sodium)} / "
        f"({plain(given.sodium)} x {plain(given.urine_creatinine)})"
    )
    return 100 * given.creatinine * given.urine_sodium / (given.sodium * given.urine_creatinine)


_URINE_SODIUM = Input("urine_sodium", "sodium", "Urine sodium.", low=1, high=400)
_URINE_CREATININE = Input("urine_creatinine", "creatinine", "Urine creatinine.", low=1, high=800)
_RACE = yes_no("with_race_coefficient", "Multiply by the obsolete coefficient for Black patients.").optional()

CALCULATORS = (
    Calculator(
        "cockcroft_gault", 2, "Creatinine clearance (Cockcroft-Gault)", "mL/min",
        (SEX, AGE, WEIGHT, HEIGHT, CREATININE), _cockcroft_gault, "Cockcroft & Gault, Nephron 1976;16:31",
        "crcl renal kidney cockroft",
    ),
    Calculator(
        "ckd_epi_2021", 3, "Glomerular filtration rate (CKD-EPI 2021)", "mL/min/1.73 m^2", (SEX, AGE, CREATININE),
        _ckd_epi, "Inker et al., N Engl J Med 2021;385:1737", "gfr egfr renal kidney creatinine",
    ),
    Calculator(
        "mdrd", 9, "Glomerular filtration rate (MDRD)", "mL/min/1.73 m^2", (SEX, AGE, CREATININE, _RACE), _mdrd,
        "Levey et al., Ann Intern Med 2006;145:247", "gfr egfr renal kidney",
    ),
    Calculator(
        "maintenance_fluids", 22, "Maintenance fluids (Holliday-Segar)", "mL/h", (WEIGHT,), _maintenance,
        "Holliday & Segar, Pediatrics 1957;19:823", "maintenance fluid 4-2-1 hr",
    ),
    Calculator(
        "free_water_deficit", 38, "Free water deficit", "L", (SEX, AGE, WEIGHT, SODIUM), _free_water_deficit,
        "Adrogué & Madias, N Engl J Med 2000;342:1493", "hypernatremia",
    ),
    Calculator(
        "fractional_excretion_of_sodium", 40, "Fractional excretion of sodium (FENa)", "%",
        (CREATININE, SODIUM, _URINE_SODIUM, _URINE_CREATININE), _sodium_excretion, "Espinel, JAMA 1976;236:579", "fena",
    ),
)  # fmt: skip
