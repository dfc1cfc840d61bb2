"""MedVLThinker (Huang et al. 2025): a verifiable reward beats imitating noisy traces; shuffled, it teaches nothing.

The policy is a table, the reward is the real one on real strings. It shows the mechanism, not the paper's magnitude.
"""

from typing import Any

import numpy as np

from training.curriculum import band, easy_to_hard
from training.experiments import exam
from training.grpo_table import Sampled, step
from training.policy import Decision, TablePolicy, imitate
from training.rewards import preset

FINDINGS = 4
QUESTIONS = 60
GROUP = 8
STEPS = 30
QUESTIONS_PER_STEP = 8
WRONG_TRACES = 0.3
SEEDS = 12


def reinforce(seed: int, *, is_shuffled: bool = False) -> TablePolicy:
    """GRPO with the medvlthinker reward; `is_shuffled` deals a group's rewards out at random (null control)."""
    rng = np.random.default_rng(seed)
    train = exam.questions(QUESTIONS, FINDINGS, rng)
    policy = TablePolicy(exam.size(FINDINGS))
    reward = preset("medvlthinker")
    for _ in range(STEPS):
        groups = []
        for question in (train[i] for i in rng.choice(len(train), size=QUESTIONS_PER_STEP, replace=False)):
            case = question.case()
            cells = (exam.format_cells(), exam.answer_cells(question, FINDINGS))
            drawn = [tuple(policy.choose(c, rng) for c in cells) for _ in range(GROUP)]
            rewards = [reward.score(case, exam.render(decisions)).total for decisions in drawn]
            if is_shuffled:
                rewards = list(rng.permutation(rewards))
            groups.append(
                [
                    Sampled(decisions, tuple(policy.log_prob(d) for d in decisions), float(r))
                    for decisions, r in zip(drawn, rewards, strict=True)
                ]
            )
        step(policy, groups, learning_rate=6.0)
    return policy


def imitate_noisy(seed: int, wrong: float = WRONG_TRACES) -> TablePolicy:
    """SFT on as many traces as GRPO drew, in the right format, a share of them with a wrong answer."""
    rng = np.random.default_rng(seed)
    train = exam.questions(QUESTIONS, FINDINGS, rng)
    traces = []
    for number in range(STEPS * QUESTIONS_PER_STEP * GROUP):
        question = train[number % len(train)]
        answer = question.right
        if rng.random() < wrong:
            answer = int(rng.choice([i for i in range(4) if i != question.right]))
        traces.append(
            (Decision(exam.format_cells(), 0), Decision(exam.answer_cells(question, FINDINGS), answer))
        )  # fmt: skip
    policy = TablePolicy(exam.size(FINDINGS))
    imitate(policy, traces, learning_rate=8.0, epochs=60)
    return policy


def check(seeds: int = SEEDS) -> dict[str, Any]:
    """Band, order, reward and the three trainings, each judged on held-out questions. Chance is 0.25."""
    held_out = exam.questions(200, FINDINGS, np.random.default_rng(10_000))
    arms = {
        "grpo": [exam.expected(reinforce(s), held_out, FINDINGS) for s in range(seeds)],
        "sft_30_wrong": [exam.expected(imitate_noisy(s), held_out, FINDINGS) for s in range(seeds)],
        "grpo_shuffled_reward": [
            exam.expected(reinforce(s, is_shuffled=True), held_out, FINDINGS) for s in range(seeds)
        ],
    }
    measured: dict[str, Any] = {"chance": 0.25, "seeds": seeds}
    for name, results in arms.items():
        accuracy, form = np.array(results).T
        measured[name] = {
            "accuracy": round(float(accuracy.mean()), 4),
            "accuracy_sem": round(float(accuracy.std(ddof=1) / np.sqrt(seeds)), 4),
            "format": round(float(form.mean()), 4),
        }
    counts = [-1, *range(17)]
    kept = easy_to_hard(band(counts, counts))
    measured["band_kept_in_order"] = [count for _, count in kept]
    null = measured["grpo_shuffled_reward"]
    passed = (
        measured["grpo"]["accuracy"] > 0.9
        and measured["grpo"]["format"] > 0.9
        and measured["sft_30_wrong"]["accuracy"] < measured["grpo"]["accuracy"] - 0.1
        and abs(null["accuracy"] - 0.25) < max(0.05, 3 * null["accuracy_sem"])
        and measured["band_kept_in_order"] == [7, 6, 5, 4, 3, 2, 1]
    )
    return {
        "passed": bool(passed),
        "measured": measured,
        "scale": "table policy, 4 findings, 12 seeds; the real reward",
    }
