"""Paths between two entities: all shortest, all simple up to a number of hops, sampled; and what they say in words."""

import random
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cases.evidence import Evidence, EvidenceKind
from knowledge.graph import Edge, KnowledgeGraph, Node

Allowed = NDArray[np.bool_] | None
SENTENCES = {
    "has_phenotype": "{head} can show {tail}", "is_a": "{head} is a kind of {tail}", "causes": "{head} causes {tail}",
    "disease_modifying_for": "{head} treats {tail}", "symptomatic_for": "{head} relieves {tail}",
    "not_indicated_for": "{head} is not indicated for {tail}", "cooccurs_with": "{head} occurs together with {tail}",
    "treats": "{head} treats {tail}", "associated_with": "{head} is associated with {tail}",
    "contraindicated_in": "{head} is contraindicated in {tail}", "part_of": "{head} is part of {tail}",
}  # fmt: skip


class Path(NamedTuple):
    """Nodes from the first to the last, and between each pair the edges that join it, in their own direction."""

    nodes: tuple[Node, ...]
    hops: tuple[tuple[Edge, ...], ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(node.id for node in self.nodes)


def shortest_paths(
    graph: KnowledgeGraph, source: str, target: str, *, max_hops: int = 3, max_paths: int = 50,
    relations: Collection[str] | None = None,
) -> list[Path]:  # fmt: skip
    """All shortest paths from one node id to another, `max_paths` of them at most; none if they lie further apart.

    Both ends are widened in turn, the smaller first, so that a hub is opened only if nothing else is left.
    """
    start, end = graph.number(source), graph.number(target)
    if start == end:
        return [Path((graph.node(start),), ())]
    allowed = None if relations is None else graph.edges_of(relations)
    near = {True: _unseen(graph, start), False: _unseen(graph, end)}
    frontier = {True: np.array([start], dtype=np.int32), False: np.array([end], dtype=np.int32)}
    depth = {True: 0, False: 0}
    cost = graph.degrees
    while sum(depth.values()) < max_hops and len(frontier[True]) and len(frontier[False]):
        side = bool(cost[frontier[True]].sum() <= cost[frontier[False]].sum())
        frontier[side] = _widen(graph, frontier[side], near[side], depth[side] + 1, allowed)
        depth[side] += 1
        meeting = frontier[side][near[not side][frontier[side]] >= 0]
        if len(meeting):
            lines = _through(graph, meeting, near[True], near[False], allowed)
            return [_path(graph, line, relations) for line, _ in zip(lines, range(max_paths), strict=False)]
    return []


def simple_paths(
    graph: KnowledgeGraph, source: str, target: str, *, max_hops: int = 3, max_paths: int = 200,
    relations: Collection[str] | None = None,
) -> list[Path]:  # fmt: skip
    """Paths of up to `max_hops` hops that visit no node twice, short ones first, `max_paths` at most."""
    start, end = graph.number(source), graph.number(target)
    allowed = None if relations is None else graph.edges_of(relations)
    to_end = _unseen(graph, end)
    frontier = np.array([end], dtype=np.int32)
    for depth in range(1, max_hops):
        frontier = _widen(graph, frontier, to_end, depth, allowed)
    found: list[Path] = []
    for length in range(1, max_hops + 1):
        for line in _lines(graph, [start], end, length, to_end, allowed):
            found.append(_path(graph, line, relations))
            if len(found) == max_paths:
                return found
    return found


def distance(graph: KnowledgeGraph, source: str, target: str, *, max_hops: int = 6) -> int | None:
    """Hops between two nodes; None if there are more than `max_hops`."""
    found = shortest_paths(graph, source, target, max_hops=max_hops, max_paths=1)
    return len(found[0].hops) if found else None


def sample_paths(
    graph: KnowledgeGraph,
    hops: int,
    count: int,
    *,
    seed: int,
    start_type: str | None = None,
    end_type: str | None = None,
) -> list[Path]:
    """Up to `count` different paths of so many hops, each a shortest path between its ends, by random walks.

    A walk draws its start evenly from the nodes of `start_type` and each step evenly from the neighbours.
    """
    draw = random.Random(seed)
    starts = [graph.number(node.id) for node in graph.nodes(start_type)]
    found: dict[tuple[str, ...], Path] = {}
    for _ in range(count * 60):
        if len(found) == count or not starts:
            break
        line = [draw.choice(starts)]
        while len(line) <= hops:
            following = [int(number) for number in graph.neighbours_of(line[-1]) if number not in line]
            if not following:
                break
            line.append(draw.choice(following))
        last = graph.node(line[-1])
        if len(line) != hops + 1 or (end_type is not None and last.type != end_type):
            continue
        path = _path(graph, line, None)
        if distance(graph, path.ids[0], path.ids[-1], max_hops=hops) == hops:
            found[path.ids] = path
    return list(found.values())


def sentence(edge: Edge) -> str:
    """The edge as a sentence, in its own direction."""
    form = SENTENCES.get(edge.relation, "{head} " + edge.relation.replace("_", " ") + " {tail}")
    return form.format(head=edge.head.name, tail=edge.tail.name)


def in_words(path: Path) -> str:
    """A sentence per hop: "Marfan syndrome can show Ectopia lentis. ..."."""
    return " ".join(f"{sentence(hop[0])}." for hop in path.hops) or path.nodes[0].name


def in_arrows(path: Path) -> str:
    """One line: "A -[has_phenotype]-> B <-[has_phenotype]- C"; `read_arrows` reads it back."""
    text = path.nodes[0].name
    for node, hop in zip(path.nodes[1:], path.hops, strict=True):
        edge = hop[0]
        text += f" -[{edge.relation}]-> {node.name}" if edge.tail == node else f" <-[{edge.relation}]- {node.name}"
    return text


def read_arrows(text: str) -> list[tuple[str, str, str]]:
    """(head, relation, tail) of every hop of a line as `in_arrows` writes it; nothing where there is no arrow."""
    parts = re.split(r"\s*(<-\[\w+\]-|-\[\w+\]->)\s*", text.strip())
    found = []
    for left, arrow, right in zip(parts[0::2], parts[1::2], parts[2::2], strict=False):
        relation = re.sub(r"[^\w]", "", arrow)
        found.append((left, relation, right) if arrow.endswith("->") else (right, relation, left))
    return found


def made_up(graph: KnowledgeGraph, statements: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those (head name, relation, tail name) that the graph does not state."""
    numbers: dict[str, list[int]] = {}
    for number, node in enumerate(graph.nodes()):
        numbers.setdefault(node.name.casefold(), []).append(number)
    wrong = []
    for head, relation, tail in statements:
        pairs = [(a, b) for a in numbers.get(head.casefold(), ()) for b in numbers.get(tail.casefold(), ())]
        stated = (
            edge.relation == relation and edge.head == graph.node(a)
            for a, b in pairs for edge in graph.edges_between(a, b)
        )  # fmt: skip
        if not any(stated):
            wrong.append((head, relation, tail))
    return wrong


def as_evidence(path: Path) -> Evidence:
    """The path as evidence that can be cited: its sentences, with the sources of its edges."""
    sources = sorted({edge.source for hop in path.hops for edge in hop[:1] if edge.source})
    return Evidence(
        id="path:" + ">".join(path.ids), kind=EvidenceKind.GRAPH_PATH, title=in_arrows(path), text=in_words(path),
        source="; ".join(sources), score=1.0 / max(1, len(path.hops)),
    )  # fmt: skip


def _unseen(graph: KnowledgeGraph, start: int) -> NDArray[np.int8]:
    near = np.full(len(graph), -1, dtype=np.int8)
    near[start] = 0
    return near


def _widen(
    graph: KnowledgeGraph, frontier: NDArray[np.int32], near: NDArray[np.int8], depth: int, allowed: Allowed
) -> NDArray[np.int32]:
    _, reached = graph.expand(frontier, allowed)
    reached = np.unique(reached[near[reached] < 0])
    near[reached] = depth
    return reached


def _through(
    graph: KnowledgeGraph, meeting: NDArray[np.int32], from_start: NDArray[np.int8], to_end: NDArray[np.int8],
    allowed: Allowed,
) -> Iterator[list[int]]:  # fmt: skip
    """Lines of node numbers from the start over each meeting node to the end."""
    for middle in meeting.tolist():
        for before in _down(graph, middle, from_start, allowed):
            for after in _down(graph, middle, to_end, allowed):
                yield [*reversed(before), *after[1:]]


def _down(graph: KnowledgeGraph, number: int, near: NDArray[np.int8], allowed: Allowed) -> Iterator[list[int]]:
    """Lines from a node down the distances to where they are 0."""
    if near[number] == 0:
        yield [number]
        return
    _, around = graph.expand(np.array([number], dtype=np.int32), allowed)
    for following in np.unique(around[near[around] == near[number] - 1]).tolist():
        for line in _down(graph, following, near, allowed):
            yield [number, *line]


def _lines(
    graph: KnowledgeGraph, line: list[int], end: int, left: int, to_end: NDArray[np.int8], allowed: Allowed
) -> Iterator[list[int]]:
    """Simple lines of exactly `left` more hops to the end."""
    if left == 0:
        if line[-1] == end:
            yield line
        return
    _, around = graph.expand(np.array([line[-1]], dtype=np.int32), allowed)
    near = to_end[around]
    for following in np.unique(around[(near >= 0) & (near <= left - 1)]).tolist():
        if following not in line and (following != end or left == 1):
            yield from _lines(graph, [*line, following], end, left - 1, to_end, allowed)


def _path(graph: KnowledgeGraph, line: Sequence[int], relations: Collection[str] | None) -> Path:
    hops = []
    for left, right in pairwise(line):
        edges = graph.edges_between(left, right)
        hops.append(tuple(edge for edge in edges if relations is None or edge.relation in relations))
    return Path(tuple(graph.node(number) for number in line), tuple(hops))
