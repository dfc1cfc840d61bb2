"""Sentences, assertions, measurements and demographics as clinical notes state them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.case import Case, Finding, Patient
from knowledge.assertion import Assertion, assertion
from knowledge.demographics import demographics
from knowledge.sentences import sentence_spans, sentences
from knowledge.vitals import measurements, of_findings


@pytest.mark.parametrize(
    ("text", "cue", "wanted"),
    [
        ("He denies chest pain, dyspnea, or fever.", "fever", Assertion.NEGATED),
        ("No neck stiffness was found.", "neck stiffness", Assertion.NEGATED),
        ("Neck stiffness: none.", "Neck stiffness", Assertion.NEGATED),
        ("He does not have chest pain.", "chest pain", Assertion.NEGATED),
        ("Pulmonary embolism was ruled out.", "Pulmonary embolism", Assertion.NEGATED),
        ("He denies fever but has chest pain.", "chest pain", Assertion.PRESENT),
        ("He has no medical history and presents with chest pain.", "chest pain", Assertion.PRESENT),
        ("Crushing chest pain that is not relieved by rest.", "chest pain", Assertion.PRESENT),
        ("The pain did not respond to nitrates; sweating persists.", "sweating", Assertion.PRESENT),
        ("She has a history of stroke.", "stroke", Assertion.HISTORICAL),
        ("He was diagnosed with stroke two years ago.", "stroke", Assertion.HISTORICAL),
        ("Six months ago, he had a seizure.", "seizure", Assertion.HISTORICAL),
        ("A 2-hour history of chest pain.", "chest pain", Assertion.PRESENT),
        ("A man with a history of hypertension has chest pain.", "chest pain", Assertion.PRESENT),
        ("A 67-year-old man has facial droop.", "facial droop", Assertion.PRESENT),
        ("His father died of myocardial infarction.", "myocardial infarction", Assertion.OTHER_PERSON),
        ("The mother reports that the child has stridor.", "stridor", Assertion.PRESENT),
        ("The drug increases the risk of stroke.", "stroke", Assertion.HYPOTHETICAL),
        ("Return if you develop chest pain.", "chest pain", Assertion.HYPOTHETICAL),
    ],
)
def test_a_mention_is_read_as_the_sentence_means_it(text: str, cue: str, wanted: Assertion) -> None:
    start = text.index(cue)
    assert assertion(text, start, start + len(cue)) is wanted


def values(text: str) -> dict[str, float]:
    return {item.name: item.value for item in measurements(text)}


def test_vital_signs_are_read_in_the_ways_notes_write_them() -> None:
    found = values(
        "Temperature is 38.9°C (102°F), pulse is 112/min, respirations are 26/min, blood pressure is 88/54 mm Hg and "
        "oxygen saturation on room air is 89%. GCS 13/15. Glucose of 540 mg/dL, K+ 6.9 mEq/L, sodium: 118, "
        "arterial pH 7.12"
    )
    assert found == {
        "temperature": 38.9, "heart_rate": 112, "respiratory_rate": 26, "sbp": 88, "dbp": 54, "spo2": 89, "gcs": 13,
        "glucose": 29.97, "potassium": 6.9, "sodium": 118, "ph": 7.12,
    }  # fmt: skip
    assert values("BP 80/palp, HR: 140, RR 8, SpO2 78%, T 101.3 F") == {
        "sbp": 80, "heart_rate": 140, "respiratory_rate": 8, "spo2": 78, "temperature": 38.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["Potassium 3.5-5.0 mEq/L is normal", "a 120/80 split", "pH 12", "pulse 900/min", "GCS 22"]
)
def test_ranges_and_impossible_values_are_not_measurements(text: str) -> None:
    assert values(text) == {}


@settings(deadline=None)
@given(sbp=st.integers(60, 250), dbp=st.integers(30, 55), pulse=st.integers(30, 200), sugar=st.integers(60, 900))
def test_what_is_written_is_read_back(sbp: int, dbp: int, pulse: int, sugar: int) -> None:
    text = f"BP is {sbp}/{dbp} mm Hg, heart rate of {pulse} bpm; serum glucose {sugar} mg/dL."
    found = measurements(text)
    assert {item.name: item.value for item in found} == {
        "sbp": sbp, "dbp": dbp, "heart_rate": pulse, "glucose": round(sugar / 18.016, 2),
    }  # fmt: skip
    assert all(text[item.start : item.end].strip() for item in found)


def test_structured_findings_are_converted_to_the_same_units() -> None:
    findings = (
        Finding(name="Temperature", value=104, unit="F"), Finding(name="glucose", value=20.0, unit="mmol/L"),
        Finding(name="Pulse", value=88), Finding(name="mood", value=3), Finding(name="spo2", value="low"),
    )  # fmt: skip
    assert of_findings(findings) == {"temperature": 40.0, "glucose": 20.0, "heart_rate": 88}


@pytest.mark.parametrize(
    ("text", "age", "sex", "pregnant"),
    [
        ("A 61-year-old man has pain.", 61, "male", None),
        ("A 3-week-old girl is brought by her father.", 3 * 7 / 365.25, "female", None),
        ("A one-day-old male was born to a 36-year-old woman.", 1 / 365.25, "male", None),
        ("The male newborn was delivered by a 30-year-old woman.", 0, "male", None),
        ("A 28-year-old woman at 34 weeks' gestation has pain.", 28, "female", True),
        ("A 28-year-old woman. A pregnancy test is negative.", 28, "female", False),
        ("45F, chest pain", 45, "female", None),
        ("Chest pain and sweating.", None, None, None),
    ],
)
def test_age_sex_and_pregnancy_come_from_the_text(
    text: str, age: float | None, sex: str | None, pregnant: bool | None
) -> None:
    found = demographics(Case(id="x", question=text, task="short"), text)
    assert found.age_years == (None if age is None else pytest.approx(age))
    assert (found.sex, found.is_pregnant) == (sex, pregnant)


def test_the_record_wins_over_the_text() -> None:
    case = Case(
        id="x",
        question="A 61-year-old man",
        task="short",
        patient=Patient(age_years=30, sex="female", is_pregnant=True),
    )
    assert demographics(case, case.question) == (30, "female", True)


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    text = "Dr. Lee saw him at 3.5 h. He took aspirin vs. placebo. Na 138, e.g. normal.\n\nA new paragraph\n- an item"
    assert sentences(text) == [
        "Dr. Lee saw him at 3.5 h.", "He took aspirin vs. placebo.", "Na 138, e.g. normal.", "A new paragraph",
        "- an item",
    ]  # fmt: skip


@settings(deadline=None)
@given(st.text(max_size=400))
def test_sentences_hold_every_visible_character_in_order(text: str) -> None:
    spans = sentence_spans(text)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    assert "".join(text[start:end] for start, end in spans).split() == "".join(text.split()).split() or (
        "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
    )
