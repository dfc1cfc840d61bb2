"""Every file of the optional data folder loads fast, or says for each row why not; no row gives its answer away."""

import json
import re
import time

import pytest

from cases.answers import grammar_for, parse_answer
from cases.case import TaskKind
from cases.loading import load_cases

pytestmark = pytest.mark.shared

NO_CASES = {"topics_corpus.jsonl", "corpus.jsonl", "queries.jsonl", "ngc_guidelines_no_copyright.jsonl"}


@pytest.fixture(scope="module")
def reports(shared_data):
    start = time.perf_counter()
    loaded = {path: load_cases(path, on_error="collect") for path in sorted(shared_data.rglob("*.jsonl"))}
    rows = sum(len(report.cases) + len(report.errors) for report in loaded.values())
    seconds = time.perf_counter() - start
    assert rows > 20_000
    assert seconds < 5 * rows / 10_000, f"{rows} rows took {seconds:.1f} s"
    return loaded


def test_every_row_is_loaded_or_reported_with_its_line(reports):
    for path, report in reports.items():
        rows = sum(1 for line in path.open(encoding="utf-8") if line.strip())
        assert len(report.cases) + len(report.errors) == rows
        assert all(re.search(rf"{re.escape(str(path))}:\d+", error.where) and error.remedy for error in report.errors)
        if path.name in NO_CASES:
            assert not report.cases
            assert all("not a case" in error.what for error in report.errors)
        else:
            assert len(report.errors) <= 4, (path, report.errors[:3])


def test_gold_and_meta_are_gone_from_every_blinded_case(reports):
    for report in reports.values():
        for case in report.cases:
            blinded = case.blinded()
            assert blinded.gold is None
            assert blinded.meta == {}
            if case.gold and case.gold.explanation and len(case.gold.explanation) > 80:
                assert case.gold.explanation not in blinded.model_dump_json()


def test_nothing_that_a_prompt_may_hold_is_named_after_the_answer(reports):
    """Ids, sources, media names and captions of the image sets: their files are named after the diagnosis."""
    for path, report in reports.items():
        if "multimodal" not in path.parts or path.name == "captions.jsonl":
            continue
        for case in report.cases:
            answer = (case.gold.text or "") if case.gold else ""
            is_labelled = path.name in ("labels.jsonl", "series.jsonl")
            told = " ".join([case.id, case.source, *(case.media_names if is_labelled else ())]).lower()
            words = [
                word for word in re.findall(r"[a-z]{5,}", answer.lower()) if word not in ("chest", "brain", "system")
            ]
            assert not any(word in told for word in words), (case.id, answer)
            assert all(medium.caption is None for medium in case.all_media)


def test_every_image_case_asks_a_question_and_names_its_modality(reports):
    for path, report in reports.items():
        if path.name in ("labels.jsonl", "series.jsonl"):
            assert report.cases
            for case in report.cases:
                assert len(case.question) > 20
                assert all(medium.modality and medium.body_region for medium in case.all_media)
                assert case.task is not TaskKind.CHOICE or case.gold.label in case.options


def test_the_key_of_every_question_is_read_back_from_a_plain_reply(reports):
    for report in reports.values():
        for case in report.cases[:300]:
            if case.options and case.gold and case.gold.label:
                reply = f"The answer is ({case.gold.label})."
                assert parse_answer(reply, case.options).value == case.gold.label
    numbers = [case for path, report in reports.items() if path.parent.name == "calculation" for case in report.cases]
    for case in numbers:
        if case.gold.text:
            parsed = parse_answer(f"The answer is {case.gold.text}.", None, grammar_for(case.task))
            assert parsed.is_answered, case.gold.text


def test_the_text_of_an_option_is_credited_only_where_it_is_unique(reports):
    """Null control: the same text with one word more is never credited."""
    seen = 0
    for path, report in reports.items():
        if path.parent.name != "text_mcq":
            continue
        for case in report.cases[:200]:
            if not case.options:
                continue
            text = case.options[case.gold.label]
            if re.match(r"[A-Z][.)]", text):
                continue
            value = parse_answer(f"<answer>{text}</answer>", case.options).value
            assert value in (case.gold.label, None), (case.id, text, value)
            seen += value is not None
            assert parse_answer(f"<answer>{text} perhaps zebra</answer>", case.options).value is None, (case.id, text)
    assert seen > 1000


def test_error_correction_gold_is_in_the_form_that_the_parser_reads(reports):
    for path, report in reports.items():
        if "error_correction" in path.parts:
            for case in report.cases:
                parsed = parse_answer(case.gold.text, None, "error_correction")
                assert parsed.is_answered, json.dumps(case.gold.text)
