"""The inputs that several calculators share, with the names that notes and data sets give them."""

from collections.abc import Mapping

from knowledge.calculators.calculator import CHOICE, FLAG, Input

AGE = Input("age", "age", "Age.", low=0, high=120)
SEX = Input("sex", CHOICE, "Sex, as the formula was made for it.", ("gender",), {"male": ("m",), "female": ("f",)})
WEIGHT = Input("weight", "weight", "Body weight.", ("body weight",), low=0.4, high=400)
HEIGHT = Input("height", "length", "Standing height.", ("length",), low=20, high=250)
BMI = Input("bmi", "bmi", "Body mass index.", ("body mass index", "Body Mass Index (BMI)"), low=8, high=90)

HEART_RATE = Input(
    "heart_rate", "rate", "Heart rate.", ("Heart Rate or Pulse", "pulse", "hr"), low=15, high=320
)  # fmt: skip
RESPIRATORY_RATE = Input("respiratory_rate", "rate", "Breaths per minute.", ("rr", "respirations"), low=2, high=120)
SYSTOLIC = Input(
    "systolic", "pressure", "Systolic blood pressure.", ("Systolic Blood Pressure", "sbp"), low=30, high=300
)
DIASTOLIC = Input(
    "diastolic", "pressure", "Diastolic blood pressure.", ("Diastolic Blood Pressure", "dbp"), low=10, high=200
)
TEMPERATURE = Input("temperature", "temperature", "Body temperature.", ("temp",), low=20, high=45)
GCS = Input("gcs", "number", "Glasgow Coma Scale total, 3 to 15.", ("Glasgow Coma Score",), low=3, high=15)
PAO2 = Input(
    "pao2", "pressure", "Arterial partial pressure of oxygen.",
    ("Partial pressure of oxygen (PaO₂) for Apache II", "po2"), low=15, high=700,
)  # fmt: skip
FIO2 = Input("fio2", "fraction", "Fraction of inspired oxygen.", ("FiO₂",), low=15, high=100)
PH = Input("ph", "number", "Arterial pH.", low=6.5, high=7.9)

SODIUM = Input("sodium", "sodium", "Serum sodium.", ("na",), low=95, high=195)
POTASSIUM = Input("potassium", "potassium", "Serum potassium.", ("k",), low=1.2, high=11)
CHLORIDE = Input("chloride", "chloride", "Serum chloride.", ("cl",), low=50, high=160)
BICARBONATE = Input("bicarbonate", "bicarbonate", "Serum bicarbonate.", ("hco3",), low=1, high=60)
ALBUMIN = Input("albumin", "albumin", "Serum albumin.", low=0.5, high=7)
CALCIUM = Input("calcium", "calcium", "Total serum calcium.", low=2, high=22)
GLUCOSE = Input("glucose", "glucose", "Serum glucose.", low=10, high=2200)
UREA_NITROGEN = Input(
    "urea_nitrogen", "urea_nitrogen", "Blood urea nitrogen; in mmol/L, urea.",
    ("Blood Urea Nitrogen (BUN)", "bun", "urea"), low=1, high=300,
)  # fmt: skip
CREATININE = Input("creatinine", "creatinine", "Serum creatinine.", ("cr", "serum creatinine"), low=0.1, high=30)
BILIRUBIN = Input("bilirubin", "bilirubin", "Total serum bilirubin.", low=0.05, high=80)
INR = Input("inr", "number", "International normalised ratio.", ("international normalized ratio",), low=0.5, high=20)
PLATELETS = Input("platelets", "cells", "Platelet count.", ("Platelet count", "plt"), low=1, high=3000)
WHITE_CELLS = Input(
    "white_cells", "cells", "White blood cell count.", ("White blood cell count", "wbc"), low=0.01, high=600
)  # fmt: skip
HEMATOCRIT = Input("hematocrit", "fraction", "Hematocrit.", ("haematocrit", "hct"), low=5, high=80)
HEMOGLOBIN = Input("hemoglobin", "hemoglobin", "Hemoglobin.", ("haemoglobin", "hb"), low=1, high=25)
TOTAL_CHOLESTEROL = Input("total_cholesterol", "cholesterol", "Total cholesterol.", ("cholesterol",), low=30, high=1000)
HDL = Input("hdl", "cholesterol", "HDL cholesterol.", ("high-density lipoprotein cholesterol",), low=3, high=200)


def yes_no(name: str, description: str, *aliases: str) -> Input:
    """A criterion that is met or not."""
    return Input(name, FLAG, description, aliases)


def one_of(name: str, description: str, choices: Mapping[str, tuple[str, ...]], *aliases: str) -> Input:
    """A criterion with named grades, each with its other spellings."""
    return Input(name, CHOICE, description, aliases, choices)


HEART_FAILURE = yes_no(
    "heart_failure", "Congestive heart failure.", "Congestive Heart Faliure", "Congestive Heart Failure", "chf"
)
HYPERTENSION = yes_no("hypertension", "Hypertension.", "Hypertension history")
DIABETES = yes_no("diabetes", "Diabetes mellitus.", "Diabetes history", "Diabetes mellitus criteria for CCI rule")
STROKE = yes_no("stroke", "Stroke.", "Cerebrovascular Accident")
TIA = yes_no("tia", "Transient ischemic attack.", "Transient Ischemic Attacks History")
PRIOR_DVT = yes_no("prior_dvt", "Earlier deep vein thrombosis.", "Previously documented Deep Vein Thrombosis")
PRIOR_PE = yes_no("prior_pe", "Earlier pulmonary embolism.", "Previously Documented Pulmonary Embolism")
HEMOPTYSIS = yes_no("hemoptysis", "Coughing blood.", "haemoptysis")
ALTERED_MENTAL_STATUS = yes_no("confusion", "New confusion or altered mental status.", "Altered mental status")
