import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cases.case import Case, MediaKind, TaskKind
from cases.errors import CaseError
from cases.loading import iter_cases, load_cases
from cases.text_files import MAX_RECORD_BYTES

ROW = {
    "id": "q1",
    "question": "Which drug?",
    "options": {"A": "Aspirin", "B": "Ibuprofen"},
    "answer_idx": "B",
    "answer": "Ibuprofen",
}


def write(path, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def picture(path, colour="grey"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if colour == "grey" else "RGB", (80, 80)).save(path)
    return path


def only_error(path):
    report = load_cases(path, on_error="collect")
    assert len(report.errors) == 1, report
    return report, report.errors[0]


def test_a_uniform_row_becomes_a_case_with_its_answer_in_gold(tmp_path):
    row = ROW | {"task": "mcq", "explanation": "because", "source": "set", "split": "open", "meta": {"year": 2020}}
    case = load_cases(write(tmp_path / "c.jsonl", row)).cases[0]
    assert case.task is TaskKind.CHOICE
    assert (case.gold.label, case.gold.text, case.gold.explanation) == ("B", "Ibuprofen", "because")
    assert case.meta["year"] == 2020
    assert "because" not in case.blinded().model_dump_json()


def test_our_own_case_lines_round_trip(tmp_path):
    case = Case(id="own", question="What is it?", task=TaskKind.SHORT)
    path = write(tmp_path / "c.jsonl", case.model_dump_json())
    assert load_cases(path).cases == (case,)


def test_paths_of_media_are_resolved_against_the_file_that_names_them(tmp_path):
    picture(tmp_path / "images" / "a.png")
    row = {"id": "x", "question": "See?", "task": "short", "media": [{"uri": "images/a.png"}]}
    case = load_cases(write(tmp_path / "c.jsonl", row)).cases[0]
    assert case.media[0].path == tmp_path / "images" / "a.png"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"id": "q2", "question"', "malformed JSON at column"),
        ("[1, 2]", "not an object"),
        (ROW | {"id": "q2", "question": "  "}, "question is empty"),
        (ROW | {"id": "q2", "answer_idx": "E"}, "not among the options"),
        (ROW | {"id": "q2", "options": {"A": "x", "b": "y"}}, "single capital letters"),
        (ROW | {"id": "q2", "options": ["x", "y"]}, "options"),
        (ROW | {"id": "q2", "task": "dance"}, "unknown task 'dance'"),
        (ROW | {"id": "q2", "images": ["gone.jpg"]}, "image not found"),
        (ROW, "duplicate id 'q1'"),
        ({"_id": "d1", "text": "a document"}, "not a case: no question"),
        (ROW | {"id": "q2", "question": "x" * (MAX_RECORD_BYTES + 10)}, "MB"),
        ({"id": "q2", "question": "q", "task": "choice", "gold": {"label": "A"}}, "needs options"),
    ],
)
def test_a_bad_line_is_reported_with_file_line_and_remedy_and_the_others_are_loaded(tmp_path, line, what):
    path = write(tmp_path / "cases.jsonl", ROW, line, ROW | {"id": "q3"})
    report, error = only_error(path)
    assert [case.id for case in report.cases] == ["q1", "q3"]
    assert isinstance(error, CaseError)
    assert what in error.what
    assert f"{path}:2" in error.where
    assert error.remedy
    with pytest.raises(CaseError, match=r"cases\.jsonl:2"):
        load_cases(path)


def test_a_record_is_named_in_its_error_and_its_text_is_not(tmp_path):
    private = "Mr. Winterbourne of 12 Elm Street"
    path = write(tmp_path / "c.jsonl", ROW | {"id": "q9", "answer_idx": "Z", "context": private})
    _, error = only_error(path)
    assert "record 'q9'" in str(error)
    assert "Winterbourne" not in str(error)


def test_a_line_that_is_not_utf8_is_reported_by_its_number(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(json.dumps(ROW).encode() + b"\n" + '{"id": "ü"}'.encode("latin1") + b"\n")
    report, error = only_error(path)
    assert len(report.cases) == 1
    assert "not UTF-8" in error.what
    assert "iconv" in error.remedy
    assert error.where == f"{path}:2"


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r\n\r\n")
    assert len(load_cases(path).cases) == 1


@pytest.mark.parametrize("name", ["c.jsonl", "c.csv"])
def test_an_empty_file_is_an_error(tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(CaseError, match=r"holds no case|no column 'question'"):
        load_cases(tmp_path / name)


@pytest.mark.parametrize("name", ["gone.jsonl", "c.xlsx"])
def test_a_missing_or_unknown_file_is_an_error_with_a_remedy(tmp_path, name):
    (tmp_path / "c.xlsx").write_bytes(b"PK")
    with pytest.raises(CaseError) as caught:
        load_cases(tmp_path / name)
    assert caught.value.remedy


def test_cases_are_read_one_by_one_and_the_limit_stops_early(tmp_path):
    path = write(tmp_path / "c.jsonl", ROW, ROW | {"id": "q2"}, "{broken")
    assert len(load_cases(path, limit=2).cases) == 2
    cases = iter_cases(path)
    assert next(cases).id == "q1"


def test_image_records_get_a_neutral_id_and_readable_options(tmp_path):
    picture(tmp_path / "images" / "glioma_tumor_1.png")
    row = {
        "id": "brainmri:glioma_tumor_1", "task": "img_cls", "question": "Which category?",
        "images": ["images/glioma_tumor_1.png"],
        "options": {"A": "glioma_tumor", "B": "no_tumor"}, "answer": "glioma_tumor", "answer_idx": "A",
        "source_id": "Training/glioma_tumor/1.jpg", "meta": {},
    }  # fmt: skip
    case = load_cases(write(tmp_path / "c.jsonl", row)).cases[0]
    assert case.options == {"A": "glioma tumor", "B": "no tumor"}
    assert case.meta["record_id"] == "brainmri:glioma_tumor_1"
    assert "glioma" not in case.id + " ".join(case.media_names)
    assert case.media_names == ("image 1 (MR, brain)",)


def test_a_radiograph_without_a_finding_is_a_report_and_with_one_a_choice(tmp_path):
    picture(tmp_path / "a.png")
    row = {"id": "covidcxr:COVID_1", "task": "cxr_label", "question": None, "answer": "Klebsiella", "images": ["a.png"],
           "meta": {"view": "PA", "age": 55.0, "sex": "F", "clinical_notes": "Klebsiella pneumonia.",
                    "license": "CC BY 4.0"}}  # fmt: skip
    path = write(
        tmp_path / "c.jsonl",
        row,
        row | {"id": "covidcxr:x", "answer": None},
        row | {"id": "covidcxr:y", "answer": "ARDS"},
    )
    choice, report, other = load_cases(path).cases
    assert choice.options[choice.gold.label] == "Bacterial pneumonia"
    assert choice.question.startswith("Chest radiograph (PA view) of a 55-year-old woman.")
    assert (report.task, report.gold, report.options) == (TaskKind.REPORT, None, None)
    assert (other.task, other.gold.text) == (TaskKind.OPEN_DIAGNOSIS, "ARDS")
    assert choice.licence == "CC BY 4.0"
    assert "Klebsiella" not in choice.blinded().model_dump_json()


def test_a_note_with_an_error_is_numbered_and_the_error_stays_in_gold(tmp_path):
    row = {"id": "medec:1", "task": "error_correction", "question": "She was well. She got insulin.",
           "answer": "She got glucose.",
           "meta": {"sentences": "0 She was well.\r\n1 She got insulin.\r\n", "error_flag": 1,
                    "error_sentence_id": 1.0}}  # fmt: skip
    right = row | {"id": "medec:2", "answer": None, "meta": {"sentences": "0 She was well.", "error_sentence_id": -1.0}}
    halfway = row | {"id": "medec:3", "meta": {"error_flag": 1}}
    report = load_cases(write(tmp_path / "c.jsonl", row, right, halfway), on_error="collect")
    assert [case.gold.text for case in report.cases] == ["1: She got glucose.", "CORRECT"]
    assert report.cases[0].context == "0 She was well.\n1 She got insulin."
    assert "error_sentence_id" in report.errors[0].what


def test_a_calculation_that_cannot_be_done_has_no_value_but_says_so(tmp_path):
    row = {
        "id": "medcalc:1",
        "task": "calculation",
        "question": "BMI?",
        "answer": "nan",
        "meta": {"lower": "1", "upper": "2"},
    }
    corrected = row | {
        "id": "medcalc:2",
        "answer": "25.2",
        "meta": {"lower": "1", "corrected_answer": "25.2", "corrected_lower": "24"},
    }
    first, second = load_cases(write(tmp_path / "c.jsonl", row, corrected)).cases
    assert first.gold.text is None
    assert first.gold.details["is_not_computable"] is True
    assert second.gold.details["lower"] == "24"


def test_the_patients_script_of_an_interactive_case_stays_out_of_what_an_agent_sees(tmp_path):
    osce = {"Correct_Diagnosis": "Hirschsprung disease", "Patient_Actor": {"History": "fussy"}}
    row = {
        "id": "agentclinic-medqa:1",
        "task": "interactive_dx",
        "question": "8-month-old boy",
        "answer": "Hirschsprung disease",
        "meta": {"osce": osce},
    }
    case = load_cases(write(tmp_path / "c.jsonl", row)).cases[0]
    assert case.gold.details["osce"]["Patient_Actor"]["History"] == "fussy"
    assert "Hirschsprung" not in case.blinded().model_dump_json()


def test_a_table_with_letter_columns_and_images_is_read(tmp_path):
    picture(tmp_path / "x" / "a.png")
    picture(tmp_path / "x" / "b.png")
    path = tmp_path / "c.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["id", "question", "A", "B", "answer", "image", "age", "sex", "ward"])
        table.writerow(["1", 'Which drug, "now"?', "Aspirin", "Ibuprofen", "b", "x/a.png; x/b.png", "93", "F", "7"])
        table.writerow(["2", "Which?", "Aspirin", "Ibuprofen", "Aspirin", "", "", "", ""])
        table.writerow(["3", "What is it?", "", "", "Gout", "", "", "", ""])
    first, second, third = load_cases(path).cases
    assert (first.gold.label, len(first.media), first.patient.age_years, first.patient.sex) == ("B", 2, 90, "female")
    assert first.meta == {"ward": "7"}
    assert second.gold.label == "A"
    assert (third.task, third.gold.text) == (TaskKind.OPEN_DIAGNOSIS, "Gout")


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("2,Which?,Aspirin,Ibuprofen,C,", "neither an option's label nor its text"),
        ("2,,Aspirin,Ibuprofen,A,", "question is empty"),
        ("2,Which?,Aspirin,Ibuprofen,A,gone.png", "image not found"),
        ("1,Which?,Aspirin,Ibuprofen,A,", "duplicate id"),
        ("2,Which?,Aspirin,Ibuprofen,A,,too,many", "more fields than columns"),
    ],
)
def test_a_bad_row_of_a_table_is_reported_by_its_line(tmp_path, row, what):
    path = tmp_path / "c.csv"
    path.write_text(f"id,question,A,B,answer,image\n1,Which?,Aspirin,Ibuprofen,A,\n{row}\n3,Which?,x,y,B,\n")
    report, error = only_error(path)
    assert [case.id for case in report.cases] == ["1", "3"]
    assert what in error.what
    assert f"{path}:3" in error.where


def test_options_of_a_table_may_be_json(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text(
        'id\tquestion\toptions\tanswer\n1\tWhich?\t{"A": "x", "B": "y"}\tB\n'
        '2\tWhich?\t["x", "y"]\tA\n3\tWhich?\t{bad\tA\n'
    )
    report = load_cases(path, on_error="collect")
    assert [case.gold.label for case in report.cases] == ["B", "A"]
    assert "not JSON" in report.errors[0].what


def test_a_table_without_a_question_column_is_refused(tmp_path):
    (tmp_path / "c.csv").write_text("id,text\n1,hello\n")
    with pytest.raises(CaseError, match="no column 'question'"):
        load_cases(tmp_path / "c.csv")


def test_a_folder_gives_one_case_per_note_and_per_sub_folder(tmp_path):
    (tmp_path / "ward3.txt").write_text("Fever for 3 days.")
    picture(tmp_path / "ward3_lateral.png")
    picture(tmp_path / "alone.png")
    picture(tmp_path / "ward30.png")
    bed = tmp_path / "bed7"
    bed.mkdir()
    (bed / "1-history.md").write_text("Cough.\n")
    (bed / "2-lab.txt").write_text("CRP 120 mg/L.")
    (bed / "question.txt").write_text("What is it?\nA. Pneumonia\nB. Asthma\n")
    (bed / "answer.txt").write_text("pneumonia")
    picture(bed / "film.png")
    (tmp_path / ".hidden.txt").write_text("no")
    cases = {case.id: case for case in load_cases(tmp_path).cases}
    assert set(cases) == {"ward3", "alone", "ward30", "bed7"}
    assert len(cases["ward3"].media) == 1
    bedside = cases["bed7"]
    assert bedside.context == "Cough.\n\n\nCRP 120 mg/L."
    assert (bedside.question, bedside.options, bedside.gold.label) == (
        "What is it?",
        {"A": "Pneumonia", "B": "Asthma"},
        "A",
    )
    assert cases["alone"].media[0].kind is MediaKind.IMAGE


def test_a_note_may_end_with_its_question(tmp_path):
    (tmp_path / "n.txt").write_text("A woman of 40.\n\nQuestion: Which drug?\nA) Aspirin\nB) Ibuprofen")
    case = load_cases(tmp_path).cases[0]
    assert (case.context, case.question, case.options["B"]) == ("A woman of 40.", "Which drug?", "Ibuprofen")


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "empty"), (b"\xff\xfe\x00", "not UTF-8"), (b"a\x00b", "zero bytes"), (b"x" * 10_000_000, "10.0 MB")],
)
def test_an_unreadable_note_is_reported_and_the_others_are_loaded(tmp_path, content, what):
    (tmp_path / "bad.txt").write_bytes(content)
    (tmp_path / "good.txt").write_text("Cough.")
    report, error = only_error(tmp_path)
    assert [case.id for case in report.cases] == ["good"]
    assert what in error.what
    assert "bad.txt" in error.where


def test_a_folder_without_notes_and_images_is_refused(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"123")
    with pytest.raises(CaseError, match="neither notes nor images"):
        load_cases(tmp_path)


@given(text=st.text(min_size=1).filter(lambda text: text.strip()), label=st.sampled_from("AB"))
@settings(max_examples=50, deadline=None)
def test_any_text_survives_the_way_through_a_file(tmp_path_factory, text, label):
    path = tmp_path_factory.mktemp("round") / "c.jsonl"
    row = {"id": "r", "question": text, "options": {"A": text, "B": "other"}, "answer_idx": label}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    case = load_cases(path).cases[0]
    assert (case.question, case.options["A"], case.gold.label) == (text, text, label)


def test_ten_thousand_rows_load_in_a_few_seconds(tmp_path):
    import time

    path = write(tmp_path / "c.jsonl", *(ROW | {"id": f"q{i}", "question": "word " * 120} for i in range(10_000)))
    start = time.perf_counter()
    assert len(load_cases(path).cases) == 10_000
    assert time.perf_counter() - start < 6
