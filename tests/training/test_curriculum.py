"""Bands, order, strata and group advantages."""

import numpy as np
import pytest

from training.curriculum import band, by_stratum, easy_to_hard, pass_counts, stage_order, stratum
from training.experiments import medvlthinker, mmedagent_rl, octomed
from training.grpo_table import Sampled, advantages, is_clipped, step
from training.policy import TablePolicy


def test_of_counts_minus_one_to_sixteen_one_to_seven_stay_in_falling_order() -> None:
    counts = [-1, *range(17)]
    assert [count for _, count in easy_to_hard(band(counts, counts))] == [7, 6, 5, 4, 3, 2, 1]


def test_equal_counts_stand_in_an_order_that_only_the_seed_decides() -> None:
    counted = [(name, 3) for name in "abcdefghij"]
    assert easy_to_hard(counted, seed=1) == easy_to_hard(counted, seed=1)
    assert easy_to_hard(counted, seed=1) != counted
    assert easy_to_hard(counted, seed=1) != easy_to_hard(counted, seed=2)


def test_pass_counts_count_the_attempts_that_solve() -> None:
    assert pass_counts([0, 4, 16], lambda item, sample: sample < item) == [0, 4, 16]


@pytest.mark.parametrize(
    ("right", "name"), [([True, True, True], "easy"), ([True, True, False], "medium"), ([False, False, False], "hard")]
)
def test_agreement_of_specialists_gives_the_stratum(right: list[bool], name: str) -> None:
    assert stratum(right) == name


def test_a_case_without_specialists_has_no_stratum() -> None:
    with pytest.raises(ValueError, match="no specialist"):
        stratum([])


def test_stages_run_easy_medium_hard_and_lose_nobody() -> None:
    strata = by_stratum([1, 2, 3, 4], [[True], [True, False], [False], [True]])
    ordered = stage_order(strata)
    assert [name for name, _ in ordered] == ["easy", "easy", "medium", "hard"]
    assert sorted(item for _, item in ordered) == [1, 2, 3, 4]


def test_advantages_of_one_right_in_four() -> None:
    assert advantages([1, 0, 0, 0], "none") == pytest.approx([0.75, -0.25, -0.25, -0.25])
    assert advantages([1, 0, 0, 0], "std") == pytest.approx([1.5, -0.5, -0.5, -0.5], abs=1e-3)
    assert advantages([1, 1, 1, 1], "std") == pytest.approx([0, 0, 0, 0])


def test_clipping_stops_a_move_that_went_far_enough_and_only_that() -> None:
    assert is_clipped(1.3, 1.0, 0.2, 0.2)
    assert is_clipped(0.7, -1.0, 0.2, 0.2)
    assert not is_clipped(1.3, -1.0, 0.2, 0.2)
    assert not is_clipped(1.3, 1.0, 0.2, 0.4)


def test_the_gradients_of_the_table_agree_with_finite_differences() -> None:
    rng = np.random.default_rng(0)
    policy = TablePolicy(5, seed=1, spread=1.0)
    cells = ((0, 4), (1, 4), (2, 3))
    decision = policy.choose(cells, rng)
    exact, entropy = np.zeros(5), np.zeros(5)
    policy.add_log_prob_gradient(exact, decision, 1.0)
    policy.add_entropy_gradient(entropy, decision, 1.0)
    for cell in range(5):
        ends = []
        for sign in (1, -1):
            policy.theta[cell] += sign * 1e-6
            ends.append((policy.log_prob(decision), policy.entropy(cells)))
            policy.theta[cell] -= sign * 1e-6
        slopes = (np.array(ends[0]) - np.array(ends[1])) / 2e-6
        assert (exact[cell], entropy[cell]) == pytest.approx(tuple(slopes), abs=1e-5)


def test_equal_rewards_move_nothing_and_an_entropy_bonus_flattens() -> None:
    rng = np.random.default_rng(0)
    policy = TablePolicy(3)
    policy.theta[:] = [2.0, 0.0, 0.0]
    cells = ((0,), (1,), (2,))
    drawn = [policy.choose(cells, rng) for _ in range(8)]
    group = [Sampled((d,), (policy.log_prob(d),), 1.0) for d in drawn]
    before = policy.theta.copy()
    step(policy, [group], learning_rate=1.0)
    assert policy.theta == pytest.approx(before)
    entropy = policy.entropy(cells)
    step(policy, [group], learning_rate=1.0, entropy_bonus=0.5)
    assert policy.entropy(cells) > entropy


def test_medvlthinker_reward_beats_noisy_imitation_and_a_shuffled_reward_teaches_nothing() -> None:
    result = medvlthinker.check(seeds=5)
    assert result["passed"], result["measured"]


def test_entropy_on_hard_cases_lets_the_attending_override() -> None:
    result = mmedagent_rl.check()
    assert result["passed"], result["measured"]
    assert result["measured"]["staged"]["easy_follow"] > 0.9


def test_octomed_recipe_keeps_binomially_many_and_sixteen_traces_beat_one() -> None:
    result = octomed.check()
    assert result["passed"], result["measured"]
