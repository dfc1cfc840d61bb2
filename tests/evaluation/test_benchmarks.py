"""The registry: every benchmark has a fixture of its layout, and a missing file names what to do."""

import pytest

from cases.errors import EvaluationError
from evaluation import benchmarks

EXPECTED = {
    "afrimedqa", "bccd", "bioasq", "brain_mri", "busi_us", "careqa", "covid_cxr", "dr_fundus", "medbullets", "medmcqa",
    "medpix", "medqa", "medxpertqa_text", "mmlu_med", "mmlu_pro_health", "pubmedqa",
}  # fmt: skip


def test_all_sixteen_benchmarks_are_registered():
    assert set(benchmarks.names()) == EXPECTED
    assert all(spec.citation and spec.provenance for spec in benchmarks.specs())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_fixture_loads_with_gold_and_is_marked_as_fixture(name):
    loaded = benchmarks.load(name)
    assert loaded.is_fixture
    assert 5 <= len(loaded.cases) <= 10
    assert all(case.gold is not None and case.split == "fixture" for case in loaded.cases)
    assert all(medium.path.is_file() for case in loaded.cases for medium in case.all_media)


@pytest.mark.shared
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_benchmark_loads_from_the_data_folder_in_the_layout_of_its_fixture(name, shared_data):
    real, fixture = benchmarks.load(name, shared_data), benchmarks.load(name)
    assert not real.is_fixture
    assert len(real.cases) > 50
    assert real.cases[0].task == fixture.cases[0].task
    assert bool(real.cases[0].options) == bool(fixture.cases[0].options)
    assert bool(real.cases[0].media) == bool(fixture.cases[0].media)


@pytest.mark.shared
def test_no_fixture_text_is_taken_from_the_real_set(shared_data):
    for name in EXPECTED - {"busi_us", "brain_mri", "dr_fundus", "covid_cxr", "bccd", "medpix"}:
        real = {case.question.strip().lower() for case in benchmarks.load(name, shared_data).cases}
        assert not real & {case.question.strip().lower() for case in benchmarks.load(name).cases}


def test_a_limit_draws_the_same_cases_each_time_in_file_order():
    whole = [case.id for case in benchmarks.load("medqa").cases]
    drawn = [case.id for case in benchmarks.load("medqa", limit=3).cases]
    assert drawn == [case.id for case in benchmarks.load("medqa", limit=3).cases]
    assert len(drawn) == 3
    assert drawn == sorted(drawn, key=whole.index)


def test_rows_that_cannot_be_asked_are_counted_not_dropped_in_silence():
    assert benchmarks.load("bioasq").left_out == {"no options": 1}


def test_an_unknown_name_and_a_missing_file_say_what_to_do(tmp_path):
    with pytest.raises(EvaluationError, match="one of: all, afrimedqa"):
        benchmarks.load("medqq")
    with pytest.raises(EvaluationError, match=r"medqa_us_test\.jsonl.*put the file there"):
        benchmarks.load("medqa", tmp_path)
