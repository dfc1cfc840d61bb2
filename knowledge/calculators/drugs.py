"""Drug doses: steroids by glucocorticoid equivalence, opioids as morphine milligram equivalents."""

from knowledge.calculators.calculator import CHOICE, Calculator, Given, Input, Working, plain

STEROID_MG = {
    "betamethasone": 0.75, "cortisone": 25.0, "dexamethasone": 0.75, "hydrocortisone": 20.0, "methylprednisolone": 4.0,
    "prednisolone": 5.0, "prednisone": 5.0, "triamcinolone": 4.0,
}  # fmt: skip
"""Doses (mg) of equal anti-inflammatory effect."""

_STEROIDS = {name: (f"{name} po", f"{name} iv") for name in STEROID_MG}
_FROM = Input("steroid", CHOICE, "The steroid that is given.", ("from",), _STEROIDS)
_DOSE = Input("dose", "dose", "Its dose.", low=0.01, high=5000)
_TO = Input("target", CHOICE, "The steroid that is wanted.", ("target steroid", "to"), _STEROIDS)


def _steroid(given: Given, working: Working) -> float:
    own, other = STEROID_MG[given.steroid], STEROID_MG[given.target]
    working.step(f"{plain(given.dose)} mg x {plain(other)} / {plain(own)}")
    working.warn("Equivalence of anti-inflammatory effect; mineralocorticoid effect and duration differ.")
    return given.dose * other / own


class _Opioid:
    """An opioid's daily amount: its name, its quantity, and morphine milligrams per unit of it."""

    def __init__(self, name: str, quantity: str, factor: float, *aliases: str):
        self.name, self.quantity, self.factor, self.aliases = name, quantity, factor, aliases


OPIOIDS = (
    _Opioid("codeine", "daily_dose", 0.15), _Opioid("hydrocodone", "daily_dose", 1.0),
    _Opioid("hydromorphone", "daily_dose", 5.0), _Opioid("methadone", "daily_dose", 4.7),
    _Opioid("morphine", "daily_dose", 1.0), _Opioid("oxycodone", "daily_dose", 1.5),
    _Opioid("oxymorphone", "daily_dose", 3.0), _Opioid("tapentadol", "daily_dose", 0.4),
    _Opioid("tramadol", "daily_dose", 0.2), _Opioid("buprenorphine", "daily_dose", 10.0),
    _Opioid("fentanyl_buccal", "daily_dose", 130.0, "fentanyl buccal", "buccal fentanyl"),
    _Opioid("fentanyl_patch", "patch", 2.4, "fentanyl patch", "transdermal fentanyl"),
)  # fmt: skip
HIGH_MME = 50.0


def _morphine(given: Given, working: Working) -> float:
    total = 0.0
    for opioid in OPIOIDS:
        amount = getattr(given, opioid.name)
        if amount is None:
            continue
        unit = "µg/h" if opioid.quantity == "patch" else "mg/day"
        name = opioid.name.replace("_", " ")
        working.step(f"{name} {plain(amount)} {unit} x {plain(opioid.factor)} = {plain(amount * opioid.factor)}")
        total += amount * opioid.factor
    if total >= HIGH_MME:
        working.warn(f"{plain(HIGH_MME)} or more a day: reassess benefit and risk, offer naloxone (CDC 2022).")
    return total


def _amount(opioid: _Opioid) -> Input:
    name = opioid.name.replace("_", " ").capitalize()
    description = "Strength of the patch." if opioid.quantity == "patch" else f"{name} in a day."
    return Input(opioid.name, opioid.quantity, description, opioid.aliases, low=0, is_optional=True)


_AMOUNTS = tuple(_amount(opioid) for opioid in OPIOIDS)

CALCULATORS = (
    Calculator(
        "steroid_conversion", 24, "Steroid conversion", "mg", (_FROM, _DOSE, _TO), _steroid,
        "Liu et al., Allergy Asthma Clin Immunol 2013;9:30",
        "corticosteroid glucocorticoid equivalent dosage dose " + " ".join(STEROID_MG),
    ),
    Calculator(
        "morphine_equivalents", 49, "Morphine milligram equivalents (MME)", "MME/day", _AMOUNTS, _morphine,
        "Dowell et al., MMWR Recomm Rep 2022;71(3):1; buprenorphine and buccal fentanyl: CDC tables before 2022",
        "opioid daily doses miligram " + " ".join(opioid.name.replace("_", " ") for opioid in OPIOIDS),
    ),
)  # fmt: skip
