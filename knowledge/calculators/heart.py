"""Heart and vessels: blood pressure, QT correction, risk of stroke, surgery and coronary events."""

import math

from knowledge.calculators.calculator import Calculator, Given, Input, Working, plain
from knowledge.calculators.criteria import any_flag, bands, choice, flag, rule, score
from knowledge.calculators.inputs import (
    AGE,
    CREATININE,
    DIABETES,
    DIASTOLIC,
    HDL,
    HEART_FAILURE,
    HEART_RATE,
    HYPERTENSION,
    SEX,
    STROKE,
    SYSTOLIC,
    TIA,
    TOTAL_CHOLESTEROL,
    one_of,
    yes_no,
)  # fmt: skip

QT = Input("qt", "interval", "QT interval.", ("QT interval",), low=150, high=800)


def _mean_pressure(given: Given, working: Working) -> float:
    working.step(f"MAP = {plain(given.systolic)}/3 + 2 x {plain(given.diastolic)}/3")
    if given.diastolic >= given.systolic:
        working.warn("The diastolic pressure is not below the systolic one.")
    return given.systolic / 3 + 2 * given.diastolic / 3


def _rr_seconds(given: Given, working: Working) -> float:
    working.step(f"RR = 60 / {plain(given.heart_rate)} = {plain(60 / given.heart_rate)} s")
    return 60 / given.heart_rate


def _bazett(given: Given, working: Working) -> float:
    rr = _rr_seconds(given, working)
    working.step(f"QTc = {plain(given.qt)} / sqrt({plain(rr)})")
    if not 60 <= given.heart_rate <= 100:
        working.warn("Bazett over-corrects at fast and under-corrects at slow rates: compare Fridericia.")
    return given.qt / math.sqrt(rr)


def _fridericia(given: Given, working: Working) -> float:
    rr = _rr_seconds(given, working)
    working.step(f"QTc = {plain(given.qt)} / {plain(rr)}^(1/3)")
    return given.qt / rr ** (1 / 3)


def _framingham_qt(given: Given, working: Working) -> float:
    rr = _rr_seconds(given, working)
    working.step(f"QTc = {plain(given.qt)} + 154 x (1 - {plain(rr)})")
    return given.qt + 154 * (1 - rr)


def _hodges(given: Given, working: Working) -> float:
    working.step(f"QTc = {plain(given.qt)} + 1.75 x ({plain(given.heart_rate)} - 60)")
    return given.qt + 1.75 * (given.heart_rate - 60)


def _rautaharju(given: Given, working: Working) -> float:
    working.step(f"QTc = {plain(given.qt)} x (120 + {plain(given.heart_rate)}) / 180")
    return given.qt * (120 + given.heart_rate) / 180


_FRAMINGHAM = {
    "male": (52.00961, 20.014077, -0.905964, 1.305784, 0.241549, 12.096316, -4.605038, -2.84367, -2.93323, 172.300168,
        70.0, 0.9402),
    "female": (31.764001, 22.465206, -1.187731, 2.552905, 0.420251, 13.07543, -5.060998, -2.996945, 0.0, 146.5933061,
        78.0, 0.98767),
}  # fmt: skip
"""ln age, ln total cholesterol, ln HDL, ln systolic, treated, smoker, ln age x ln cholesterol, ln capped age x smoker,
(ln age)^2, intercept, the age at which smoking stops to count more, ten-year survival at the mean."""


def _framingham(given: Given, working: Working) -> float:
    if not 20 <= given.age < 80:
        working.warn("The score was made for ages 20 to 79 without coronary disease or diabetes.")
    a, tc, hdl, sbp, treated, smoker, a_tc, a_smoker, a_a, intercept, cap, survival = _FRAMINGHAM[given.sex]
    age, cholesterol = math.log(given.age), math.log(given.total_cholesterol)
    exponent = (
        a * age + tc * cholesterol + hdl * math.log(given.hdl) + sbp * math.log(given.systolic)
        + treated * bool(given.treated_pressure) + smoker * bool(given.smoker) + a_tc * age * cholesterol
        + a_smoker * math.log(min(given.age, cap)) * bool(given.smoker) + a_a * age**2 - intercept
    )  # fmt: skip
    for name in ("smoker", "treated_pressure"):
        if getattr(given, name) is None:
            working.missing.append(name.replace("_", " "))
    working.step(f"Sum of the terms = {plain(exponent)}")
    working.step(f"Risk = 100 x (1 - {survival}^exp({plain(exponent)}))")
    return 100 * (1 - survival ** math.exp(exponent))


_CHA2DS2_VASC = score(
    "cha2ds2_vasc", 4, "CHA2DS2-VASc score", (
        AGE, SEX, HEART_FAILURE, HYPERTENSION, STROKE, TIA,
        yes_no("thromboembolism", "Systemic thromboembolism.", "Thromboembolism history"),
        yes_no("vascular_disease", "Myocardial infarction, peripheral artery disease or aortic plaque.",
            "Vascular disease history"),
        DIABETES,
    ), (
        bands("age", "age", "years", (">=", 75, 2), (">=", 65, 1)), choice("sex", "sex", {"male": 0, "female": 1}),
        flag("heart_failure", 1, "heart failure"), flag("hypertension", 1, "hypertension"),
        any_flag(("stroke", "tia", "thromboembolism"), 2, "stroke, TIA or thromboembolism"),
        flag("vascular_disease", 1, "vascular disease"), flag("diabetes", 1, "diabetes"),
    ), "Lip et al., Chest 2010;137:263", keywords="atrial fibrillation stroke risk chads vasc",
)  # fmt: skip

_RCRI = score(
    "revised_cardiac_risk_index", 17, "Revised cardiac risk index", (
        yes_no("high_risk_surgery", "Intraperitoneal, intrathoracic or suprainguinal vascular surgery.",
            "Elevated-risk surgery"),
        yes_no("ischemic_heart_disease", "Ischemic heart disease.", "History of ischemic heart disease"),
        HEART_FAILURE.called("Congestive Heart Failure criteria for the Cardiac Risk Index rule"),
        yes_no("cerebrovascular_disease", "Stroke or TIA.", "History of cerebrovascular disease",
            "Cerebrovascular disease history"),
        yes_no("insulin", "Treatment with insulin.", "Pre-operative treatment with insulin"),
        CREATININE.called("Pre-operative creatinine"),
    ), (
        flag("high_risk_surgery", 1, "high-risk surgery"), flag("ischemic_heart_disease", 1, "ischemic heart disease"),
        flag("heart_failure", 1, "heart failure"), flag("cerebrovascular_disease", 1, "cerebrovascular disease"),
        flag("insulin", 1, "insulin"), bands("creatinine", "creatinine", "mg/dL", (">", 2, 1)),
    ), "Lee et al., Circulation 1999;100:1043", keywords="rcri preoperative pre-operative cardiac",
)  # fmt: skip

_RISKS = ("hypertension", "high_cholesterol", "diabetes", "obesity", "smoker", "family_history")


def _heart_risk_points(given: Given) -> float:
    if given.atherosclerosis or given.stroke or given.tia:
        return 2
    count = sum(bool(getattr(given, name)) for name in _RISKS)
    return 2 if count >= 3 else 1 if count else 0


_HEART = score(
    "heart_score", 18, "HEART score", (
        one_of("history", "How suspicious the history is.", {
            "slightly suspicious": (), "moderately suspicious": (), "highly suspicious": (),
        }, "Suspicion History"),
        one_of("ecg", "Electrocardiogram.", {
            "normal": (), "non-specific repolarization disturbance": (), "significant st deviation": (),
        }, "Electrocardiogram Test"),
        AGE,
        one_of("troponin", "First troponin against the normal limit.", {
            "normal": ("less than or equal to normal limit",),
            "up to three times": ("between the normal limit or up to three times the normal limit",),
            "above three times": ("greater than three times normal limit",),
        }, "Initial troponin"),
        HYPERTENSION, yes_no("high_cholesterol", "Hypercholesterolemia.", "hypercholesterolemia"), DIABETES,
        yes_no("obesity", "BMI above 30 kg/m^2."), yes_no("smoker", "Smoking now or within three months.", "smoking"),
        yes_no("family_history", "Parent or sibling with cardiovascular disease before 65.",
               "parent or sibling with Cardiovascular disease before age 65"),
        yes_no("atherosclerosis", "Known atherosclerotic disease.", "atherosclerotic disease"), STROKE, TIA,
    ), (
        choice("history", "history", {"slightly suspicious": 0, "moderately suspicious": 1, "highly suspicious": 2}),
        choice("ecg", "ECG",
            {"normal": 0, "non-specific repolarization disturbance": 1, "significant st deviation": 2}),
        bands("age", "age", "years", (">=", 65, 2), (">=", 45, 1)),
        rule("risk factors", (), _heart_risk_points, one_of=(*_RISKS, "atherosclerosis", "stroke", "tia")),
        choice("troponin", "troponin", {"normal": 0, "up to three times": 1, "above three times": 2}),
    ), "Six et al., Neth Heart J 2008;16:191", keywords="chest pain major cardiac events",
)  # fmt: skip

_QT_INPUTS = (QT, HEART_RATE)
CALCULATORS = (
    _CHA2DS2_VASC, _RCRI, _HEART,
    Calculator(
        "mean_arterial_pressure", 5, "Mean arterial pressure (MAP)", "mm Hg", (SYSTOLIC, DIASTOLIC), _mean_pressure,
        "DeMers & Wachs, StatPearls: Physiology, Mean Arterial Pressure (2023)", "blood pressure",
    ),
    Calculator(
        "qtc_bazett", 11, "Corrected QT interval (Bazett)", "ms", _QT_INPUTS, _bazett, "Bazett, Heart 1920;7:353",
        "qtc",
    ),
    Calculator(
        "qtc_fridericia", 56, "Corrected QT interval (Fridericia)", "ms", _QT_INPUTS, _fridericia,
        "Fridericia, Acta Med Scand 1920;53:469", "qtc",
    ),
    Calculator(
        "qtc_framingham", 57, "Corrected QT interval (Framingham)", "ms", _QT_INPUTS, _framingham_qt,
        "Sagie et al., Am J Cardiol 1992;70:797", "qtc",
    ),
    Calculator(
        "qtc_hodges", 58, "Corrected QT interval (Hodges)", "ms", _QT_INPUTS, _hodges,
        "Hodges et al., J Am Coll Cardiol 1983;1:694", "qtc",
    ),
    Calculator(
        "qtc_rautaharju", 59, "Corrected QT interval (Rautaharju)", "ms", _QT_INPUTS, _rautaharju,
        "Rautaharju & Zhang, J Cardiovasc Electrophysiol 2002;13:1211", "qtc",
    ),
    Calculator(
        "framingham_risk", 46, "Framingham risk score for hard coronary heart disease", "%", (
            AGE, SEX, SYSTOLIC, TOTAL_CHOLESTEROL, HDL, yes_no("smoker", "Smokes.", "smoking").optional(),
            yes_no("treated_pressure", "Takes medicine for blood pressure.",
                   "Blood pressure being treated with medicines").optional(),
        ), _framingham, "Adult Treatment Panel III, JAMA 2001;285:2486", "cardiovascular ten-year 10-year",
    ),
)  # fmt: skip
