"""MMedAgent-RL (Xia et al. 2025): entropy kept on hard cases lets the attending override specialists who are all wrong.

The attending has seven arms: follow the specialists, or trust one of six other pieces of evidence. Arms share logits
across strata, as one network would; on easy cases following is right, on medium ones mostly, on hard ones a single
other arm is. Trained easy, medium, hard. A toy: constant entropy may do as well or better, and is measured too.
"""

from typing import Any

import numpy as np

from training.curriculum import STRATA, Stratum
from training.grpo_table import Sampled, step
from training.policy import TablePolicy

ARMS = 7
FOLLOW, DECISIVE = 0, 5
MEDIUM_FOLLOW_RIGHT = 2 / 3
GROUP = 8
GROUPS_PER_STEP = 1
STEPS = {"easy": 40, "medium": 30, "hard": 20}
LEARNING_RATE = 1.0
SEEDS = 12
SCHEDULES: dict[str, tuple[float, float, float]] = {
    "none": (0.0, 0.0, 0.0),
    "mild": (0.0, 0.02, 0.1),
    "staged": (0.0, 0.05, 0.3),
    "constant": (0.3, 0.3, 0.3),
}
"""Entropy bonus on easy, medium, hard; the paper gives no values (inferred)."""


def cells(name: Stratum) -> tuple[tuple[int, ...], ...]:
    """Each arm's logit: one cell shared by all strata, one of its own."""
    offset = ARMS * (1 + STRATA.index(name))
    return tuple((arm, offset + arm) for arm in range(ARMS))


def right_arm(name: Stratum, rng: np.random.Generator) -> int:
    if name == "easy" or (name == "medium" and rng.random() < MEDIUM_FOLLOW_RIGHT):
        return FOLLOW
    return DECISIVE if name == "hard" else int(rng.integers(1, ARMS))


def train_attending(schedule: tuple[float, float, float], seed: int) -> TablePolicy:
    """GRPO through the three stages with that entropy bonus in each."""
    rng = np.random.default_rng(seed)
    policy = TablePolicy(ARMS * 4)
    for name, bonus in zip(STRATA, schedule, strict=True):
        for _ in range(STEPS[name]):
            groups = []
            for _ in range(GROUPS_PER_STEP):
                right = right_arm(name, rng)
                drawn = [policy.choose(cells(name), rng) for _ in range(GROUP)]
                groups.append(
                    [Sampled((d,), (policy.log_prob(d),), float(d.chosen == right)) for d in drawn]
                )  # fmt: skip
            step(policy, groups, learning_rate=LEARNING_RATE, entropy_bonus=bonus)
    return policy


def check(seeds: int = SEEDS) -> dict[str, Any]:
    """Hard-case success and easy-case following per schedule; random choice among seven arms is 0.14."""
    measured: dict[str, Any] = {"chance": round(1 / ARMS, 3), "seeds": seeds}
    for name, schedule in SCHEDULES.items():
        policies = [train_attending(schedule, seed) for seed in range(seeds)]
        hard = np.array([p.probabilities(cells("hard"))[DECISIVE] for p in policies])
        measured[name] = {
            "hard_success": round(float(hard.mean()), 3),
            "hard_success_sem": round(float(hard.std(ddof=1) / np.sqrt(seeds)), 3),
            "easy_follow": round(float(np.mean([p.probabilities(cells("easy"))[FOLLOW] for p in policies])), 3),
        }
    gain = measured["staged"]["hard_success"] - measured["none"]["hard_success"]
    measured["gain_of_entropy_on_hard"] = round(gain, 3)
    passed = gain > 0.2 and measured["mild"]["hard_success"] > measured["none"]["hard_success"]
    return {"passed": bool(passed), "measured": measured, "scale": "table policy, 7 arms, 12 seeds"}
