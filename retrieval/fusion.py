"""Several rankings into one."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)

RRF_K = 60
"""Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet and individual methods, SIGIR 2009."""


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[Item]], *, k: int = RRF_K, weights: Mapping[str, float] | None = None
) -> list[tuple[Item, float]]:
    """(item, sum over rankings of weight / (k + rank)), best first; ranks count from 1.

    Items with equal scores keep the order in which the rankings, in their own order, first name them.
    """
    scores: dict[Item, float] = {}
    for name, ranking in rankings.items():
        weight = 1.0 if weights is None else weights.get(name, 1.0)
        for rank, item in enumerate(dict.fromkeys(ranking), 1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
