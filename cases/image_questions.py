"""What to ask of an image that comes with a label and no question, and what the possible answers are."""

from typing import Any

from cases.case import Patient

DR_GRADES = (
    "No DR",
    "Mild DR without maculopathy",
    "Mild DR with maculopathy",
    "Moderate DR without maculopathy",
    "Moderate DR with maculopathy",
    "Severe DR without maculopathy",
    "Severe DR with maculopathy",
    "PDR without maculopathy",
    "PDR with maculopathy",
    "ADED",
)
"""The ten grades of the set, as it names them, in order of severity."""

DR_OPTIONS = tuple(
    "Advanced diabetic eye disease" if grade == "ADED" else grade.replace("PDR", "Proliferative DR")
    for grade in DR_GRADES
)
"""The same grades in words."""

CHEST_CAUSES = (
    "COVID-19 pneumonia",
    "Bacterial pneumonia",
    "Pneumocystis pneumonia",
    "Varicella pneumonia",
    "Lipoid pneumonia",
    "No pneumonia",
)
_CAUSE_OF_FINDING = {
    "COVID-19": 0,
    "COVID-19, ARDS": 0,
    "Streptococcus": 1,
    "Klebsiella": 1,
    "Legionella": 1,
    "Mycoplasma Bacterial Pneumonia": 1,
    "Bacterial": 1,
    "Pneumocystis": 2,
    "Varicella": 3,
    "Lipoid": 4,
    "No Finding": 5,
}


def chest_options(finding: str | None) -> tuple[str | None, dict[str, str]]:
    """The label of the finding's cause and the causes as options; None for a finding that fits none or several."""
    options = dict(zip("ABCDEF", CHEST_CAUSES, strict=True))
    index = _CAUSE_OF_FINDING.get(finding or "")
    return (None if index is None else "ABCDEF"[index]), options


def chest_question(is_report: bool, view: str | None, patient: Patient) -> str:
    """The question for a chest radiograph, with the view and the patient's age and sex where they are known."""
    who = {"male": "man", "female": "woman"}.get(patient.sex or "", "person")
    age = f"{patient.age_years:.0f}-year-old " if patient.age_years is not None and patient.age_years >= 18 else ""
    if not age and patient.age_years is not None:
        who = {"man": "boy", "woman": "girl"}.get(who, "child")
        age = f"{patient.age_years:g}-year-old "
    seen = f"Chest radiograph{f' ({view} view)' if view else ''} of a {age}{who}."
    if is_report:
        return f"{seen} Describe the findings and give an impression."
    return f"{seen} Which diagnosis do the findings support best?"


def humanise(text: Any) -> Any:
    """A class name as words: "glioma_tumor" -> "glioma tumor"."""
    return text.replace("_", " ") if isinstance(text, str) else text
