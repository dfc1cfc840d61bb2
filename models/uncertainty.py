"""How sure a model is, from its own numbers. Pure functions; natural logarithms throughout."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean


def normalise(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights that sum to 1. Raises ValueError for a negative or non-finite weight or when all are 0."""
    if any(w < 0 or not math.isfinite(w) for w in weights.values()):
        raise ValueError(f"weights must be finite and not negative, got {dict(weights)}")
    total = math.fsum(weights.values())
    if total <= 0:
        raise ValueError("weights sum to 0: nothing to normalise")
    return {label: w / total for label, w in weights.items()}


def from_logprobs(logprobs: Mapping[str, float]) -> dict[str, float]:
    """Probabilities over the given labels alone, from log-probabilities of any scale (softmax)."""
    if not logprobs:
        raise ValueError("no log-probabilities")
    highest = max(logprobs.values())
    return normalise({label: math.exp(value - highest) for label, value in logprobs.items()})


def entropy(probabilities: Mapping[str, float], *, is_relative: bool = True) -> float:
    """Shannon entropy in nats; relative: divided by that of equal shares, so 0 is certain and 1 is even."""
    shares = [p for p in normalise(probabilities).values() if p > 0]
    value = max(0.0, -math.fsum(p * math.log(p) for p in shares))
    if not is_relative:
        return value
    return min(1.0, value / math.log(len(probabilities))) if len(probabilities) > 1 else 0.0


def margin(probabilities: Mapping[str, float]) -> float:
    """The likeliest label's share less the second's, in [0, 1]; 1 for a single label."""
    ranked = sorted(normalise(probabilities).values(), reverse=True)
    return ranked[0] - ranked[1] if len(ranked) > 1 else ranked[0]


def disagreement(answers: Sequence[str | None]) -> float:
    """The share of answers that are not the commonest one; None (no answer) never agrees. 1 when nobody answered."""
    given = [answer for answer in answers if answer is not None]
    if not given:
        return 1.0
    commonest = max(given.count(answer) for answer in set(given))
    return 1 - commonest / len(answers)


def perplexity(logprobs: Sequence[float]) -> float:
    """exp of the mean negative log-probability of a reply's tokens; 1 is certain. Raises ValueError without tokens."""
    if not logprobs:
        raise ValueError("no log-probabilities")
    return math.exp(-fmean(logprobs))


def votes(answers: Sequence[str | None], labels: Sequence[str] | None = None) -> dict[str, float]:
    """Shares of the answers given; labels without a vote get 0. Empty when nobody answered and no label is given."""
    given = [answer for answer in answers if answer is not None]
    names = list(dict.fromkeys([*(labels or []), *given]))
    if not given:
        return {name: 1 / len(names) for name in names}
    return {name: given.count(name) / len(given) for name in names}
