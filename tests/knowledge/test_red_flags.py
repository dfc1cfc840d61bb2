"""Planted emergencies must be seen; denied, past, feared and asked-about ones must not."""

import tomllib
from pathlib import Path

import pytest

from cases.case import Case, Finding, Patient, Visit
from cases.errors import KnowledgeError
from knowledge import red_flags
from knowledge.red_flags import Severity, case_text, find_red_flags, rules

PLANTED = tomllib.loads(Path(__file__).with_name("red_flag_cases.toml").read_text(encoding="utf-8"))


def note(text: str, **fields: object) -> Case:
    return Case(id="note", question=text, task="short", **fields)  # type: ignore[arg-type]


def ids(case: Case) -> set[str]:
    return {flag.id for flag in find_red_flags(case)}


def test_every_rule_has_a_planted_case_and_a_source() -> None:
    assert set(PLANTED["planted"]) == {rule.id for rule in rules()}
    assert len(rules()) >= 30
    for rule in rules():
        assert rule.source.url.startswith("https://")
        assert rule.source.name
        assert rule.message
        assert rule.action
    assert len({rule.id for rule in rules()}) == len(rules())


@pytest.mark.parametrize("rule", sorted(PLANTED["planted"]))
def test_a_planted_emergency_raises_its_rule(rule: str) -> None:
    assert rule in ids(note(PLANTED["planted"][rule]))


@pytest.mark.parametrize("name", sorted(PLANTED["silent"]))
def test_what_is_denied_past_or_somebody_elses_stays_silent(name: str) -> None:
    assert ids(note(PLANTED["silent"][name])) == set()


def test_quotes_are_verbatim_spans_of_the_case() -> None:
    for text in PLANTED["planted"].values():
        case = note(text)
        for flag in find_red_flags(case):
            assert case_text(case)[flag.start : flag.end] == flag.quote
            assert flag.quote.strip()
            assert all(quote in case_text(case) for quote in flag.quotes)


def test_emergencies_come_before_what_is_urgent() -> None:
    case = note(PLANTED["planted"]["severe_hypoxia"] + " " + PLANTED["planted"]["stroke"])
    severities = [flag.severity for flag in find_red_flags(case)]
    assert severities == sorted(severities, key=lambda severity: severity is not Severity.EMERGENCY)
    assert Severity.URGENT in severities
    assert find_red_flags(case, severity=Severity.URGENT)[0].id == "severe_hypoxia"


def test_one_criterion_met_twice_does_not_make_a_qsofa_of_two() -> None:
    text = "A 70-year-old man with pneumonia is confused, GCS 13. Respirations are 16/min, blood pressure 130/80 mm Hg."
    assert not ids(note(text)) & {"sepsis", "sepsis_qsofa"}
    assert "sepsis" in ids(note(text.replace("16/min", "30/min")))


@pytest.mark.parametrize(("pressure", "is_flagged"), [("84/50", True), ("90/50", False), ("118/70", False)])
def test_a_threshold_is_where_the_rule_puts_it(pressure: str, is_flagged: bool) -> None:
    text = f"A 50-year-old woman is confused with cold clammy skin. Blood pressure is {pressure} mm Hg, pulse 124/min."
    assert ("shock" in ids(note(text))) is is_flagged


def test_age_sex_and_pregnancy_narrow_a_rule() -> None:
    fever = "The patient has a temperature of 38.6°C and feeds well."
    assert "neonatal_fever" in ids(note(fever, patient=Patient(age_years=0.05)))
    assert "neonatal_fever" not in ids(note(fever, patient=Patient(age_years=4)))
    assert "neonatal_fever" not in ids(note(fever))
    seizure = "The patient has had a seizure. Blood pressure is 170/110 mm Hg."
    assert "eclampsia" in ids(note(seizure, patient=Patient(age_years=27, sex="female", is_pregnant=True)))
    assert "eclampsia" not in ids(note(seizure, patient=Patient(age_years=27, sex="female", is_pregnant=False)))
    torsion = PLANTED["planted"]["testicular_torsion"]
    assert "testicular_torsion" not in ids(note(torsion, patient=Patient(age_years=14, sex="female")))


def test_structured_findings_of_the_last_visit_are_read() -> None:
    findings = (Finding(name="potassium", value=7.2, unit="mmol/L"), Finding(name="peaked T waves"))
    assert "hyperkalaemia" in ids(note("The patient feels weak.", visits=(Visit(findings=findings),)))
    absent = (Finding(name="potassium", value=6.1, unit="mmol/L"), Finding(name="peaked T waves", is_present=False))
    assert "hyperkalaemia" not in ids(note("The patient feels weak.", visits=(Visit(findings=absent),)))
    earlier = (Visit(findings=findings), Visit(findings=(Finding(name="potassium", value=4.4),)))
    assert "hyperkalaemia" not in ids(note("The patient feels well.", visits=earlier[1:]))


def test_options_are_not_findings() -> None:
    case = Case(
        id="q",
        question="A 30-year-old man feels well. Which is wrong?",
        options={"A": "Cardiac arrest", "B": "Anaphylaxis"},
    )
    assert find_red_flags(case) == ()


def test_a_fact_question_without_a_patient_raises_nothing() -> None:
    options = {"A": "Middle meningeal artery", "B": "Bridging veins"}
    assert find_red_flags(Case(id="q", question="Epidural hematoma with GCS 6 is caused by", options=options)) == ()
    terse = note("crushing chest pain for 30 minutes, radiating to left arm, sweating")
    assert "acute_coronary_symptoms" in {flag.id for flag in find_red_flags(terse)}


def test_gold_and_meta_do_not_change_what_is_found() -> None:
    case = note(PLANTED["planted"]["stroke"], meta={"diagnosis": "anaphylaxis"})
    assert find_red_flags(case) == find_red_flags(case.blinded())


def test_a_malformed_rule_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "rules.toml"
    row = 'id="x"\nseverity="urgent"\nmessage="m"\naction="a"\nsource={name="n",year=2020,url="https://u"}\n'
    monkeypatch.setattr(red_flags, "_TABLE", table)
    for cue, complaint in (("(open", "no pattern"), ("weight > 3", "no measurement")):
        table.write_text(f'[[rule]]\n{row}[[rule.needs]]\nany=["{cue}"]\n')
        with pytest.raises(KnowledgeError, match=complaint):
            rules.__wrapped__()


@pytest.mark.shared
def test_exam_vignettes_flag_seldom_enough_to_be_read(shared_data: Path) -> None:
    from cases.loading import load_cases

    cases = load_cases(shared_data / "text_mcq" / "medqa_us_test.jsonl", limit=250).cases
    emergencies = sum(any(flag.is_emergency for flag in find_red_flags(case)) for case in cases)
    assert 0.03 <= emergencies / len(cases) <= 0.12
