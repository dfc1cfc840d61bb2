"""A budget is never exceeded, however the calls interleave, and what it refuses says which limit was reached."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panel import ASKS_LABEL, UNSURE, answering, case, ward

from agents.budget import Budget, Limits
from agents.opinion import FailureKind, Outcome
from cases.errors import BudgetExceeded
from graphs.strategies import adjudicate_case
from models.scripted import Rule
from models.usage import Usage

CALLS = st.lists(st.tuples(st.integers(0, 200), st.floats(0, 1), st.floats(0, 0.02)), max_size=20)


@settings(deadline=None, max_examples=50)
@given(CALLS, st.integers(0, 8), st.integers(0, 600), st.booleans())
def test_parallel_calls_never_cost_more_than_the_limits(calls, most_calls, most_tokens, cancels):
    """Each call reserves its worst case and costs a share of it."""
    budget = Budget(Limits(calls=most_calls, tokens=most_tokens))
    most_seen = Usage()

    async def call(worst: int, share: float, delay: float) -> None:
        try:
            with budget.reserve(tokens=worst) as place:
                await asyncio.sleep(delay / 100)
                place.settle(Usage(calls=1, prompt_tokens=int(worst * share)))
        except BudgetExceeded:
            pass

    async def everyone() -> None:
        tasks = [asyncio.create_task(call(*values)) for values in calls]
        await asyncio.sleep(0)
        if cancels and tasks:
            tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(everyone())
    most_seen = budget.spent
    assert most_seen.calls <= most_calls
    assert most_seen.tokens <= most_tokens


def test_a_pending_call_counts_and_what_it_did_not_need_is_given_back():
    budget = Budget(Limits(calls=5, tokens=100))
    with budget.reserve(tokens=80) as first:
        with pytest.raises(BudgetExceeded, match="100 tokens"), budget.reserve(tokens=30):
            pass
        first.settle(Usage(calls=1, prompt_tokens=10))
    with budget.reserve(tokens=80) as second:
        second.settle(Usage(calls=1, prompt_tokens=80))
    assert budget.spent.tokens == 90


def test_a_call_that_broke_costs_its_worst_case():
    budget = Budget(Limits(tokens=100))
    with pytest.raises(ZeroDivisionError), budget.reserve(tokens=60):
        raise ZeroDivisionError
    assert budget.spent == Usage(calls=1, prompt_tokens=60)


def test_what_is_held_for_the_attending_is_refused_to_others():
    budget = Budget(Limits(calls=2, tokens=100))
    budget.hold(1, 50)
    with budget.reserve(tokens=50) as place:
        place.settle(Usage(calls=1, prompt_tokens=50))
    with pytest.raises(BudgetExceeded, match="2 calls"), budget.reserve(tokens=1):
        pass
    with budget.reserve(tokens=50, may_use_held=True):
        pass


def test_time_and_money_run_out_too():
    now = [0.0]
    budget = Budget(Limits(seconds=10, cost=1.0), clock=lambda: now[0])
    with budget.reserve(cost=0.5) as place:
        place.settle(Usage(calls=1, cost=1.0))
    with pytest.raises(BudgetExceeded, match="1 cost"), budget.reserve():
        pass
    now[0] = 10.0
    with pytest.raises(BudgetExceeded, match="10 seconds"), budget.reserve():
        pass
    assert budget.seconds_left == 0


@pytest.mark.parametrize("most_calls", range(9))
async def test_a_round_keeps_to_its_calls_and_still_releases_what_is_there(most_calls):
    house = ward(*answering("B", UNSURE), settings={"max_calls": max(1, most_calls), "specialists": 3})
    verdict = await adjudicate_case(case(), "round", house)
    assert len(house.chat.calls) <= max(1, most_calls)
    assert verdict.usage.calls == len(house.chat.calls)
    if most_calls < 6:
        assert any(f.kind is FailureKind.BUDGET for f in verdict.quorum.failures)
    assert verdict.outcome in (Outcome.ANSWERED, Outcome.ABSTAINED)


async def test_the_attending_still_speaks_when_the_panel_ate_the_rest():
    house = ward(*answering("B", UNSURE), settings={"max_calls": 5, "specialists": 4, "min_quorum": 0.1})
    verdict = await adjudicate_case(case(), "round", house)
    assert verdict.outcome is Outcome.ANSWERED
    assert not [f for f in verdict.quorum.failures if f.role == "attending"]
    asked = [call.messages[-1].content for call in house.chat.calls]
    assert any("You are the attending" in text for text in asked)


async def test_a_slow_model_runs_out_of_seconds_and_the_verdict_says_so():
    slow = Rule(has_schema=True, delay_s=30)
    house = ward(Rule(pattern=ASKS_LABEL, probabilities=UNSURE), slow, settings={"max_seconds": 0.5})
    verdict = await asyncio.wait_for(adjudicate_case(case(), "round", house), 10)
    kinds = {failure.kind for failure in verdict.quorum.failures}
    assert kinds & {FailureKind.TIMEOUT, FailureKind.BUDGET}


async def test_an_agent_that_hangs_is_timed_out_and_the_others_are_heard():
    hangs = Rule(pattern="pulmonology specialist", delay_s=30)
    house = ward(hangs, *answering("B", UNSURE), settings={"agent_timeout_s": 2.0, "specialists": 3})
    verdict = await asyncio.wait_for(adjudicate_case(case(), "round", house), 10)
    assert verdict.answer == "B"
    assert [(f.role, f.kind) for f in verdict.quorum.failures] == [("pulmonology", FailureKind.TIMEOUT)]
