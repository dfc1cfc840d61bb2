"""Bleeding and clots: Wells, PERC, Caprini, HAS-BLED, Glasgow-Blatchford."""

from knowledge.calculators.calculator import Given, Input
from knowledge.calculators.criteria import any_flag, bands, choice, flag, rule, score
from knowledge.calculators.inputs import (
    AGE,
    BMI,
    HEART_FAILURE,
    HEART_RATE,
    HEMOGLOBIN,
    HEMOPTYSIS,
    HYPERTENSION,
    PRIOR_DVT,
    PRIOR_PE,
    SEX,
    STROKE,
    SYSTOLIC,
    UREA_NITROGEN,
    one_of,
    yes_no,
)  # fmt: skip

_IMMOBILE = yes_no("immobile", "Immobile for three days or more.", "Immobilization for at least 3 days")
_SURGERY_4_WEEKS = yes_no("recent_surgery", "Surgery in the last four weeks.", "Surgery in the previous 4 weeks")
_HORMONES = yes_no("hormones", "Takes estrogen.", "Hormone use")

_WELLS_PE = score(
    "wells_pe", 8, "Wells criteria for pulmonary embolism", (
        yes_no("dvt_signs", "Signs of deep vein thrombosis.", "Clinical signs and symptoms of Deep Vein Thrombosis"),
        yes_no("pe_likeliest", "Pulmonary embolism is the first diagnosis, or as likely as it.",
               "Pulmonary Embolism is #1 diagnosis OR equally likely"),
        HEART_RATE, _IMMOBILE, _SURGERY_4_WEEKS, PRIOR_DVT, PRIOR_PE, HEMOPTYSIS,
        yes_no("cancer", "Cancer treated within six months, or palliative.",
               "Malignancy with treatment within 6 months or palliative"),
    ), (
        flag("dvt_signs", 3, "signs of DVT"), flag("pe_likeliest", 3, "PE is likeliest"),
        bands("heart_rate", "heart rate", "/min", (">", 100, 1.5)),
        any_flag(("immobile", "recent_surgery"), 1.5, "immobile or recent surgery"),
        any_flag(("prior_dvt", "prior_pe"), 1.5, "earlier DVT or PE"), flag("hemoptysis", 1, "hemoptysis"),
        flag("cancer", 1, "cancer"),
    ), "Wells et al., Thromb Haemost 2000;83:416", keywords="wells' pe criteria embolism",
)  # fmt: skip

_WELLS_DVT = score(
    "wells_dvt", 16, "Wells criteria for deep vein thrombosis", (
        yes_no("active_cancer", "Active cancer.", "Active cancer"),
        yes_no("bedridden", "In bed for more than three days, or major surgery within twelve weeks.",
               "Bedridden recently >3 days or major surgery within 12 weeks"),
        yes_no("major_surgery", "Major surgery within twelve weeks.", "Major surgery within 12 weeks"),
        yes_no("calf_swelling", "Calf swollen by more than 3 cm.",
            "Calf swelling >3 centimeters compared to the other leg"),
        yes_no("collateral_veins", "Collateral, not varicose, superficial veins.",
               "Collateral (nonvaricose) superficial veins present"),
        yes_no("whole_leg_swollen", "The whole leg is swollen.", "Entire Leg Swollen"),
        yes_no("tenderness", "Tender along the deep veins.", "Localized tenderness along the deep venous system"),
        yes_no("pitting_edema", "Pitting edema of that leg only.", "Pitting edema, confined to symptomatic leg"),
        yes_no("paralysis", "Paralysis, paresis or plaster of the leg.",
               "Paralysis, paresis, or recent plaster immobilization of the lower extremity"),
        PRIOR_DVT,
        yes_no("alternative_as_likely", "Another diagnosis is at least as likely.",
               "Alternative diagnosis to Deep Vein Thrombosis as likely or more likely"),
    ), (
        flag("active_cancer", 1, "active cancer"),
        any_flag(("bedridden", "major_surgery"), 1, "bedridden or major surgery"),
        flag("calf_swelling", 1, "calf swelling"), flag("collateral_veins", 1, "collateral veins"),
        flag("whole_leg_swollen", 1, "whole leg swollen"), flag("tenderness", 1, "tenderness"),
        flag("pitting_edema", 1, "pitting edema"), flag("paralysis", 1, "paralysis or plaster"),
        flag("prior_dvt", 1, "earlier DVT"), flag("alternative_as_likely", -2, "another diagnosis as likely"),
    ), "Wells et al., N Engl J Med 2003;349:1227", keywords="wells' dvt",
)  # fmt: skip

_PERC = score(
    "perc", 48, "PERC rule for pulmonary embolism", (
        AGE, HEART_RATE, Input("oxygen_saturation", "fraction", "Oxygen saturation on room air.",
                               ("O₂ saturation percentage", "spo2"), low=50, high=100),
        yes_no("leg_swelling", "One leg is swollen.", "Unilateral Leg Swelling"), HEMOPTYSIS,
        yes_no("surgery_or_trauma", "Surgery or trauma within four weeks.", "Recent surgery or trauma"), PRIOR_DVT,
        PRIOR_PE,
        _HORMONES,
    ), (
        bands("age", "age", "years", (">=", 50, 1)), bands("heart_rate", "heart rate", "/min", (">=", 100, 1)),
        bands("oxygen_saturation", "oxygen saturation", "%", ("<", 95, 1)), flag("leg_swelling", 1, "leg swelling"),
        flag("hemoptysis", 1, "hemoptysis"), flag("surgery_or_trauma", 1, "surgery or trauma"),
        any_flag(("prior_dvt", "prior_pe"), 1, "earlier DVT or PE"), flag("hormones", 1, "estrogen"),
    ), "Kline et al., J Thromb Haemost 2004;2:1247", keywords="pe criteria met number", unit="criteria",
)  # fmt: skip

_LAST_MONTH = (
    ("major_surgery", 1, "Major Surgery in the last month"),
    ("heart_failure_month", 1, "Congestive Heart Failure in the last month"),
    ("sepsis", 1, "Sepsis in the last month"), ("pneumonia", 1, "Pneumonia in the last month"),
    ("plaster", 2, "Immobilizing plaster cast in the last month"),
    ("fracture", 5, "Hip, pelvis, or leg fracture in the last month"), ("stroke_month", 5, "Stroke in the last month"),
    ("multiple_trauma", 5, "Multiple trauma in the last month"),
    ("spinal_cord_injury", 5, "Acute spinal cord injury causing paralysis in the last month"),
)  # fmt: skip
_VEINS_AND_CLOTTING = (
    ("varicose_veins", 1, "Varicose veins"), ("swollen_legs", 1, "Current swollen legs"),
    ("central_venous_access", 2, "Current central venous access"),
    ("family_thrombosis", 3, "Family history of thrombosis"), ("factor_v_leiden", 3, "Positive Factor V Leiden"),
    ("prothrombin_20210a", 3, "Positive prothrombin 20210A"), ("homocysteine", 3, "Elevated serum homocysteine"),
    ("lupus_anticoagulant", 3, "Positive lupus anticoagulant"),
    ("anticardiolipin", 3, "Elevated anticardiolipin antibody"), ("hit", 3, "Heparin-induced thrombocytopenia"),
    ("thrombophilia", 3, "Other congenital or acquired thrombophilia"),
)  # fmt: skip
_HISTORY = (
    ("bowel_disease", 1, "History of inflammatory bowel disease"),
    ("myocardial_infarction", 1, "Acute Myocardial infarction"),
    ("copd", 1, "Chronic Obstructive Pulmonary Disease"), ("malignancy", 2, "Present or previous malignancy"),
)  # fmt: skip
_CAPRINI_FLAGS = (*_LAST_MONTH, *_VEINS_AND_CLOTTING, *_HISTORY)
_SURGERY = {
    "none": (), "minor": (), "major": ("major >45 min",), "laparoscopic": (), "arthroscopic": (),
    "arthroplasty": ("elective major lower extremity arthroplasty",),
}  # fmt: skip
_MOBILITY = {
    "normal": (),
    "bed rest": ("on bed rest",),
    "confined to bed for more than 72 hours": ("confined to bed >72 hours",),
}

_CAPRINI = score(
    "caprini", 36, "Caprini score for venous thromboembolism", (
        AGE, SEX, one_of("surgery", "Kind of surgery now.", _SURGERY, "Surgery Type"), PRIOR_DVT, PRIOR_PE,
        one_of("mobility", "Mobility.", _MOBILITY, "Mobility"), BMI,
        *(yes_no(name, f"{alias}.", alias) for name, _, alias in _CAPRINI_FLAGS),
    ), (
        bands("age", "age", "years", (">=", 75, 3), (">=", 61, 2), (">=", 41, 1)),
        choice("surgery", "surgery",
               {"none": 0, "minor": 1, "major": 2, "laparoscopic": 2, "arthroscopic": 2, "arthroplasty": 5}),
        *(flag(name, points, alias[:1].lower() + alias[1:]) for name, points, alias in _CAPRINI_FLAGS),
        any_flag(("prior_dvt", "prior_pe"), 3, "earlier DVT or PE"),
        choice("mobility", "mobility", {"normal": 0, "bed rest": 1, "confined to bed for more than 72 hours": 2}),
        bands("bmi", "BMI", "kg/m^2", (">", 25, 1)),
    ), "Caprini, Dis Mon 2005;51:70", keywords="vte thrombosis 2005",
)  # fmt: skip

_HAS_BLED = score(
    "has_bled", 25, "HAS-BLED score for major bleeding", (
        HYPERTENSION, yes_no("renal_disease", "Dialysis, transplant or creatinine above 2.26 mg/dL.",
                             "Renal disease criteria for the HAS-BLED rule"),
        yes_no("liver_disease", "Cirrhosis, or bilirubin twice and transaminases three times normal.",
               "Liver disease criteria for the HAS-BLED rule"),
        STROKE, yes_no("prior_bleeding", "Major bleeding before, or a tendency to it.",
                       "Prior major bleeding or predisposition to bleeding"),
        yes_no("labile_inr", "INR in range less than 60 % of the time.", "Labile international normalized ratio"), AGE,
        yes_no("bleeding_drugs", "Antiplatelet drug or NSAID.", "Medication usage predisposing to bleeding"),
        Input("drinks_per_week", "number", "Alcoholic drinks in a week.", ("Number of Alcoholic Drinks Per Week",),
            low=0, high=200),
    ), (
        flag("hypertension", 1, "uncontrolled hypertension"), flag("renal_disease", 1, "renal disease"),
        flag("liver_disease", 1, "liver disease"), flag("stroke", 1, "stroke"),
        flag("prior_bleeding", 1, "earlier bleeding"),
        flag("labile_inr", 1, "labile INR"), bands("age", "age", "years", (">", 65, 1)),
        flag("bleeding_drugs", 1, "drugs that promote bleeding"),
        bands("drinks_per_week", "alcoholic drinks", "a week", (">=", 8, 1)),
    ), "Pisters et al., Chest 2010;138:1093", keywords="hasbled risk anticoagulation",
)  # fmt: skip


def _hemoglobin_points(given: Given) -> float:
    if given.hemoglobin < 10:
        return 6
    if given.sex == "male":
        return 3 if given.hemoglobin < 12 else 1 if given.hemoglobin < 13 else 0
    return 1 if given.hemoglobin < 12 else 0


_BLATCHFORD = score(
    "glasgow_blatchford", 27, "Glasgow-Blatchford bleeding score", (
        UREA_NITROGEN, SEX, HEMOGLOBIN, SYSTOLIC, HEART_RATE, yes_no("melena", "Melena.", "Melena present"),
        yes_no("syncope", "Syncope.", "Recent syncope"),
        yes_no("liver_disease", "Liver disease.", "Hepatic disease history"),
        HEART_FAILURE.called("Cardiac failure present"),
    ), (
        bands("urea_nitrogen", "BUN", "mg/dL", (">=", 70, 6), (">=", 28, 4), (">=", 22.4, 3), (">=", 18.2, 2)),
        rule("hemoglobin", ("hemoglobin", "sex"), _hemoglobin_points),
        bands("systolic", "systolic pressure", "mm Hg", ("<", 90, 3), ("<", 100, 2), ("<", 110, 1)),
        bands("heart_rate", "heart rate", "/min", (">=", 100, 1)), flag("melena", 1, "melena"),
        flag("syncope", 2, "syncope"), flag("liver_disease", 2, "liver disease"),
        flag("heart_failure", 2, "heart failure"),
    ), "Blatchford et al., Lancet 2000;356:1318", keywords="gbs upper gastrointestinal gi",
)  # fmt: skip

CALCULATORS = (_WELLS_PE, _WELLS_DVT, _PERC, _CAPRINI, _HAS_BLED, _BLATCHFORD)
