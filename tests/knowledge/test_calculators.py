"""Every calculator gives its known answers, whatever the units, and says what it was not told."""

from datetime import date
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.errors import KnowledgeError
from cases.evidence import EvidenceKind
from knowledge.calculators.calculator import CHOICE, DATE, FLAG, Calculator, Input
from knowledge.calculators.catalogue import as_evidence, calculator, calculators, find, run
from knowledge.calculators.units import QUANTITIES, convert, parse_measure, quantity

ALL_SIRS = {"temperature": "39 °C", "heart_rate": 95, "respiratory_rate": 22, "white_cells": "13 10^9/L"}
KNOWN: list[tuple[int, dict[str, Any], float | date]] = [
    (2, {"sex": "male", "age": 53, "weight": "77.0788 kg", "height": "210 cm", "creatinine": "1.39 mg/dL"}, 67.00495),
    (3, {"sex": "male", "age": 81, "creatinine": 1.7}, 39.99991),
    (3, {"sex": "male", "age": 50, "creatinine": 0.8}, 107.8167),
    (4, {"sex": "female", "age": 76, "hypertension": True, "diabetes": True}, 5),
    (5, {"systolic": 110, "diastolic": 70}, 83.33333),
    (6, {"weight": "68 kg", "height": "182 cm"}, 20.52892),
    (7, {"calcium": 8.4, "albumin": 3.3}, 8.96),
    (8, {"heart_rate": 120}, 1.5),
    (9, {"sex": "female", "age": 85, "creatinine": 1.36}, 36.95439),
    (10, {"sex": "male", "height": "173 cm"}, 68.65362),
    (11, {"qt": 330, "heart_rate": 113}, 452.87415),
    (13, {"last_period": "2000-02-24", "cycle_length": 30}, date(2000, 12, 2)),
    (15, {"bilirubin": 1, "albumin": 4, "inr": 1, "ascites": "absent", "encephalopathy": "none"}, 5),
    (15, {"bilirubin": 4, "albumin": 2, "inr": 3, "ascites": "moderate", "encephalopathy": "grade 3-4"}, 15),
    (16, {"alternative_as_likely": True}, -2),
    (17, {"high_risk_surgery": 1, "ischemic_heart_disease": 1, "heart_failure": 1, "cerebrovascular_disease": 1,
          "insulin": 1, "creatinine": 2.1}, 6),
    (18, {"history": "highly suspicious", "ecg": "significant st deviation", "age": 65, "atherosclerosis": True,
          "troponin": "above three times"}, 10),
    (19, {"age": 35, "ast": 107, "alt": 104, "platelets": 181}, 2.02888),
    (20, {"age": 10, "temperature": 39, "no_cough": True, "exudate": True, "nodes": True}, 5),
    (21, {"eye": "spontaneous", "verbal": "none", "motor": "abnormal flexion"}, 8),
    (22, {"weight": 76}, 116),
    (22, {"weight": 10}, 40),
    (22, {"weight": 15}, 50),
    (23, {"creatinine": 2, "bilirubin": 3, "inr": 1.5, "sodium": 130}, 26),
    (23, {"creatinine": 0.8, "bilirubin": 0.6, "inr": 1, "sodium": 140}, 6),
    (24, {"steroid": "hydrocortisone", "dose": "65.867 mg", "target": "dexamethasone"}, 2.47001),
    (25, {"hypertension": 1, "renal_disease": 1, "liver_disease": 1, "stroke": 1, "prior_bleeding": 1, "labile_inr": 1,
          "age": 66, "bleeding_drugs": 1, "drinks_per_week": 8}, 9),
    (26, {"sodium": 132, "glucose": 350}, 138.0),
    (27, {"urea_nitrogen": 30, "sex": "male", "hemoglobin": 11, "systolic": 95, "heart_rate": 110, "syncope": True},
     12),
    (29, {"sex": "female", "age": 70}, 60),
    (30, {"sodium": 136.4, "urea_nitrogen": 11, "glucose": 125}, 283.67302),
    (31, {"insulin": 14.5, "glucose": 298}, 10.66914),
    (32, {"age": 72, "myocardial_infarction": True, "diabetes": "end-organ damage"}, 6),
    (33, {"fever": 1, "no_cough_or_coryza": 1, "early": 1, "pus": 1, "severe_inflammation": 1}, 5),
    (36, {"bmi": 26, "age": 40}, 1),
    (36, {"age": 41, "surgery": "arthroplasty", "plaster": True, "prior_pe": True, "prior_dvt": True}, 11),
    (38, {"sex": "male", "age": 12, "weight": 35, "sodium": 126}, -2.1),
    (39, {"sodium": 140, "chloride": 110, "bicarbonate": 9.4}, 20.6),
    (40, {"creatinine": 1.56, "urine_sodium": 12, "sodium": 197, "urine_creatinine": 128.1}, 0.07418),
    (44, {"total_cholesterol": 161, "hdl": 39, "triglycerides": 95}, 103),
    (45, {"confusion": 1, "urea_nitrogen": 20, "respiratory_rate": 30, "systolic": 89, "diastolic": 50, "age": 65}, 5),
    (46, {"sex": "male", "age": 79, "total_cholesterol": 190, "hdl": 49, "systolic": 120}, 17.12251),
    (48, {"age": 30, "heart_rate": 80, "oxygen_saturation": 98}, 0),
    (49, {"morphine": 50}, 50),
    (49, {"fentanyl patch": "25 µg/h"}, 60),
    (51, ALL_SIRS, 4),
    (56, {"qt": 373, "heart_rate": 161}, 518.32325),
    (57, {"qt": 405, "heart_rate": 87}, 452.79236),
    (58, {"qt": 280, "heart_rate": 101}, 351.74982),
    (59, {"qt": 321, "heart_rate": 68}, 335.26667),
    (60, {"height": 180, "weight": 85}, 2.06155),
    (61, {"bmi": 23.2, "height": "72 in"}, 77.59262),
    (62, {"sex": "female", "height": "62.99216 in", "weight": 78}, 62.62918),
    (63, {"sodium": 120, "chloride": 105, "bicarbonate": 10}, -7),
    (64, {"sodium": 140, "chloride": 109, "bicarbonate": 8.6}, 0.67532),
    (65, {"sodium": 140, "chloride": 100, "bicarbonate": 20, "albumin": 3}, 22.5),
    (66, {"sodium": 140, "chloride": 105, "bicarbonate": 21, "albumin": 3.5}, 3.25),
    (67, {"sodium": 140, "chloride": 106, "bicarbonate": 21, "albumin": 4.4}, 0.0),
    (68, {"last_period": date(2017, 1, 7)}, date(2017, 1, 21)),
    (68, {"last_period": "2024-02-08", "cycle_length": 25}, date(2024, 2, 19)),
    (69, {"last_period": "12/23/2020", "on": "08/21/2021"}, 34 * 7 + 3),
]  # fmt: skip


@pytest.mark.parametrize(("number", "values", "wanted"), KNOWN, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(KNOWN)])
def test_known_answers(number: int, values: dict[str, Any], wanted: float | date) -> None:
    found = run(number, values)
    assert found.source
    assert found.steps
    if isinstance(wanted, date):
        assert found.value == wanted
    else:
        assert found.value == pytest.approx(wanted, rel=2e-5, abs=0.0101 if number == 67 else 1e-5)


def test_the_55_calculators_are_there_once_each_and_58_known_answers_cover_all_but_two() -> None:
    numbers = [item.number for item in calculators()]
    assert len(numbers) == len(set(numbers)) == 55
    assert set(numbers) - {number for number, _, _ in KNOWN} == {28, 43}


def test_sofa_and_apache_add_up_as_their_tables_say() -> None:
    sick = {
        "pao2": 60, "fio2": "80 %", "ventilated": True, "platelets": 15, "bilirubin": 13, "norepinephrine": 0.2,
        "gcs": 3, "creatinine": 6,
    }  # fmt: skip
    assert run("sofa", sick).value == 24
    assert run("sofa", {**sick, "ventilated": False}).value == 22
    assert run("sofa", {"systolic": 80, "diastolic": 50, "gcs": 15}).value == 1
    well = {
        "temperature": 37, "systolic": 120, "diastolic": 75, "heart_rate": 80, "respiratory_rate": 16, "fio2": "21 %",
        "pao2": 90, "ph": 7.4, "sodium": 140, "potassium": 4, "creatinine": 1, "hematocrit": "40 %", "white_cells": 8,
        "gcs": 15, "age": 40,
    }  # fmt: skip
    assert run("apache_ii", well).value == 0
    assert run("apache_ii", {**well, "creatinine": 2.5}).value == 3
    assert run("apache_ii", {**well, "creatinine": 2.5, "acute_renal_failure": True}).value == 6
    assert run("apache_ii", {**well, "gcs": 10, "age": 75, "severe_chronic_disease": True}).value == 16
    elective = {**well, "severe_chronic_disease": True, "surgery": "elective"}
    assert run("apache_ii", elective).value == 2


def test_errors_of_the_public_code_are_not_inherited() -> None:
    assert run("ckd_epi_2021", {"sex": "male", "age": 50, "creatinine": 0.8}).value == pytest.approx(107.8167, rel=1e-5)
    assert run("caprini", {"bmi": 30, "age": 30}).value == 1, "a raised BMI is one point"
    assert run("morphine_equivalents", {"FentANYL patch": "10 µg/h"}).value == 24
    assert run("glasgow_blatchford", {"syncope": True, "liver_disease": True, "heart_failure": True}).value == 6
    assert run("target_weight", {"bmi": 22, "height": "75 in"}).value == pytest.approx(79.838, abs=1e-3)
    infant = run("free_water_deficit", {"sex": "male", "age": "7 months", "weight": 8, "sodium": 150})
    assert infant.value == pytest.approx(0.6 * 8 * (150 / 140 - 1))
    assert run("corrected_calcium", {"calcium": "2.1 mmol/L", "albumin": 4}).value == pytest.approx(8.416, abs=1e-3)


def measured(item: Input) -> bool:
    return item.quantity not in (FLAG, CHOICE, DATE) and len(quantity(item.quantity).units) > 1


WITH_UNITS = [(item, entry) for item in calculators() for entry in item.inputs if measured(entry)]


def plausible(calc: Calculator, share: float) -> dict[str, Any]:
    """One value per input, at a share of what is seen in people, in the quantity's own unit."""
    values: dict[str, Any] = {}
    for item in calc.inputs:
        if item.quantity == FLAG:
            values[item.name] = share > 0.5
        elif item.quantity == CHOICE:
            values[item.name] = list(item.choices)[int(share * (len(item.choices) - 1))]
        elif item.quantity == DATE:
            values[item.name] = "2024-01-10" if item.name == "last_period" else "2024-06-01"
        else:
            low, high = item.low or 0.0, item.high or 100.0
            values[item.name] = (low + (0.02 + 0.4 * share) * (high - low), quantity(item.quantity).unit)
    return values


@settings(deadline=None, max_examples=120)
@given(st.sampled_from(WITH_UNITS), st.floats(0, 1), st.data())
def test_units_never_change_a_result(pair: tuple[Calculator, Input], share: float, data: st.DataObject) -> None:
    calc, item = pair
    kind = quantity(item.quantity)
    unit = data.draw(st.sampled_from(kind.units))
    values = plausible(calc, share)
    number, own = values[item.name]
    first = run(calc, values).value
    second = run(calc, {**values, item.name: (convert(number, own, kind, to=unit), unit)}).value
    if isinstance(first, float) and isinstance(second, float):
        assert second == pytest.approx(first, rel=1e-3, abs=0 if calc.is_score else 1e-9)
    else:
        assert second == first


@pytest.mark.parametrize("kind", QUANTITIES.values(), ids=list(QUANTITIES))
def test_every_unit_of_a_quantity_goes_there_and_back(kind: Any) -> None:
    for unit in kind.units:
        assert convert(convert(12.5, kind.unit, kind, to=unit), unit, kind) == pytest.approx(12.5, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "unit", "name", "wanted"),
    [
        (88.4, "µmol/L", "creatinine", 1.0), (100, "umol/l", "creatinine", 1.1312), (5.55, "mmol/L", "glucose", 99.99),
        (17.1, "µmol/L", "bilirubin", 0.99977), (1.0, "mmol/L", "cholesterol", 38.665), (40, "g/L", "albumin", 4.0),
        (1, "mmol/L", "urea_nitrogen", 2.8014), (2.5, "mmol/L", "calcium", 10.0195), (5, "mEq/L", "calcium", 10.0195),
        (140, "mmol/L", "sodium", 140), (98.6, "degrees fahrenheit", "temperature", 37),
        (310.15, "K", "temperature", 37), (10, "kPa", "pressure", 75.00617), (7000, "cells/µL", "cells", 7),
        (154, "lbs", "weight", 69.8532),
        (24, "months", "age", 2),
    ],
)  # fmt: skip
def test_laboratory_units_are_converted(value: float, unit: str, name: str, wanted: float) -> None:
    assert convert(value, unit, quantity(name)) == pytest.approx(wanted, rel=1e-4)


def test_a_limit_is_the_same_limit_in_every_unit() -> None:
    assert run("sirs", {"temperature": "100.4 °F"}).value == run("sirs", {"temperature": "38 °C"}).value == 0
    assert run("sirs", {"temperature": "100.5 °F"}).value == 1


def test_measures_are_read_as_people_write_them() -> None:
    assert parse_measure("5 ft 6 in") == [(5, "ft"), (6, "in")]
    assert parse_measure("1,7 mg/dL") == [(1.7, "mg/dL")]
    assert parse_measure("181 10^9/L") == [(181, "10^9/L")]
    assert parse_measure("15") == [(15, "")]
    with pytest.raises(KnowledgeError, match="no measured value"):
        parse_measure("about ten")


def test_what_is_missing_is_said_or_refused() -> None:
    told = run("cha2ds2_vasc", {"age": 70})
    assert told.value == 1
    assert "hypertension" in told.missing
    assert any("stroke" in name for name in told.missing)
    assert {"risk factors", "troponin"} <= set(run("heart_score", {"age": 50}).missing)
    assert "circulation" in run("sofa", {"gcs": 15}).missing
    assert run("sofa", {"gcs": 15, "hypotension": True}).value == 1
    with pytest.raises(KnowledgeError, match=r"creatinine.*mg/dL"):
        run("ckd_epi_2021", {"sex": "male", "age": 50})
    with pytest.raises(KnowledgeError, match="no input"):
        run("caprini", {})
    assert any("no unit" in warning for warning in run("bmi", {"weight": 68, "height": "182 cm"}).warnings)


@pytest.mark.parametrize(
    ("name", "values", "complaint"),
    [
        ("bmi", {"weight": "68 stone", "height": "182 cm"}, "no unit of weight"),
        ("bmi", {"weight": 0, "height": "182 cm"}, "not possible"),
        ("bmi", {"weight": float("nan"), "height": "182 cm"}, "not possible"),
        ("bmi", {"wieght": 68}, "'wieght' is no input"),
        ("ckd_epi_2021", {"sex": "robot", "age": 50, "creatinine": 1}, "no choice"),
        ("sirs", {"temperature": True}, "no measured value"),
        ("centor", {"exudate": "perhaps"}, "neither yes nor no"),
        ("due_date", {"last_period": "31/31/2020"}, "no date"),
        ("gestational_age", {"last_period": "2024-06-01", "on": "2024-01-01"}, "before the last period"),
        ("delta_ratio", {"sodium": 140, "chloride": 104, "bicarbonate": 24}, "no result"),
        ("qtc", {}, "nearest: qtc_"),
    ],
)
def test_wrong_input_is_named_with_its_remedy(name: str, values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(KnowledgeError, match=complaint):
        run(name, values)


def test_a_value_that_no_patient_has_is_used_with_a_warning() -> None:
    found = run("ckd_epi_2021", {"sex": "male", "age": 50, "creatinine": "70 mg/dL"})
    assert any("is the unit right" in warning for warning in found.warnings)


@pytest.mark.parametrize("calc", calculators(), ids=lambda calc: calc.name)
def test_schemas_are_valid_and_accept_what_run_accepts(calc: Calculator) -> None:
    schema = calc.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    values: dict[str, Any] = {}
    for name, value in plausible(calc, 0.3).items():
        is_plain = isinstance(value, tuple) and not value[1]
        values[name] = (
            value[0] if is_plain else {"value": value[0], "unit": value[1]} if isinstance(value, tuple) else value
        )
    jsonschema.validate(values, schema)
    assert run(calc, values).text
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "unknown": 1}, schema)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kidney function eGFR by the 2021 CKD-EPI equation", "ckd_epi_2021"), ("CrCl", "cockcroft_gault"),
        ("stroke risk in atrial fibrillation", "cha2ds2_vasc"), ("how bad is this pneumonia, CURB", "curb_65"),
        ("opioid daily dose in morphine", "morphine_equivalents"), ("coma", "glasgow_coma_scale"),
        ("corrected QT, Fridericia", "qtc_fridericia"), ("sore throat FeverPAIN", "feverpain"),
    ],
)  # fmt: skip
def test_words_find_the_calculator(text: str, wanted: str) -> None:
    assert find(text, 1)[0].name == wanted
    assert calculator(wanted).name == wanted


def test_a_calculation_can_be_cited_by_its_steps() -> None:
    evidence = as_evidence(run("anion_gap", {"sodium": 140, "chloride": 110, "bicarbonate": 9.4}))
    assert evidence.kind is EvidenceKind.CALCULATION
    assert "= 20.6" in evidence.text
    assert "Emmett" in evidence.source
