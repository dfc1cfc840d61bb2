"""Forms and what is read from them."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from panel import case

from agents.structured import differential, form_for, is_single_choice, labels_of, opinion_form, read_form
from cases.case import Case, TaskKind
from cases.evidence import Evidence

EVIDENCE = [Evidence(id="p1", text="alpha"), Evidence(id="p2", text="beta")]


def fill(asked: Case, **values):
    schema = form_for(asked, EVIDENCE if "citations" in values else ())
    filled = {"findings": ["f"], "rationale": "r", "would_change": ["w"]} | values
    return schema.model_validate(filled)


def open_case(task: TaskKind, **fields) -> Case:
    return Case(id="o", question="What?", task=task, **fields)


def test_reasoning_stands_before_the_answer():
    names = list(form_for(case(), EVIDENCE).model_fields)
    assert names.index("rationale") < names.index("answer")
    assert names == ["findings", "citations", "rationale", "answer", "would_change"]
    assert "would_change" not in form_for(case(), (), is_brief=True).model_fields


@pytest.mark.parametrize("task", list(TaskKind))
def test_every_task_has_a_closed_bounded_schema(task):
    labels = ("A", "B") if task in (TaskKind.CHOICE, TaskKind.MULTI_CHOICE, TaskKind.PAIR_CHOICE) else ()
    schema = opinion_form(labels, task, cites=True, foresees=True).model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    text = json.dumps(schema)
    assert text.count('"type": "string"') <= text.count("maxLength") + text.count("enum")


def test_an_answer_outside_the_options_is_refused_and_extra_fields_are_ignored():
    with pytest.raises(ValueError, match="answer"):
        fill(case(), answer="E")
    assert read_form(fill(case(), answer="B", mood="fine"), case(), "x", ()).answer == "B"


def test_the_engines_probabilities_decide_and_a_contradiction_is_marked():
    shares = {"A": 0.2, "B": 0.5, "C": 0.2, "D": 0.1}
    agreed = read_form(fill(case(), answer="B"), case(), "cardiology", (), shares)
    assert (agreed.answer, agreed.confidence, agreed.parse_route) == ("B", 0.5, "probabilities")
    assert [d.label for d in agreed.differential] == ["B", "A", "C", "D"]
    torn = read_form(fill(case(), answer="A"), case(), "cardiology", (), shares)
    assert (torn.answer, torn.parse_route) == ("B", "probabilities!=form")
    written = read_form(fill(case(), answer="A"), case(), "cardiology", ())
    assert (written.answer, written.confidence, written.parse_route) == ("A", None, "form")


def test_citations_are_by_evidence_id_and_wrong_numbers_are_kept():
    quotes = [{"evidence": 2, "quote": "beta"}, {"evidence": 7, "quote": "gamma"}]
    opinion = read_form(fill(case(), answer="B", citations=quotes), case(), "x", EVIDENCE)
    assert [(c.evidence_id, c.quote, c.is_verified) for c in opinion.citations] == [
        ("p2", "beta", False),
        ("#7", "gamma", False),
    ]


def test_several_labels_are_sorted_and_joined():
    asked = case(task=TaskKind.MULTI_CHOICE)
    assert read_form(fill(asked, answer=["C", "A", "C"]), asked, "x", ()).answer == "A,C"
    assert not is_single_choice(asked)


def test_an_open_differential_is_ranked_and_sums_to_one():
    asked = open_case(TaskKind.OPEN_DIAGNOSIS)
    opinion = read_form(fill(asked, differential=["gout", " ", "sepsis", "gout"]), asked, "x", ())
    assert opinion.answer == "gout"
    assert [d.name for d in opinion.differential] == ["gout", "sepsis"]
    assert sum(d.probability for d in opinion.differential) == pytest.approx(1)


def test_yes_no_without_options_has_labels():
    assert labels_of(open_case(TaskKind.YES_NO)) == ("yes", "no")
    assert labels_of(open_case(TaskKind.SHORT)) == ()


@given(st.dictionaries(st.sampled_from("ABCD"), st.floats(0, 1), min_size=1))
def test_a_differential_keeps_every_label_likeliest_first(shares):
    ranked = differential(case(), shares)
    assert {d.label for d in ranked} == set(shares)
    probabilities = [d.probability for d in ranked]
    assert probabilities == sorted(probabilities, reverse=True)


def test_what_a_limit_cut_off_ends_at_a_whole_word():
    cut = "word " * 19 + "wor年"
    filled = fill(
        case(),
        findings=["fluid " * 9 + "effu年"],
        citations=[{"evidence": 1, "quote": cut}],
        rationale="A short reason",
        answer="B",
    )
    opinion = read_form(filled, case(), "attending", EVIDENCE)
    assert opinion.findings == ("fluid " * 9 + "...",)
    assert opinion.citations[0].quote == " ".join(["word"] * 19)
    assert opinion.rationale == "A short reason"
