"""Electrolytes and acid-base: corrections for albumin and glucose, osmolality, anion gap and what follows from it."""

from knowledge.calculators.calculator import Calculator, Given, Working, plain
from knowledge.calculators.inputs import ALBUMIN, BICARBONATE, CALCIUM, CHLORIDE, GLUCOSE, SODIUM, UREA_NITROGEN

NORMAL_ALBUMIN, NORMAL_GAP, NORMAL_BICARBONATE, NORMAL_GLUCOSE = 4.0, 12.0, 24.0, 100.0


def _calcium(given: Given, working: Working) -> float:
    working.step(f"{plain(given.calcium)} + 0.8 x ({NORMAL_ALBUMIN} - {plain(given.albumin)}) mg/dL")
    return given.calcium + 0.8 * (NORMAL_ALBUMIN - given.albumin)


def _sodium(given: Given, working: Working) -> float:
    working.step(f"{plain(given.sodium)} + 0.024 x ({plain(given.glucose)} - {plain(NORMAL_GLUCOSE)}) mEq/L")
    if given.glucose < NORMAL_GLUCOSE:
        working.warn("Glucose is not raised: no correction is due.")
    return given.sodium + 0.024 * (given.glucose - NORMAL_GLUCOSE)


def _osmolality(given: Given, working: Working) -> float:
    working.step(f"2 x {plain(given.sodium)} + {plain(given.urea_nitrogen)}/2.8 + {plain(given.glucose)}/18")
    return 2 * given.sodium + given.urea_nitrogen / 2.8 + given.glucose / 18


def _gap(given: Given, working: Working) -> float:
    gap = given.sodium - (given.chloride + given.bicarbonate)
    working.step(
        f"Anion gap = {plain(given.sodium)} - ({plain(given.chloride)} + {plain(given.bicarbonate)}) = {plain(gap)}"
    )
    return gap


def _corrected_gap(given: Given, working: Working) -> float:
    gap = _gap(given, working)
    corrected = gap + 2.5 * (NORMAL_ALBUMIN - given.albumin)
    working.step(f"Corrected = {plain(gap)} + 2.5 x ({NORMAL_ALBUMIN} - {plain(given.albumin)}) = {plain(corrected)}")
    return corrected


def _delta(gap: float, bicarbonate: float, working: Working) -> float:
    """The rise of the gap. Wrenn (1990) calls "delta gap" what is left of it after the fall of bicarbonate."""
    rise = gap - NORMAL_GAP
    working.step(f"Delta gap = {plain(gap)} - {plain(NORMAL_GAP)} = {plain(rise)}")
    working.step(f"Less the fall of bicarbonate (Wrenn 1990): {plain(rise - (NORMAL_BICARBONATE - bicarbonate))}")
    return rise


def _ratio(gap: float, bicarbonate: float, working: Working) -> float:
    delta = _delta(gap, bicarbonate, working)
    working.step(f"Delta ratio = {plain(delta)} / ({plain(NORMAL_BICARBONATE)} - {plain(bicarbonate)})")
    if bicarbonate >= NORMAL_BICARBONATE:
        working.warn("Bicarbonate is not lowered: the ratio says nothing about a metabolic acidosis.")
    return delta / (NORMAL_BICARBONATE - bicarbonate)


_IONS = (SODIUM, CHLORIDE, BICARBONATE)
_RASTEGAR = "Rastegar, J Am Soc Nephrol 2007;18:2429"
_FIGGE = "Figge et al., Crit Care Med 1998;26:1807"

CALCULATORS = (
    Calculator(
        "corrected_calcium", 7, "Calcium corrected for albumin", "mg/dL", (CALCIUM, ALBUMIN), _calcium,
        "Payne et al., Br Med J 1973;4:643, with the slope of 0.8 in common use", "hypoalbuminemia correction",
    ),
    Calculator(
        "corrected_sodium", 26, "Sodium corrected for hyperglycemia", "mEq/L", (SODIUM, GLUCOSE), _sodium,
        "Hillier et al., Am J Med 1999;106:399", "correction glucose concentration",
    ),
    Calculator(
        "serum_osmolality", 30, "Serum osmolality", "mOsm/kg", (SODIUM, UREA_NITROGEN, GLUCOSE), _osmolality,
        "Rasouli, Clin Biochem 2016;49:936", "osmolarity osm",
    ),
    Calculator(
        "anion_gap", 39, "Anion gap", "mEq/L", _IONS, _gap, "Emmett & Narins, Medicine 1977;56:38", "acidosis",
    ),
    Calculator(
        "delta_gap", 63, "Delta gap", "mEq/L", _IONS,
        lambda given, working: _delta(_gap(given, working), given.bicarbonate, working),
        _RASTEGAR, "acidosis",
    ),
    Calculator(
        "delta_ratio", 64, "Delta ratio", "", _IONS,
        lambda given, working: _ratio(_gap(given, working), given.bicarbonate, working), _RASTEGAR, "acidosis",
    ),
    Calculator(
        "albumin_corrected_anion_gap", 65, "Albumin-corrected anion gap", "mEq/L", (*_IONS, ALBUMIN), _corrected_gap,
        _FIGGE, "acidosis",
    ),
    Calculator(
        "albumin_corrected_delta_gap", 66, "Albumin-corrected delta gap", "mEq/L", (*_IONS, ALBUMIN),
        lambda given, working: _delta(_corrected_gap(given, working), given.bicarbonate, working), _FIGGE, "acidosis",
    ),
    Calculator(
        "albumin_corrected_delta_ratio", 67, "Albumin-corrected delta ratio", "", (*_IONS, ALBUMIN),
        lambda given, working: _ratio(_corrected_gap(given, working), given.bicarbonate, working), _FIGGE, "acidosis",
    ),
)  # fmt: skip
