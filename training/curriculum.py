"""What to train on, and in which order: pass counts, bands, strata. Pure functions.

Difficulty filters are for reinforcement learning; for imitation more right traces beat them (OctoMed 2025).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, TypeVar

T = TypeVar("T")
Stratum = Literal["easy", "medium", "hard"]
STRATA: tuple[Stratum, ...] = ("easy", "medium", "hard")

NOT_MEASURED = -1


def pass_counts(items: Sequence[T], solves: Callable[[T, int], bool], rollouts: int = 16) -> list[int]:
    """How many of `rollouts` attempts solve each item; `solves(item, sample)` is one attempt."""
    return [sum(bool(solves(item, sample)) for sample in range(rollouts)) for item in items]


def band(items: Sequence[T], counts: Sequence[int], low: int = 1, high: int = 7) -> list[tuple[T, int]]:
    """(item, pass count) of those solved `low` to `high` times, in order; unmeasured ones (-1) never stay.

    1 to 7 of 16: never-right and mostly-right prompts carry no gradient (MedVLThinker 2025).
    """
    pairs = list(zip(items, counts, strict=True))
    return [(item, count) for item, count in pairs if count != NOT_MEASURED and low <= count <= high]


def easy_to_hard(counted: Sequence[tuple[T, int]], seed: int = 42) -> list[tuple[T, int]]:
    """Shuffled by `seed`, then by falling pass count, so that equals stand in no order of their source."""
    shuffled = list(counted)
    random.Random(seed).shuffle(shuffled)
    return sorted(shuffled, key=lambda pair: -pair[1])


def stratum(specialists_right: Sequence[bool]) -> Stratum:
    """easy when all specialists are right, hard when none is, medium otherwise (MMedAgent-RL 2025).

    Raises ValueError without specialists: there is nothing to stratify by.
    """
    if not specialists_right:
        raise ValueError("no specialist answered; such a case has no stratum")
    share = Fraction(sum(bool(right) for right in specialists_right), len(specialists_right))
    return "easy" if share == 1 else "hard" if share == 0 else "medium"


def by_stratum(items: Sequence[T], right: Sequence[Sequence[bool]]) -> dict[Stratum, list[T]]:
    """Items by stratum, in their order; every stratum is a key."""
    strata: dict[Stratum, list[T]] = {name: [] for name in STRATA}
    for item, answers in zip(items, right, strict=True):
        strata[stratum(answers)].append(item)
    return strata


def stage_order(strata: Mapping[Stratum, Sequence[T]], seed: int = 42) -> list[tuple[Stratum, T]]:
    """Stages easy, medium, hard; within a stage a seeded shuffle."""
    rng = random.Random(seed)
    ordered: list[tuple[Stratum, T]] = []
    for name in STRATA:
        stage = list(strata.get(name, ()))
        rng.shuffle(stage)
        ordered += [(name, item) for item in stage]
    return ordered
