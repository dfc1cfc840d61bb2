"""Uncertainty and prices: pure numbers."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.errors import SettingsError
from models.prices import FREE, Price, own_prices, price_of
from models.uncertainty import (
    disagreement,
    entropy,
    from_logprobs,
    margin,
    normalise,
    perplexity,
    votes,
)

shares = st.dictionaries(st.sampled_from("ABCDE"), st.floats(1e-6, 1), min_size=1)


@given(shares)
def test_entropy_and_margin_stay_in_their_ranges(weights: dict[str, float]):
    assert 0 <= entropy(weights) <= 1
    assert 0 <= margin(weights) <= 1
    assert math.isclose(sum(normalise(weights).values()), 1)


def test_entropy_of_known_distributions():
    assert entropy({"A": 1, "B": 0}) == 0
    assert entropy({"A": 1, "B": 1, "C": 1}) == pytest.approx(1)
    assert entropy({"A": 0.5, "B": 0.5}, is_relative=False) == pytest.approx(math.log(2))
    assert entropy({"A": 0.9, "B": 0.1}, is_relative=False) == pytest.approx(0.325083, abs=1e-6)


def test_margin_and_softmax_of_known_values():
    assert margin({"A": 0.7, "B": 0.2, "C": 0.1}) == pytest.approx(0.5)
    assert from_logprobs({"A": -1000.0, "B": -1000.0}) == {"A": 0.5, "B": 0.5}
    assert from_logprobs({"A": math.log(3), "B": 0.0})["A"] == pytest.approx(0.75)
    assert perplexity([math.log(0.5)] * 4) == pytest.approx(2)


def test_a_silent_voter_never_agrees():
    assert disagreement(["A", "A", None, "B"]) == 0.5
    assert disagreement([None, None]) == 1
    assert disagreement(["A", "A"]) == 0
    assert votes(["A", "A", None, "B"]) == pytest.approx({"A": 2 / 3, "B": 1 / 3})


@pytest.mark.parametrize("bad", [{}, {"A": 0.0}, {"A": -1.0}, {"A": math.nan}])
def test_weights_that_mean_nothing_are_refused(bad: dict[str, float]):
    with pytest.raises(ValueError):
        normalise(bad)


def test_own_prices_win_remote_ones_are_known_and_local_ones_are_free(tmp_path: Path):
    assert price_of("gpt-4o-mini-2024-07-18", is_remote=True).prompt == 0.15
    assert price_of("gpt-4o-mini-2024-07-18", is_remote=False) == FREE
    (tmp_path / "prices.toml").write_text('["gpt-*"]\nprompt = 9\ncached = 1\nreply = 9\n')
    assert price_of("gpt-4o", is_remote=True, own=own_prices(tmp_path)) == Price(prompt=9, cached=1, reply=9)
    (tmp_path / "prices.toml").write_text("gpt = 3\n")
    with pytest.raises(SettingsError, match=r"prices\.toml"):
        own_prices(tmp_path)
