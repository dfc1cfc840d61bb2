"""Critical care: Glasgow Coma Scale, SOFA, APACHE II."""

from knowledge.calculators.calculator import Calculator, Given, Input, Working
from knowledge.calculators.criteria import Criterion, bands, rule, score
from knowledge.calculators.inputs import (
    AGE,
    BILIRUBIN,
    CREATININE,
    DIASTOLIC,
    FIO2,
    GCS,
    HEART_RATE,
    HEMATOCRIT,
    PAO2,
    PH,
    PLATELETS,
    POTASSIUM,
    RESPIRATORY_RATE,
    SODIUM,
    SYSTOLIC,
    TEMPERATURE,
    WHITE_CELLS,
    one_of,
    yes_no,
)  # fmt: skip

EYE = {"spontaneous": 4, "to speech": 3, "to pain": 2, "none": 1}
VERBAL = {"oriented": 5, "confused": 4, "words": 3, "sounds": 2, "none": 1}
MOTOR = {"obeys": 6, "localises pain": 5, "withdraws": 4, "abnormal flexion": 3, "extension": 2, "none": 1}
NOT_TESTABLE_POINTS = {"eye": 4, "verbal": 4}
"""What MedCalc-Bench counts for a response that cannot be tested."""

_EYE = {
    "spontaneous": ("eyes open spontaneously", "4"), "to speech": ("eye opening to verbal command", "3"),
    "to pain": ("eye opening to pain", "2"), "none": ("no eye opening", "1"), "not testable": (),
}  # fmt: skip
_VERBAL = {
    "oriented": ("5",), "confused": ("4",), "words": ("inappropriate words", "3"),
    "sounds": ("incomprehensible sounds", "2"), "none": ("no verbal response", "1"), "not testable": (),
}  # fmt: skip
_MOTOR = {
    "obeys": ("obeys commands", "6"), "localises pain": ("localizes pain", "5"),
    "withdraws": ("withdrawal from pain", "4"), "abnormal flexion": ("flexion to pain", "3"),
    "extension": ("extension to pain", "2"), "none": ("no motor response", "1"),
}  # fmt: skip


def _coma_scale(given: Given, working: Working) -> float:
    total = 0
    for name, said, points in (
        ("eye", given.eye, EYE),
        ("verbal", given.verbal, VERBAL),
        ("motor", given.motor, MOTOR),
    ):
        if said == "not testable":
            found = NOT_TESTABLE_POINTS[name]
            working.warn(f"{name}: not testable, counted as {found}; report the parts, not the total")
        else:
            found = points[said]
        working.step(f"{name}: {said}: {found}")
        total += found
    return float(total)


_DRIPS = ("dopamine", "dobutamine", "epinephrine", "norepinephrine")


def _oxygen_points(given: Given) -> float:
    ratio = given.pao2 / (given.fio2 / 100)
    is_supported = bool(given.ventilated or given.cpap)
    if ratio < 100 and is_supported:
        return 4
    if ratio < 200 and is_supported:
        return 3
    return 2 if ratio < 300 else 1 if ratio < 400 else 0


def _circulation_points(given: Given) -> float:
    dopamine, dobutamine, epinephrine, norepinephrine = (getattr(given, name) or 0.0 for name in _DRIPS)
    if dopamine > 15 or epinephrine > 0.1 or norepinephrine > 0.1:
        return 4
    if dopamine > 5 or epinephrine > 0 or norepinephrine > 0:
        return 3
    if dopamine > 0 or dobutamine > 0:
        return 2
    if given.hypotension or (given.has("systolic", "diastolic") and _mean_pressure(given) < 70):
        return 1
    return 0


def _renal_points(given: Given) -> float:
    points = 0
    if given.creatinine is not None:
        points = sum(given.creatinine >= limit for limit in (1.2, 2.0, 3.5, 5.0))
    if given.urine_output is not None:
        points = max(points, 4 if given.urine_output < 200 else 3 if given.urine_output < 500 else 0)
    return points


def _drip(name: str, *aliases: str) -> Input:
    return Input(name, "dose_rate", f"{name.capitalize()} infusion.", aliases, low=0, high=60)


_SOFA = score(
    "sofa", 43, "Sequential Organ Failure Assessment (SOFA) score", (
        PAO2, FIO2, yes_no("ventilated", "Mechanical ventilation.", "On mechanical ventilation"),
        yes_no("cpap", "Continuous positive airway pressure.", "Continous positive airway pressure"), PLATELETS,
        BILIRUBIN, SYSTOLIC, DIASTOLIC, yes_no("hypotension", "Mean arterial pressure below 70 mm Hg.", "Hypotension"),
        _drip("dopamine"), _drip("dobutamine"), _drip("epinephrine", "adrenaline"),
        _drip("norepinephrine", "noradrenaline"),
        GCS, CREATININE, Input("urine_output", "urine_output", "Urine in a day.", ("Urine Output",), low=0, high=20000),
    ), (
        rule("oxygenation", ("pao2", "fio2"), _oxygen_points),
        bands("platelets", "platelets", "10^9/L", ("<", 20, 4), ("<", 50, 3), ("<", 100, 2), ("<", 150, 1)),
        bands("bilirubin", "bilirubin", "mg/dL", (">=", 12, 4), (">=", 6, 3), (">=", 2, 2), (">=", 1.2, 1)),
        rule("circulation", (), _circulation_points, one_of=(*_DRIPS, "hypotension", "systolic")),
        bands("gcs", "GCS", "", ("<", 6, 4), ("<", 10, 3), ("<", 13, 2), ("<", 15, 1)),
        rule("creatinine or urine output", (), _renal_points, one_of=("creatinine", "urine_output")),
    ), "Vincent et al., Intensive Care Med 1996;22:707", keywords="sepsis organ failure",
)  # fmt: skip


def _mean_pressure(given: Given) -> float:
    return given.systolic / 3 + 2 * given.diastolic / 3


def _ladder(value: float, *steps: tuple[float, int]) -> int:
    """The points of the highest bound that the value reaches; steps go down."""
    return next((points for bound, points in steps if value >= bound), steps[-1][1])


_BOTTOM = float("-inf")


def _apache_oxygen(given: Given) -> float:
    if given.fio2 is not None and given.fio2 >= 50 and given.aa_gradient is not None:
        return _ladder(given.aa_gradient, (500, 4), (350, 3), (200, 2), (_BOTTOM, 0))
    if given.pao2 is None:
        return 0
    return 0 if given.pao2 > 70 else 1 if given.pao2 > 60 else 3 if given.pao2 >= 55 else 4


def _apache_creatinine(given: Given) -> float:
    points = _ladder(given.creatinine, (3.5, 4), (2.0, 3), (1.5, 2), (0.6, 0), (_BOTTOM, 2))
    return 2 * points if given.acute_renal_failure and not given.chronic_renal_failure else points


def _apache_chronic(given: Given) -> float:
    if not given.severe_chronic_disease:
        return 0
    return 2 if given.surgery == "elective" else 5


def _band(name: str, label: str, *steps: tuple[float, int]) -> Criterion:
    return rule(label, (name,), lambda given: _ladder(getattr(given, name), *steps))


_APACHE = score(
    "apache_ii", 28, "APACHE II score", (
        TEMPERATURE, SYSTOLIC, DIASTOLIC, HEART_RATE, RESPIRATORY_RATE, FIO2, PAO2,
        Input("aa_gradient", "number", "Alveolar-arterial oxygen gradient, mm Hg.", ("A-a gradient",), low=0, high=700),
        PH, SODIUM, POTASSIUM, CREATININE, HEMATOCRIT, WHITE_CELLS, GCS, AGE,
        yes_no("acute_renal_failure", "Acute renal failure.", "Acute renal failure"),
        yes_no("chronic_renal_failure", "Chronic renal failure.", "Chronic Renal Failure"),
        yes_no("severe_chronic_disease", "Severe organ failure or immunocompromise before.",
               "History of severe organ failure or immunocompromise"),
        one_of("surgery", "Surgery of this stay.", {"nonoperative": ("none",), "emergency": (), "elective": ()},
            "Surgery Type"),
    ), (
        _band("temperature", "temperature", (41, 4), (39, 3), (38.5, 1), (36, 0), (34, 1), (32, 2), (30, 3),
            (_BOTTOM, 4)),
        rule("mean arterial pressure", ("systolic", "diastolic"), lambda given: _ladder(
            _mean_pressure(given), (160, 4), (130, 3), (110, 2), (70, 0), (50, 2), (_BOTTOM, 4))),
        _band("heart_rate", "heart rate", (180, 4), (140, 3), (110, 2), (70, 0), (55, 2), (40, 3), (_BOTTOM, 4)),
        _band("respiratory_rate", "respiratory rate", (50, 4), (35, 3), (25, 1), (12, 0), (10, 1), (6, 2),
            (_BOTTOM, 4)),
        rule("oxygenation", (), _apache_oxygen, one_of=("pao2", "aa_gradient")),
        _band("ph", "arterial pH", (7.7, 4), (7.6, 3), (7.5, 1), (7.33, 0), (7.25, 2), (7.15, 3), (_BOTTOM, 4)),
        _band("sodium", "sodium", (180, 4), (160, 3), (155, 2), (150, 1), (130, 0), (120, 2), (111, 3), (_BOTTOM, 4)),
        _band("potassium", "potassium", (7, 4), (6, 3), (5.5, 1), (3.5, 0), (3, 1), (2.5, 2), (_BOTTOM, 4)),
        rule("creatinine", ("creatinine",), _apache_creatinine),
        _band("hematocrit", "hematocrit", (60, 4), (50, 2), (46, 1), (30, 0), (20, 2), (_BOTTOM, 4)),
        _band("white_cells", "white cells", (40, 4), (20, 2), (15, 1), (3, 0), (1, 2), (_BOTTOM, 4)),
        rule("Glasgow Coma Scale", ("gcs",), lambda given: 15 - given.gcs),
        _band("age", "age", (75, 6), (65, 5), (55, 3), (45, 2), (_BOTTOM, 0)),
        rule("chronic disease", ("severe_chronic_disease",), _apache_chronic),
    ), "Knaus et al., Crit Care Med 1985;13:818", keywords="intensive care mortality",
)  # fmt: skip

CALCULATORS = (
    Calculator(
        "glasgow_coma_scale", 21, "Glasgow Coma Scale (GCS)", "points", (
            one_of("eye", "Best eye response.", _EYE, "Best eye response"),
            one_of("verbal", "Best verbal response.", _VERBAL, "Best verbal response"),
            one_of("motor", "Best motor response.", _MOTOR, "Best motor response"),
        ), _coma_scale, "Teasdale & Jennett, Lancet 1974;2:81", "coma score consciousness",
    ),
    _SOFA,
    _APACHE,
)  # fmt: skip
