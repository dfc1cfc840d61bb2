"""The catalogue suggests the seats that a case calls for, the same ones each time."""

import pytest

from cases.errors import KnowledgeError
from knowledge.specialties import catalogue, fold, scores, specialty, suggest


def test_the_catalogue_holds_what_a_panel_needs() -> None:
    assert 25 <= len(catalogue()) <= 40
    for item in catalogue():
        assert item.description.endswith(".")
        assert len(item.keywords) >= 10
        assert all(keyword == fold(keyword) for keyword in item.keywords), item.id


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Crushing chest pain, ST-segment elevation, raised troponin", "cardiology"),
        ("Sudden aphasia and hemiparesis, possible stroke", "neurology"),
        ("A 9-month-old infant with developmental delay was brought by his mother brings", "paediatrics"),
        ("Pregnant woman at 34 weeks gestation with preeclampsia", "obstetrics_gynaecology"),
        ("Polyuria, polydipsia, glucose 500, ketoacidosis, insulin", "endocrinology"),
        ("Scaly plaques on the skin, psoriasis, itching", "dermatology"),
        ("He hears voices; delusions; schizophrenia", "psychiatry"),
        ("Red eye with raised intraocular pressure and blurred vision", "ophthalmology"),
        ("A randomized trial: odds ratio, confidence interval and p-value", "public_health_ethics"),
    ],
)
def test_a_plain_case_gets_its_specialty_first(text: str, wanted: str) -> None:
    assert suggest(text, 1)[0].id == wanted


def test_accents_case_and_repetition_are_handled() -> None:
    assert scores("MÉNINGITIS") == scores("meningitis")
    assert suggest("Ménière: hearing and tinnitus", 1)[0].id == "otolaryngology"
    assert suggest("Chest pain and troponin") == suggest("Chest pain and troponin")


def test_a_modality_brings_its_reader() -> None:
    assert "radiology" in {item.id for item in suggest("a picture", 3, modalities=["CT"])}
    assert "ophthalmology" in {item.id for item in suggest("a picture", 3, modalities=["fundus"])}


def test_nothing_matched_is_general_medicine_and_k_is_obeyed() -> None:
    assert [item.id for item in suggest("zzz qqq", 3)] == ["internal_medicine"]
    assert len(suggest("fever, cough, chest pain, rash, seizure, pregnancy", 4)) == 4
    assert suggest("chest pain", 0) == ()


def test_names_are_found_however_they_are_written() -> None:
    assert specialty("Cardiology").id == "cardiology"
    assert specialty("ear, nose and throat").id == "otolaryngology"
    with pytest.raises(KnowledgeError, match="one of: emergency_medicine"):
        specialty("alchemy")
