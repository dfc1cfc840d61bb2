"""A policy small enough to see through: a table of logits, each decision a softmax over some of its cells.

A completion is a list of decisions. The experiments train it by the same rules that train a language model, in
milliseconds and with exact gradients.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Decision:
    """One choice: `chosen` indexes `cells`, which hold as many cells for each candidate."""

    cells: tuple[tuple[int, ...], ...]
    chosen: int


class TablePolicy:
    """Logits `theta` of shape (n,); a candidate's logit is the sum of theta over the candidate's cells."""

    def __init__(self, size: int, seed: int = 0, spread: float = 0.0):
        self.theta = np.random.default_rng(seed).normal(0.0, spread, size) if spread else np.zeros(size)

    def probabilities(self, cells: Sequence[Sequence[int]]) -> np.ndarray:
        """Softmax over the candidates."""
        logits = self.theta[np.array(cells)].sum(axis=1)
        powers = np.exp(logits - logits.max())
        return powers / powers.sum()

    def choose(self, cells: Sequence[Sequence[int]], rng: np.random.Generator) -> Decision:
        """A candidate drawn by its probability."""
        chosen = int(np.searchsorted(np.cumsum(self.probabilities(cells)), rng.random(), side="right"))
        chosen = min(chosen, len(cells) - 1)
        return Decision(tuple(tuple(candidate) for candidate in cells), chosen)

    def log_prob(self, decision: Decision) -> float:
        return float(np.log(self.probabilities(decision.cells)[decision.chosen]))

    def add_log_prob_gradient(self, gradient: np.ndarray, decision: Decision, weight: float) -> None:
        """gradient += weight * d log p(decision) / d theta."""
        slopes = -self.probabilities(decision.cells)
        slopes[decision.chosen] += 1.0
        np.add.at(gradient, np.array(decision.cells), weight * slopes[:, None])

    def add_entropy_gradient(self, gradient: np.ndarray, decision: Decision, weight: float) -> None:
        """gradient += weight * d H / d theta, H the entropy (nats) of the decision's distribution."""
        p = self.probabilities(decision.cells)
        logs = np.log(np.maximum(p, 1e-300))
        slopes = -p * (logs - (p * logs).sum())
        np.add.at(gradient, np.array(decision.cells), weight * slopes[:, None])

    def entropy(self, cells: Sequence[Sequence[int]]) -> float:
        """Entropy in nats."""
        p = self.probabilities(cells)
        return float(-(p * np.log(np.maximum(p, 1e-300))).sum())


def imitate(policy: TablePolicy, traces: Sequence[Sequence[Decision]], *, learning_rate: float, epochs: int) -> None:
    """Supervised fine-tuning: full-batch ascent on the mean log-likelihood of the traces."""
    counts = Counter(decision for trace in traces for decision in trace)
    for _ in range(epochs):
        gradient = np.zeros_like(policy.theta)
        for decision, count in counts.items():
            policy.add_log_prob_gradient(gradient, decision, count / len(traces))
        policy.theta += learning_rate * gradient
