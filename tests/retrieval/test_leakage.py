"""An index must not hold what it is judged on."""

from pathlib import Path

import pytest

from cases.case import Case
from cases.errors import SearchIndexError
from cases.evidence import Passage
from retrieval.build import build_index
from retrieval.leakage import Leak, LeakageGuard, guarded

VIGNETTE = (
    "A 54-year-old man is brought in with crushing chest pain that began while he was mowing the lawn; his skin is "
    "cool and damp and the trace shows raised segments in the inferior leads."
)
SHORT = "Which vitamin is lacking in scurvy?"
GUARD = LeakageGuard({"v": VIGNETTE, "s": SHORT, "tiny": "Why?"})


def passage(text: str, name: str = "p") -> Passage:
    return Passage(id=name, title="", text=text)


def test_the_item_itself_is_found_whatever_stands_around_it_and_however_it_is_set() -> None:
    (leak,) = GUARD.leaks(passage(f"Question 7. {VIGNETTE.upper()} (A) aspirin (B) rest. Answer: A"))
    assert (leak.item_id, leak.shared) == ("v", 1.0)
    assert [leak.item_id for leak in GUARD.leaks(passage(f"Q: {SHORT} A: vitamin C"))] == ["s"]


def test_half_of_a_vignette_is_still_a_leak_and_its_topic_is_not() -> None:
    assert GUARD.leaks(passage(" ".join(VIGNETTE.split()[:20])))
    assert not GUARD.leaks(passage("Crushing chest pain in a man with raised segments in the inferior leads is an MI."))
    assert not GUARD.leaks(passage("Scurvy is caused by a lack of vitamin C, which is found in fruit."))
    assert not GUARD.leaks(passage("Why? Because."))


def test_a_corpus_with_leaks_is_refused_or_thinned_out_and_reported(tmp_path: Path) -> None:
    corpus = [passage("aspirin is given early in infarction", "clean"), passage(f"{VIGNETTE} Answer: A", "leaky")]
    with pytest.raises(SearchIndexError, match=r"leaky: .*evaluation item v"):
        build_index(guarded(corpus, GUARD), tmp_path / "i", tmp_path, encoder_source=None)
    assert not (tmp_path / "i").exists()
    report: list[Leak] = []
    manifest = build_index(
        guarded(corpus, GUARD, action="exclude", report=report), tmp_path / "i", tmp_path, encoder_source=None
    )
    assert manifest.count == 1
    assert [(leak.passage_id, leak.item_id) for leak in report] == [("leaky", "v")]


def test_cases_are_guarded_by_question_and_context_not_by_options() -> None:
    case = Case(
        id="c", question="Which of these is given first?", context=VIGNETTE, task="choice",
        options={"A": "aspirin by mouth at once", "B": "a long course of bed rest in hospital until pain is gone"},
    )  # fmt: skip
    guard = LeakageGuard.of_cases([case])
    assert guard.leaks(passage(VIGNETTE))
    assert not guard.leaks(passage("a long course of bed rest in hospital until pain is gone"))
