"""Names to nodes: exact, alias, fuzzy, and by meaning where an encoder is given; mentions of nodes in a text.

The rule is MedReason's (2025): an exact name wins; else the nearest is taken from 0.85 on; between 0.7 and 0.85 someone
must choose (`UNDECIDED`, with the candidates); below, the name is not linked.
"""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.assertion import Assertion, assertion
from knowledge.graph import KnowledgeGraph, Node
from knowledge.specialties import fold

ACCEPT, CANDIDATE, CANDIDATES = 0.85, 0.70, 10
MAX_WORDS = 9
"""A mention is looked for in runs of so many words at most."""

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to vectors of unit length, one row each."""


class LinkStatus(StrEnum):
    EXACT = "exact"
    ALIAS = "alias"
    FUZZY = "fuzzy"
    MEANING = "meaning"
    UNDECIDED = "undecided"
    NONE = "none"


class Link(NamedTuple):
    """What a name was linked to. `score` is 1 for exact names and aliases, else a similarity in [0, 1]."""

    name: str
    status: LinkStatus
    node: Node | None = None
    score: float = 0.0
    candidates: tuple[tuple[Node, float], ...] = ()


class Mention(NamedTuple):
    """A span of a text that names a node, and how the text asserts it."""

    start: int
    end: int
    node: Node
    assertion: Assertion


class EntityLinker:
    """Looks names up in one graph. `encode` adds a search by meaning for what spelling does not settle."""

    def __init__(
        self,
        graph: KnowledgeGraph,
        *,
        accept: float = ACCEPT,
        candidate: float = CANDIDATE,
        encode: Encode | None = None,
        with_aliases: bool = True,
    ):
        self._accept, self._candidate, self._encode = accept, candidate, encode
        self._nodes = graph.nodes()
        self._degrees = graph.degrees
        self._names: dict[str, list[int]] = {}
        self._aliases: dict[str, list[int]] = {}
        for number, node in enumerate(self._nodes):
            self._names.setdefault(key(node.name), []).append(number)
            for alias in graph.aliases.get(node.id, ()) if with_aliases else ():
                self._aliases.setdefault(key(alias), []).append(number)
        self._sorted_names: dict[str | None, tuple[list[str], list[int]]] = {}
        self._vectors: dict[str | None, tuple[list[int], NDArray[np.float32]]] = {}

    def link(self, name: str, kind: str | None = None) -> Link:
        """The node of that name, of type `kind` if one is given: the right string of a wrong type is not linked.

        Of several nodes with the same name the one with most edges is taken; the others are candidates.
        """
        wanted = key(name)
        for status, table in ((LinkStatus.EXACT, self._names), (LinkStatus.ALIAS, self._aliases)):
            found = self._of_kind(table.get(wanted, []), kind)
            if found:
                return Link(name, status, found[0], 1.0, tuple((node, 1.0) for node in found))
        candidates = self._similar(wanted, kind)
        if candidates and candidates[0][1] >= self._accept:
            return Link(name, LinkStatus.FUZZY, candidates[0][0], candidates[0][1], candidates)
        if self._encode is not None:
            near = self._near_in_meaning(name, kind)
            if near and near[0][1] > self._accept:
                return Link(name, LinkStatus.MEANING, near[0][0], near[0][1], near)
            candidates = _merged(candidates, near)
        if candidates:
            return Link(name, LinkStatus.UNDECIDED, None, candidates[0][1], candidates)
        return Link(name, LinkStatus.NONE)

    def mentions(self, text: str, kind: str | None = None) -> list[Mention]:
        """Names and aliases in a text, the longest first come, none inside another; in order of place."""
        words = [(match.start(), match.end(), _word(match.group())) for match in re.finditer(r"[^\W_]+", text)]
        found, place = [], 0
        while place < len(words):
            for length in range(min(MAX_WORDS, len(words) - place), 0, -1):
                wanted = " ".join(word for _, _, word in words[place : place + length])
                numbers = self._names.get(wanted) or self._aliases.get(wanted) or []
                nodes = self._of_kind(numbers, kind) if len(wanted) > 3 else []
                if nodes:
                    start, end = words[place][0], words[place + length - 1][1]
                    found.append(Mention(start, end, nodes[0], assertion(text, start, end)))
                    place += length - 1
                    break
            place += 1
        return found

    def _of_kind(self, numbers: Sequence[int], kind: str | None) -> list[Node]:
        kept = [number for number in numbers if kind is None or self._nodes[number].type == kind]
        return [self._nodes[number] for number in sorted(dict.fromkeys(kept), key=lambda n: -self._degrees[n])]

    def _similar(self, wanted: str, kind: str | None) -> tuple[tuple[Node, float], ...]:
        from rapidfuzz import fuzz, process

        names, numbers = self._spellings(kind)
        cutoff = 100 * self._candidate
        found = process.extract(_sorted(wanted), names, scorer=fuzz.ratio, limit=CANDIDATES * 3, score_cutoff=cutoff)
        return _merged(tuple((self._nodes[numbers[place]], score / 100) for _, score, place in found))

    def _spellings(self, kind: str | None) -> tuple[list[str], list[int]]:
        """Names and aliases of a type with their words sorted, and the node of each."""
        if kind not in self._sorted_names:
            names, numbers = [], []
            for table in (self._names, self._aliases):
                for name, entries in table.items():
                    nodes = [number for number in entries if kind is None or self._nodes[number].type == kind]
                    if nodes:
                        names.append(_sorted(name))
                        numbers.append(max(nodes, key=lambda number: self._degrees[number]))
            self._sorted_names[kind] = (names, numbers)
        return self._sorted_names[kind]

    def _near_in_meaning(self, name: str, kind: str | None) -> tuple[tuple[Node, float], ...]:
        assert self._encode is not None
        if kind not in self._vectors:
            numbers = [n for n, node in enumerate(self._nodes) if kind is None or node.type == kind]
            self._vectors[kind] = (numbers, self._encode([self._nodes[n].name for n in numbers]))
        numbers, vectors = self._vectors[kind]
        scores = vectors @ self._encode([name])[0]
        best = np.argsort(-scores)[:CANDIDATES]
        return tuple((self._nodes[numbers[i]], float(scores[i])) for i in best if scores[i] > self._candidate)


def _merged(*lists: tuple[tuple[Node, float], ...]) -> tuple[tuple[Node, float], ...]:
    """Candidates of several searches, each node with its best score, best first."""
    best: dict[Node, float] = {}
    for node, score in (item for candidates in lists for item in candidates):
        best[node] = max(best.get(node, 0.0), score)
    return tuple(sorted(best.items(), key=lambda item: (-item[1], item[0].id))[:CANDIDATES])


def key(name: str) -> str:
    """The name as it is compared: folded words in the singular, without punctuation."""
    return " ".join(_word(word) for word in re.findall(r"[^\W_]+", name))


def _sorted(name: str) -> str:
    return " ".join(sorted(name.split()))


@lru_cache(maxsize=200_000)
def _word(word: str) -> str:
    folded = fold(word)
    if len(folded) > 4 and folded.endswith("ies"):
        return folded[:-3] + "y"
    is_plural = len(folded) > 3 and folded.endswith("s") and not folded.endswith(("ss", "us", "is", "as", "os"))
    return folded[:-1] if is_plural else folded
