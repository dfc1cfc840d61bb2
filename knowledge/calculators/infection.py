"""Infection: sore throat, pneumonia, systemic inflammation."""

from knowledge.calculators.calculator import Given, Input
from knowledge.calculators.criteria import bands, choice, flag, rule, score
from knowledge.calculators.inputs import (
    AGE,
    ALTERED_MENTAL_STATUS,
    DIASTOLIC,
    GLUCOSE,
    HEART_FAILURE,
    HEART_RATE,
    HEMATOCRIT,
    PAO2,
    PH,
    RESPIRATORY_RATE,
    SEX,
    SODIUM,
    SYSTOLIC,
    TEMPERATURE,
    UREA_NITROGEN,
    WHITE_CELLS,
    yes_no,
)  # fmt: skip

_CENTOR = score(
    "centor", 20, "Centor score (modified by McIsaac)", (
        AGE, TEMPERATURE, yes_no("no_cough", "There is no cough.", "Cough Absent"),
        yes_no("exudate", "Exudate or swelling on the tonsils.", "Exudate or swelling on tonsils"),
        yes_no("nodes", "Tender or swollen anterior cervical nodes.", "Tender/swollen anterior cervical lymph nodes"),
    ), (
        bands("age", "age", "years", (">=", 45, -1), (">=", 15, 0), (">=", 3, 1)),
        bands("temperature", "temperature", "°C", (">", 38, 1)), flag("no_cough", 1, "no cough"),
        flag("exudate", 1, "exudate"), flag("nodes", 1, "tender nodes"),
    ), "McIsaac et al., CMAJ 1998;158:75", keywords="strep pharyngitis sore throat",
)  # fmt: skip

_FEVERPAIN = score(
    "feverpain", 33, "FeverPAIN score", (
        yes_no("fever", "Fever in the last 24 hours.", "Fever in past 24 hours"),
        yes_no("no_cough_or_coryza", "Neither cough nor coryza.", "Absence of cough or coryza"),
        yes_no("early", "Symptoms for three days or less.", "Symptom onset ≤3 days"),
        yes_no("pus", "Pus on the tonsils.", "Purulent tonsils"),
        yes_no("severe_inflammation", "Severely inflamed tonsils.", "Severe tonsil inflammation"),
    ), (
        flag("fever", 1, "fever"), flag("no_cough_or_coryza", 1, "no cough or coryza"),
        flag("early", 1, "onset within three days"), flag("pus", 1, "purulent tonsils"),
        flag("severe_inflammation", 1, "severe inflammation"),
    ), "Little et al., BMJ 2013;347:f5806", keywords="strep pharyngitis sore throat",
)  # fmt: skip


def _low_pressure(given: Given) -> float:
    return 1 if given.systolic < 90 or given.diastolic <= 60 else 0


_CURB = score(
    "curb_65", 45, "CURB-65 score", (
        ALTERED_MENTAL_STATUS, UREA_NITROGEN, RESPIRATORY_RATE, SYSTOLIC, DIASTOLIC, AGE,
    ), (
        flag("confusion", 1, "confusion"), bands("urea_nitrogen", "BUN", "mg/dL", (">", 19, 1)),
        bands("respiratory_rate", "respiratory rate", "/min", (">=", 30, 1)),
        rule("systolic below 90 or diastolic 60 or less", ("systolic", "diastolic"), _low_pressure),
        bands("age", "age", "years", (">=", 65, 1)),
    ), "Lim et al., Thorax 2003;58:377", keywords="pneumonia severity",
)  # fmt: skip

_PSI = score(
    "pneumonia_severity_index", 29, "Pneumonia Severity Index (PSI)", (
        AGE, SEX, yes_no("nursing_home", "Lives in a nursing home.", "Nursing home resident"),
        yes_no("cancer", "Neoplastic disease.", "Neoplastic disease"),
        yes_no("liver_disease", "Liver disease.", "Liver disease severity"), HEART_FAILURE,
        yes_no("cerebrovascular_disease", "Cerebrovascular disease.", "Cerebrovascular disease history"),
        yes_no("renal_disease", "Renal disease.", "Renal disease"), ALTERED_MENTAL_STATUS, RESPIRATORY_RATE, SYSTOLIC,
        TEMPERATURE, HEART_RATE, PH, UREA_NITROGEN, SODIUM, GLUCOSE, HEMATOCRIT, PAO2,
        yes_no("effusion", "Pleural effusion on the X-ray.", "Pleural effusion on x-ray"),
    ), (
        rule("age", ("age",), lambda given: int(given.age)), choice("sex", "sex", {"male": 0, "female": -10}),
        flag("nursing_home", 10, "nursing home"), flag("cancer", 30, "cancer"),
        flag("liver_disease", 20, "liver disease"),
        flag("heart_failure", 10, "heart failure"), flag("cerebrovascular_disease", 10, "cerebrovascular disease"),
        flag("renal_disease", 10, "renal disease"), flag("confusion", 20, "altered mental status"),
        bands("respiratory_rate", "respiratory rate", "/min", (">=", 30, 20)),
        bands("systolic", "systolic pressure", "mm Hg", ("<", 90, 20)),
        bands("temperature", "temperature", "°C", ("<", 35, 15), (">", 39.9, 15)),
        bands("heart_rate", "heart rate", "/min", (">=", 125, 10)), bands("ph", "pH", "", ("<", 7.35, 30)),
        bands("urea_nitrogen", "BUN", "mg/dL", (">=", 30, 20)), bands("sodium", "sodium", "mEq/L", ("<", 130, 20)),
        bands("glucose", "glucose", "mg/dL", (">=", 250, 10)), bands("hematocrit", "hematocrit", "%", ("<", 30, 10)),
        bands("pao2", "PaO2", "mm Hg", ("<", 60, 10)), flag("effusion", 10, "pleural effusion"),
    ), "Fine et al., N Engl J Med 1997;336:243", keywords="port cap community-acquired",
)  # fmt: skip


def _breathing(given: Given) -> float:
    is_fast = given.respiratory_rate is not None and given.respiratory_rate > 20
    return 1 if is_fast or (given.paco2 is not None and given.paco2 < 32) else 0


_SIRS = score(
    "sirs", 51, "SIRS criteria", (
        TEMPERATURE, HEART_RATE, RESPIRATORY_RATE,
        Input("paco2", "pressure", "Arterial partial pressure of carbon dioxide.", ("PaCO₂",), low=8, high=150),
        WHITE_CELLS,
        Input("bands", "fraction", "Immature bands among the white cells.", ("band forms",), low=0, high=100),
    ), (
        bands("temperature", "temperature", "°C", (">", 38, 1), ("<", 36, 1)),
        bands("heart_rate", "heart rate", "/min", (">", 90, 1)),
        rule("fast breathing or PaCO2 below 32 mm Hg", (), _breathing, one_of=("respiratory_rate", "paco2")),
        rule("white cells above 12, below 4, or over 10 % bands", ("white_cells",), lambda given: 1 if (
            given.white_cells > 12 or given.white_cells < 4 or (given.bands is not None and given.bands > 10)) else 0),
    ), "Bone et al., Chest 1992;101:1644", keywords="sepsis number met critiera systemic inflammatory response",
    unit="criteria",
)  # fmt: skip

CALCULATORS = (_CENTOR, _FEVERPAIN, _CURB, _PSI, _SIRS)
