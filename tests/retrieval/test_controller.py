"""When to retrieve, what a passage is worth, and when to look again."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.errors import SettingsError
from cases.evidence import Evidence
from retrieval.controller import (
    Candidate,
    Reflection,
    ReflectionWeights,
    RetrieveMode,
    choose_answer,
    decide_retrieval,
    look_again,
    reflection_score,
)

BY_HAND = Reflection(
    relevant=0.8, irrelevant=0.2, full_support=0.6, partial_support=0.3, no_support=0.1,
    utility=(0.1, 0.1, 0.0, 0.2, 0.6),
)  # fmt: skip


def test_the_published_score_is_met() -> None:
    assert reflection_score(-0.5, BY_HAND) == pytest.approx(0.60653 + 0.8 + 0.75 + 0.55, abs=1e-5)
    halved = ReflectionWeights(utility=0.5)
    assert reflection_score(-0.5, BY_HAND, halved) == pytest.approx(2.70653 - 0.275, abs=1e-5)


def test_a_critic_that_says_nothing_adds_nothing() -> None:
    silent = Reflection(
        relevant=0, irrelevant=0, full_support=0, partial_support=0, no_support=0, utility=(0, 0, 0, 0, 0)
    )
    assert reflection_score(0.0, silent) == pytest.approx(1.0)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99))
def test_more_belief_in_retrieval_never_retrieves_less(low: float, high: float, threshold: float) -> None:
    low, high = sorted((low, high))
    if decide_retrieval(low, 0.5, threshold=threshold).retrieves:
        assert decide_retrieval(high, 0.5, threshold=threshold).retrieves


def test_modes_are_obeyed_and_log_probabilities_refused() -> None:
    assert decide_retrieval(0, 1, mode=RetrieveMode.ALWAYS).retrieves
    assert not decide_retrieval(1, 0, mode=RetrieveMode.NEVER).retrieves
    assert decide_retrieval(0, 0).retrieves
    with pytest.raises(SettingsError, match="exponentiate"):
        decide_retrieval(-0.5, -0.9)


def candidate(answer: str, logprob: float = -0.1, support: float = 0.9) -> Candidate:
    reflection = BY_HAND.model_copy(update={"full_support": support, "partial_support": 0.0, "no_support": 1 - support})
    return Candidate(answer=answer, evidence=Evidence(id=answer), mean_logprob=logprob, reflection=reflection)


def test_closed_questions_sum_over_passages_and_open_ones_take_the_best() -> None:
    many = [candidate("A", support=0.4), candidate("A", support=0.4), candidate("B")]
    assert choose_answer(many).answer == "A"
    assert choose_answer(many, is_closed=False).answer == "B"
    assert not choose_answer(many).has_support
    with pytest.raises(SettingsError):
        choose_answer([])


async def test_a_second_look_is_taken_only_below_the_threshold_and_shows_new_cases() -> None:
    shown: list[list[str]] = []

    async def answer(evidence: Sequence[Evidence]) -> dict[str, float]:
        shown.append([item.id for item in evidence])
        return {"A": 0.89, "B": 0.11}

    def fetch(count: int) -> list[Evidence]:
        return [Evidence(id=str(n)) for n in range(count)]

    assert (await look_again(answer, fetch)).rounds == 1
    assert shown == [[], ["0"]]
    assert (await look_again(answer, fetch, threshold=0.89)).rounds == 0
    assert (await look_again(answer, fetch, max_rounds=3)).rounds == 3
    assert (await look_again(answer, lambda count: [], max_rounds=3)).rounds == 0
