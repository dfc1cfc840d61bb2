import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cases.case import Case, Gold, Media, Patient, TaskKind, Visit
from cases.errors import CaseError, ModelTimeout, WardroundError

OPTIONS = {"A": "Aspirin", "B": "Ibuprofen"}
SECRET = st.text(alphabet="bcdfghjkmpqrstvwxz", min_size=8, max_size=16).map(lambda text: f"zq{text}")


def choice(**fields):
    return Case(**{"id": "c1", "question": "Which drug?", "options": OPTIONS} | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"question": "  "}, "question is empty"),
        ({"options": {"A": "x", "b": "y"}}, "single capital letters"),
        ({"options": {"A": "x"}}, "at least two"),
        ({"options": None}, "needs options"),
        ({"gold": Gold(label="C")}, "not among the options"),
    ],
)
def test_a_case_that_cannot_be_asked_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        choice(**fields)


def test_media_are_named_by_number_and_facts_and_never_by_path_or_caption():
    media = Media(uri="/data/malignant_148.jpg", modality="US", body_region="breast", caption="a malignant mass")
    case = choice(media=(media, Media(uri="/data/no.png")))
    assert case.media_names == ("image 1 (US, breast)", "image 2")
    assert "malignant" not in " ".join(case.media_names)


def test_media_of_earlier_visits_come_first():
    prior = Visit(offset_days=-30, media=(Media(uri="/x/prior.png", modality="CR"),))
    case = choice(visits=(prior,), media=(Media(uri="/x/now.png", modality="CT"),))
    assert case.media_names == ("image 1 (CR)", "image 2 (CT)")


def test_the_hash_of_a_case_follows_its_content_and_not_where_it_lies():
    here = choice(media=(Media(uri="/here/a.png", sha256="1" * 64),))
    there = choice(id="other", source="copy", media=(Media(uri="/there/b.png", sha256="1" * 64),))
    assert here.content_hash == there.content_hash
    assert here.content_hash != choice(media=(Media(uri="/here/a.png", sha256="2" * 64),)).content_hash
    assert here.content_hash != choice(question="Which drug now?").content_hash


def test_the_hash_does_not_depend_on_the_answer():
    assert choice(gold=Gold(label="A")).content_hash == choice(gold=Gold(label="B"), meta={"x": 1}).content_hash


@given(text=SECRET, explanation=SECRET, detail=SECRET, meta=SECRET)
@settings(max_examples=100, deadline=None)
def test_no_text_of_the_gold_answer_or_of_meta_survives_in_a_blinded_case(text, explanation, detail, meta):
    gold = Gold(text=text, explanation=explanation, details={"class": detail, "nested": [{"deep": detail}]})
    case = Case(id="c", question="What is it?", task=TaskKind.SHORT, gold=gold, meta={"note": meta, "list": [meta]})
    assert text in case.model_dump_json()
    for seen in (
        case.blinded().model_dump_json(),
        repr(case.blinded()),
        json.dumps(case.blinded().model_dump(mode="json")),
    ):
        assert not any(secret in seen for secret in (text, explanation, detail, meta))


@given(label=st.sampled_from("AB"))
def test_a_blinded_choice_keeps_its_options_but_not_which_is_right(label):
    blinded = choice(gold=Gold(label=label, text=OPTIONS[label])).blinded()
    assert blinded == choice()


def test_a_case_survives_json_and_refuses_unknown_fields():
    case = choice(patient=Patient(age_years=41, sex="female"), visits=(Visit(offset_days=3.0, note="better"),))
    assert Case.model_validate_json(case.model_dump_json()) == case
    with pytest.raises(ValidationError, match="Extra inputs"):
        choice(answer="A")


def test_an_error_says_what_where_and_what_to_do_and_survives_a_process_boundary():
    import pickle

    error = CaseError("question is empty", where="cases.jsonl:3", remedy="write one")
    assert str(error) == "cases.jsonl:3: question is empty (write one)"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.what, copy.where, copy.remedy) == (CaseError, error.what, error.where, error.remedy)
    assert isinstance(error, WardroundError)
    assert not error.is_retryable
    assert ModelTimeout("slow").is_retryable
