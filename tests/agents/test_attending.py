"""The attending's answer stands on its own."""

import pytest

from agents.attending import spelled_out
from agents.opinion import Diagnosis, Opinion
from agents.specialist import pooled

PANEL = (
    Opinion(role="radiology", answer="no acute finding"),
    Opinion(role="surgery", answer="pneumothorax", differential=(Diagnosis(name="pneumothorax", probability=1.0),)),
    Opinion(role="imaging"),
)


@pytest.mark.parametrize("said", ["Doctor 2 is correct.", "doctor 2", "Doctor 2: agreed"])
def test_an_answer_that_points_at_a_doctor_is_what_that_doctor_answered(said: str):
    differential = (Diagnosis(name=said, probability=1.0),)
    final = spelled_out(Opinion(role="attending", answer=said, differential=differential), PANEL)
    assert final.answer == "pneumothorax"
    assert [diagnosis.name for diagnosis in final.differential] == ["pneumothorax"]
    assert final.parse_route == "panel member"


@pytest.mark.parametrize(
    "said",
    ["B", "pneumothorax", "Doctor 1 and Doctor 2 are right", "Doctor 9", "Doctor 3", "see a doctor 2 days later"],
)
def test_any_other_answer_is_left_alone(said: str):
    opinion = Opinion(role="attending", answer=said)
    assert spelled_out(opinion, PANEL) == opinion


def test_a_flat_expert_leaves_the_other_alone_and_none_vetoes():
    text = {"A": 0.35, "B": 0.45, "C": 0.20}
    flat = dict.fromkeys("ABC", 1 / 3)
    assert pooled(text, flat) == pytest.approx(text)
    assert pooled(text, {}) == text
    sure = pooled(text, {"A": 0.97, "B": 0.03, "C": 0.0})
    assert max(sure, key=lambda label: sure[label]) == "A"
    assert min(sure.values()) > 0
    assert sum(sure.values()) == pytest.approx(1)
