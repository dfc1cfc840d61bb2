import socket
import sys
import time
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.case import Case, Finding, Gold, Media, Patient, TaskKind, Visit
from cases.dates import day_of, year_of
from cases.deidentify import SAFE_HARBOR, deidentify_case, deidentify_text, find_identifiers
from cases.loading import example_cases, load_cases

sys.path.insert(0, str(Path(__file__).parent))
from planted import FIRST, FOURTH, SECOND, THIRD, planted_notes


def recall_by_kind(notes):
    """Share of planted spans whose every letter and digit is inside a found one, by kind, and what else was found."""
    hit, planted, extra = Counter(), Counter(), []
    for note in notes:
        found = find_identifiers(note.text)
        covered = {i for span in found for i in range(span.start, span.end)}
        for kind, start, end in note.spans:
            planted[kind] += 1
            hit[kind] += all(i in covered for i in range(start, end) if note.text[i].isalnum())
        extra += [f for f in found if not any(f.start < end and start < f.end for _, start, end in note.spans)]
    return {kind: hit[kind] / planted[kind] for kind in planted}, extra


def test_planted_identifiers_of_every_class_are_found():
    notes = [note for templates in (FIRST, SECOND, THIRD, FOURTH) for note in planted_notes(templates, per_template=2)]
    recall, extra = recall_by_kind(notes)
    assert len(notes) >= 60
    assert set(recall) == set(SAFE_HARBOR)
    assert len({text[0] for text in SAFE_HARBOR.values()}) == 18
    for kind, share in recall.items():
        assert share >= 0.95, (kind, recall)
    assert len(extra) <= 0.02 * len(notes)


def test_a_note_without_identifiers_is_left_as_it_is():
    """The null control: the clinical text of the templates alone."""
    texts = (
        "A 45-year-old man with Parkinson disease and Graves' ophthalmopathy has had fever for 3 days.",
        "Hodgkin lymphoma, Grade II murmur, BP 120/80, EF 55%, WBC 12,500/mm3, platelets 210000, HbA1c 8.2%.",
        "Start Coumadin 5 mg, Lasix 40 mg b.i.d., amoxicillin 500 mg; Babinski sign negative; Glasgow Coma Scale 15.",
        "Strength 5/5, visual acuity 20/40, murmur 3/6, Apgar 8/9, T3N1M0, CD4 count 180, pH 7.31, Na 140.",
        "His mother had breast cancer; her father died of an MI at age 62. She lives in California.",
        "Dr. said so. The patient may need surgery in 2 weeks. ICD-10 code E11.9. Dermatology Clinic follow-up.",
        "Mother: O negative. Father has Huntington disease. Down syndrome, Wilms tumor, Ewing sarcoma.",
        "Hypertension, MI, MS, CA of the lung, PA and LA enlarged. Born at 39 weeks, weight 3200 g, in 2015.",
    )
    for text in texts:
        assert deidentify_text(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seen 03/04/2021 and again 03/16/2021.", "Seen [DATE: day 0] and again [DATE: day 12]."),
        ("Stroke in August 2019.", "Stroke in [DATE 2019]."),
        ("Mr. John Smith came. Smith was well.", "Mr. [NAME] came. [NAME] was well."),
        ("A 92-year-old man.", "A [over 89]-year-old man."),
        ("A 89-year-old man.", "A 89-year-old man."),
        ("His wife Anna has Graves disease.", "His wife [NAME] has Graves disease."),
        ("Mr. Parkinson has Parkinson disease.", "Mr. [NAME] has Parkinson disease."),
        ("MRN: 00482913", "MRN: [MRN]"),
        ("Boston, MA 02115", "[PLACE], MA [PLACE]"),
        ("Call (312) 555-0148.", "Call [PHONE]."),
    ],
)
def test_identifiers_give_way_to_their_kind_and_their_cues_stay(text, expected):
    assert deidentify_text(text).text == expected


def test_spans_point_into_the_original_text_and_the_report_holds_no_identifier():
    text = "Patient name: Ingeborg Lindqvist, MRN 4471920."
    result = deidentify_text(text)
    assert [(span.kind, text[span.start : span.end]) for span in result.found] == [
        ("NAME", "Ingeborg Lindqvist"),
        ("MRN", "4471920"),
    ]
    assert "Lindqvist" not in result.model_dump_json()


def test_long_notes_are_searched_to_their_end():
    filler = "The abdomen is soft and there is no tenderness. " * 2000
    result = deidentify_text(f"Mr. Okonkwo came. {filler}MRN: 4471920. Okonkwo left.")
    assert result.text.endswith("MRN: [MRN]. [NAME] left.")
    assert "Okonkwo" not in result.text


@given(text=st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_scrubbed_and_found_spans_do_not_overlap(text):
    found = deidentify_text(text).found
    assert all(0 <= span.start < span.end <= len(text) for span in found)
    assert all(first.end <= second.start for first, second in pairwise(found))


@given(text=st.sampled_from([note.text for note in planted_notes(per_template=1)]))
@settings(max_examples=24, deadline=None)
def test_scrubbing_twice_changes_nothing_more(text):
    once = deidentify_text(text).text
    assert deidentify_text(once).text == once


def test_a_case_is_scrubbed_in_every_text_and_keeps_the_distance_between_days():
    case = Case(
        id="c",
        question="What does Mr. Okonkwo have?",
        context="Mr. Okonkwo, seen on 03/16/2021.",
        task=TaskKind.SHORT,
        media=(Media(uri="a.png", acquired=date(2021, 3, 20), caption="Film of Mr. Okonkwo"),),
        patient=Patient(age_years=93, history=("saw Dr. Szymanski",)),
        visits=(
            Visit(
                day=date(2021, 3, 4),
                note="Mr. Okonkwo fell.",
                findings=(Finding(name="fall", note="told by Dr. Ferreira"),),
            ),
            Visit(day=date(2021, 3, 16), findings=(Finding(name="Hb", value=9.1, unit="g/dL"),)),
            Visit(offset_days=30.0),
        ),
        gold=Gold(text="gout", explanation="Mr. Okonkwo has gout."),
    )
    clean = deidentify_case(case)
    text = clean.model_dump_json()
    assert not any(name in text for name in ("Okonkwo", "Szymanski", "Ferreira", "2021"))
    assert [visit.offset_days for visit in clean.visits] == [0.0, 12.0, 30.0]
    assert all(visit.day is None for visit in clean.visits)
    assert clean.context == "Mr. [NAME], seen on [DATE: day 12]."
    assert clean.patient.age_years == 90
    assert clean.visits[1].findings[0].value == 9.1
    assert clean.gold.text == "gout"


def test_the_example_cases_hold_no_identifiers():
    for case in example_cases():
        assert deidentify_case(case).model_dump() == case.model_dump()


@pytest.mark.parametrize(
    ("text", "day", "year"),
    [
        ("03/04/2021", date(2021, 3, 4), 2021),
        ("13/04/2021", date(2021, 4, 13), 2021),
        ("4.3.2021", date(2021, 3, 4), 2021),
        ("2021-03-04", date(2021, 3, 4), 2021),
        ("March 4, 2021", date(2021, 3, 4), 2021),
        ("the 4th of March 2021", date(2021, 3, 4), 2021),
        ("3/4/21", date(2021, 3, 4), None),
        ("March 2021", None, 2021),
        ("March 4", None, None),
        ("02/30/2021", None, 2021),
    ],
)
def test_dates_are_read_as_people_write_them(text, day, year):
    assert (day_of(text), year_of(text)) == (day, year)


def test_nothing_is_asked_of_the_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError(f"asked for {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    text = "Write to m.okonkwo@mailbox.org or see www.thornbury-blog.net from 10.4.221.9."
    assert deidentify_text(text).text == "Write to [EMAIL] or see [URL] from [IP]."


@pytest.mark.shared
def test_exam_questions_are_hardly_touched_and_fast(shared_data):
    cases = load_cases(shared_data / "text_mcq" / "medqa_us_test.jsonl", limit=250).cases
    find_identifiers("warm up")
    start = time.perf_counter()
    changed = [case.id for case in cases if find_identifiers(case.question)]
    per_question_ms = (time.perf_counter() - start) / len(cases) * 1000
    assert len(changed) <= 0.03 * len(cases), changed
    assert per_question_ms < 30
