"""Liver, lipids, glucose and comorbidity: Child-Pugh, FIB-4, MELD-Na, HOMA-IR, LDL, Charlson."""

import math

from knowledge.calculators.calculator import Calculator, Given, Input, Working, plain
from knowledge.calculators.criteria import any_flag, bands, choice, flag, score
from knowledge.calculators.inputs import (
    AGE,
    ALBUMIN,
    BILIRUBIN,
    CREATININE,
    DIABETES,
    GLUCOSE,
    HDL,
    HEART_FAILURE,
    INR,
    PLATELETS,
    SODIUM,
    STROKE,
    TIA,
    TOTAL_CHOLESTEROL,
    one_of,
    yes_no,
)  # fmt: skip

MAX_TRIGLYCERIDES = 400.0


def _fib4(given: Given, working: Working) -> float:
    working.step(
        f"FIB-4 = {plain(given.age)} x {plain(given.ast)} / ({plain(given.platelets)} x sqrt({plain(given.alt)}))"
    )
    return given.age * given.ast / (given.platelets * math.sqrt(given.alt))


def _meld_na(given: Given, working: Working) -> float:
    is_dialysed = bool(given.dialysis or given.cvvhd)
    creatinine = 4.0 if is_dialysed else min(max(given.creatinine, 1.0), 4.0)
    bilirubin, inr = max(given.bilirubin, 1.0), max(given.inr, 1.0)
    sodium = min(max(given.sodium, 125.0), 137.0)
    raw = 0.957 * math.log(creatinine) + 0.378 * math.log(bilirubin) + 1.12 * math.log(inr) + 0.643
    meld = round(raw, 1) * 10
    working.step(
        f"MELD = 10 x (0.957 ln {plain(creatinine)} + 0.378 ln {plain(bilirubin)} + 1.12 ln {plain(inr)} + 0.643), "
        f"to the next tenth: {plain(meld)}"
    )
    if meld > 11:
        lack = 137 - sodium
        working.step(f"MELD-Na = {plain(meld)} + 1.32 x {plain(lack)} - 0.033 x {plain(meld)} x {plain(lack)}")
        meld += 1.32 * lack - 0.033 * meld * lack
    if given.dialysis is None and given.cvvhd is None:
        working.missing.append("dialysis")
    return float(min(round(meld), 40))


def _homa(given: Given, working: Working) -> float:
    working.step(f"{plain(given.insulin)} x {plain(given.glucose)} / 405")
    return given.insulin * given.glucose / 405


def _ldl(given: Given, working: Working) -> float:
    working.step(f"LDL = {plain(given.total_cholesterol)} - {plain(given.hdl)} - {plain(given.triglycerides)}/5")
    if given.triglycerides > MAX_TRIGLYCERIDES:
        working.warn("Triglycerides above 400 mg/dL: the formula does not hold, measure LDL.")
    return given.total_cholesterol - given.hdl - given.triglycerides / 5


_CHILD_PUGH = score(
    "child_pugh", 15, "Child-Pugh score", (
        BILIRUBIN, ALBUMIN, INR,
        one_of("ascites", "Ascites.", {"absent": ("none",), "slight": ("mild",), "moderate": ("severe",)}),
        one_of("encephalopathy", "Hepatic encephalopathy.", {
            "none": ("no encephalopathy", "grade 0"), "grade 1-2": ("grade 1", "grade 2"),
            "grade 3-4": ("grade 3", "grade 4"),
        }),
    ), (
        bands("bilirubin", "bilirubin", "mg/dL", (">", 3, 2), (">=", 2, 1)),
        bands("albumin", "albumin", "g/dL", ("<", 2.8, 2), ("<=", 3.5, 1)),
        bands("inr", "INR", "", (">", 2.3, 2), (">=", 1.7, 1)),
        choice("ascites", "ascites", {"absent": 0, "slight": 1, "moderate": 2}),
        choice("encephalopathy", "encephalopathy", {"none": 0, "grade 1-2": 1, "grade 3-4": 2}),
    ), "Pugh et al., Br J Surg 1973;60:646", keywords="cirrhosis", start=5,
)  # fmt: skip

_CHARLSON = score(
    "charlson", 32, "Charlson Comorbidity Index (CCI)", (
        AGE, yes_no("myocardial_infarction", "Myocardial infarction.", "Myocardial infarction"), HEART_FAILURE,
        yes_no("peripheral_vascular_disease", "Peripheral vascular disease.", "Peripheral vascular disease"), STROKE,
        TIA,
        yes_no("dementia", "Dementia."), yes_no("copd", "Chronic obstructive pulmonary disease.",
                                               "Chronic Obstructive Pulmonary Disease"),
        yes_no("connective_tissue_disease", "Connective tissue disease."),
        yes_no("peptic_ulcer", "Peptic ulcer disease.", "Peptic ulcer disease"),
        one_of("liver_disease", "Liver disease.", {
            "none": ("false",), "mild": (), "moderate to severe": ("moderate", "severe"),
        }, "Liver disease severity"),
        one_of("diabetes", "Diabetes mellitus.", {
            "none": ("none or diet-controlled", "false"), "uncomplicated": ("true",), "end-organ damage": (),
        }, *DIABETES.aliases),
        yes_no("hemiplegia", "Hemiplegia."),
        one_of("kidney_disease", "Moderate to severe chronic kidney disease.", {
            "no": ("false",), "yes": ("true", "moderate", "severe"),
        }, "Moderate to severe Chronic Kidney Disease"),
        one_of("solid_tumor", "Solid tumor.", {"none": ("false",), "localized": ("true",), "metastatic": ()}),
        yes_no("leukemia", "Leukemia."), yes_no("lymphoma", "Lymphoma."), yes_no("aids", "AIDS."),
    ), (
        bands("age", "age", "years", (">=", 80, 4), (">=", 70, 3), (">=", 60, 2), (">=", 50, 1)),
        flag("myocardial_infarction", 1, "myocardial infarction"), flag("heart_failure", 1, "heart failure"),
        flag("peripheral_vascular_disease", 1, "peripheral vascular disease"),
        any_flag(("stroke", "tia"), 1, "stroke or TIA"), flag("dementia", 1, "dementia"), flag("copd", 1, "COPD"),
        flag("connective_tissue_disease", 1, "connective tissue disease"), flag("peptic_ulcer", 1, "peptic ulcer"),
        choice("liver_disease", "liver disease", {"none": 0, "mild": 1, "moderate to severe": 3}),
        choice("diabetes", "diabetes", {"none": 0, "uncomplicated": 1, "end-organ damage": 2}),
        flag("hemiplegia", 2, "hemiplegia"), choice("kidney_disease", "chronic kidney disease", {"no": 0, "yes": 2}),
        choice("solid_tumor", "solid tumor", {"none": 0, "localized": 2, "metastatic": 6}),
        flag("leukemia", 2, "leukemia"), flag("lymphoma", 2, "lymphoma"), flag("aids", 6, "AIDS"),
    ), "Charlson et al., J Chronic Dis 1987;40:373; age: J Clin Epidemiol 1994;47:1245",
    keywords="comorbidity survival",
)  # fmt: skip

_AST = Input("ast", "enzyme", "Aspartate aminotransferase.", ("Aspartate aminotransferase",), low=2, high=20000)
_ALT = Input("alt", "enzyme", "Alanine aminotransferase.", ("Alanine aminotransferase",), low=2, high=20000)
_INSULIN = Input("insulin", "insulin", "Fasting insulin.", low=0.2, high=1000)
_TRIGLYCERIDES = Input("triglycerides", "triglycerides", "Triglycerides.", low=15, high=10000)

CALCULATORS = (
    _CHILD_PUGH, _CHARLSON,
    Calculator(
        "fib_4", 19, "Fibrosis-4 (FIB-4) index", "", (AGE, _AST, _ALT, PLATELETS), _fib4,
        "Sterling et al., Hepatology 2006;43:1317", "liver fibrosis",
    ),
    Calculator(
        "meld_na", 23, "MELD-Na score", "points", (
            CREATININE, BILIRUBIN, INR, SODIUM,
            yes_no("dialysis", "Dialysis twice or more in the past week.",
                "Dialysis at least twice in the past week").optional(),
            yes_no("cvvhd", "24 hours or more of continuous dialysis in the past week.",
                   "Continuous veno-venous hemodialysis for ≥24 hours in the past week").optional(),
        ), _meld_na, "Kim et al., N Engl J Med 2008;359:1018; OPTN policy 9 (2016)", "melda liver transplant unos",
    ),
    Calculator(
        "homa_ir", 31, "HOMA-IR (insulin resistance)", "", (_INSULIN, GLUCOSE), _homa,
        "Matthews et al., Diabetologia 1985;28:412", "homeostatic model",
    ),
    Calculator(
        "ldl", 44, "LDL cholesterol (Friedewald)", "mg/dL", (TOTAL_CHOLESTEROL, HDL, _TRIGLYCERIDES), _ldl,
        "Friedewald et al., Clin Chem 1972;18:499", "low-density lipoprotein cholestrol calculated",
    ),
)  # fmt: skip
