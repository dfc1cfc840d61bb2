"""The DeepSeek-R1 study: does length separate right from wrong, and does a null stay quiet?"""

from typing import Any

import numpy as np

from evaluation.checks.expectation import Expectations
from evaluation.metrics import auroc
from evaluation.reliability import length_reliability


def check() -> dict[str, Any]:
    seen = Expectations("planted lengths, 300 items; 200 null worlds of 100 items")
    ordered = [False] * 10 + [True] * 10
    seen.near("AUROC, perfectly ordered", auroc([float(i) for i in range(20)], ordered), 1.0)
    seen.near("AUROC, constant", auroc([1.0] * 20, ordered), 0.5)
    rng = np.random.default_rng(0)
    correct = rng.random(300) < 0.8
    lengths = rng.lognormal(8.2, 0.4, 300) * np.where(correct, 1.0, 1.8)
    planted = length_reliability(lengths.tolist(), correct.tolist())
    seen.that("accuracy up to 5,000 characters", planted.short.value, planted.short.value > planted.long.value)
    seen.that("accuracy above", planted.long.value, planted.is_warning)
    seen.that("AUROC, planted", planted.auroc, planted.auroc > 0.7)
    flagged = 0
    for seed in range(200):
        world = np.random.default_rng(1000 + seed)
        null = length_reliability(world.lognormal(8, 0.5, 100).tolist(), (world.random(100) < 0.8).tolist(), seed=seed)
        flagged += null.is_warning
    seen.that("null worlds flagged", flagged / 200, flagged / 200 <= 0.05)
    return seen.outcome()
