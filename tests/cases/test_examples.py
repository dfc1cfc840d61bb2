from cases.answers import grammar_for, parse_answer
from cases.case import TaskKind
from cases.gate import check_medium
from cases.loading import EXAMPLES, example_cases
from cases.media import file_sha256, read_image


def test_the_examples_cover_the_kinds_of_case_that_the_demo_shows():
    cases = example_cases()
    assert 8 <= len(cases) <= 10
    assert len({case.id for case in cases}) == len(cases)
    assert {TaskKind.CHOICE, TaskKind.YES_NO, TaskKind.OPEN_DIAGNOSIS} <= {case.task for case in cases}
    assert sum(bool(case.all_media) for case in cases) >= 3
    assert sum(case.meta.get("has_red_flag", False) for case in cases) >= 2
    assert sum(case.meta.get("should_abstain", False) for case in cases) == 1
    assert any(case.meta["complexity"] == "complex" and case.visits for case in cases)


def test_every_example_image_is_there_unchanged_small_and_accepted_by_the_gate():
    for case in example_cases():
        for medium in case.all_media:
            assert medium.path.is_absolute()
            assert file_sha256(medium.path) == medium.sha256
            assert medium.path.stat().st_size < 60_000
            assert read_image(medium).size >= (100, 100)
            assert check_medium(medium, image=read_image(medium)).is_accepted


def test_every_shipped_image_has_its_licence_written_down():
    licences = (EXAMPLES / "LICENCES.md").read_text(encoding="utf-8")
    for path in sorted((EXAMPLES / "images").iterdir()):
        assert f"images/{path.name}" in licences
        assert any(path.name in case.media[0].uri for case in example_cases() if case.media)


def test_neither_names_nor_ids_of_the_examples_tell_the_answer():
    for case in example_cases():
        if case.gold is None or case.gold.text is None:
            continue
        told = " ".join([case.id, *case.media_names, *(medium.path.name for medium in case.all_media)]).lower()
        words = [word for word in case.gold.text.lower().split() if len(word) > 5]
        assert not [word for word in words if word in told and word not in case.question.lower()], case.id


def test_the_right_answer_of_every_example_can_be_given():
    for case in example_cases():
        answer = case.gold.label or case.gold.text
        if answer is None:
            assert case.meta["should_abstain"]
            continue
        parsed = parse_answer(f"The answer is {answer}.", case.options, grammar_for(case.task, case.options))
        assert parsed.value == answer


def test_blinded_examples_hold_no_explanation():
    for case in example_cases():
        seen = case.blinded().model_dump_json()
        assert case.gold.explanation not in seen
        assert "should_abstain" not in seen
