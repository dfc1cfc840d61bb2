"""Questions that cannot be answered by way of a hub: pruning, siblings as distractors, masked bridges.

After ShatterMed-QA (Zi et al. 2026): nodes that join everything ("blood", "pain") make shortcuts between entities that
have little to do with each other. They are taken out; a question is kept if its path lives on without them.
"""

import random
import re
from collections.abc import Collection, Sequence
from itertools import islice

import numpy as np

from cases.case import Case, Gold
from knowledge.graph import KnowledgeGraph, Node
from knowledge.graph_paths import Path, in_words

HUB_PERCENTILE = 99.5
"""Inferred: the paper gives no number. Nodes of a degree above this percentile are hubs."""
HIERARCHY = frozenset({"is_a", "part_of"})


def hubs(graph: KnowledgeGraph, percentile: float = HUB_PERCENTILE, generic: Collection[str] = ()) -> list[int]:
    """Numbers of the nodes whose degree is above the percentile of all degrees, and of those named in `generic`."""
    limit = np.percentile(graph.degrees, percentile)
    names = {name.casefold() for name in generic}
    named = {number for number, node in enumerate(graph.nodes()) if node.name.casefold() in names} if names else set()
    return sorted({int(number) for number in np.flatnonzero(graph.degrees > limit)} | named)


def shatter(
    graph: KnowledgeGraph,
    *,
    keep: Collection[str] = (),
    percentile: float = HUB_PERCENTILE,
    generic: Collection[str] = (),
) -> tuple[KnowledgeGraph, tuple[Node, ...]]:
    """The graph without its hubs, and the hubs that were taken out. The ids in `keep` (endpoints) stay.

    No two nodes come nearer to each other: removing a node never adds a path.
    """
    protected = {graph.number(name) for name in keep}
    removed = [number for number in hubs(graph, percentile, generic) if number not in protected]
    return graph.without(removed), tuple(graph.node(number) for number in removed)


def siblings(graph: KnowledgeGraph, node_id: str, count: int, *, unlike: Collection[str] = ()) -> list[Node]:
    """Nodes of the same type that share a parent with the node, else most of its neighbours, else only the type.

    None of them is in `unlike` or joined to one of its nodes: a distractor must not be another right answer.
    """
    number = graph.number(node_id)
    kind = graph.node(number).type
    ruled_out = {number} | {graph.number(name) for name in unlike}
    for name in unlike:
        ruled_out |= set(graph.neighbours_of(graph.number(name)).tolist())
    shared: dict[int, float] = {}
    for parent in graph.neighbours_of(number, HIERARCHY, is_out=True).tolist():
        for child in graph.neighbours_of(parent, HIERARCHY, is_out=False).tolist():
            shared[child] = shared.get(child, 0.0) + 1000.0
    degrees = graph.degrees
    for middle in graph.neighbours_of(number).tolist():
        for other in graph.neighbours_of(middle).tolist():
            shared[other] = shared.get(other, 0.0) + 1.0 / float(degrees[middle])
    ranked = sorted(shared, key=lambda other: (-shared[other], other))
    kept = [node for node in (graph.node(other) for other in ranked if other not in ruled_out) if node.type == kind]
    if len(kept) < count:
        rest = (node for node in graph.nodes(kind) if node not in kept and graph.number(node.id) not in ruled_out)
        kept += list(islice(rest, count - len(kept)))
    return kept[:count]


def mask(text: str, node: Node, graph: KnowledgeGraph, *, by: str | None = None) -> str:
    """The text with every mention of the node's name and aliases replaced, whatever their case; longest first."""
    names = sorted({node.name, *graph.aliases.get(node.id, ())}, key=len, reverse=True)
    pattern = "|".join(re.escape(name) for name in names if name)
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", by or f"a certain {node.type}", text, flags=re.IGNORECASE)


def names_left(text: str, nodes: Sequence[Node], graph: KnowledgeGraph) -> list[str]:
    """Names and aliases of the nodes that the text still holds."""
    folded = text.casefold()
    every = (name for node in nodes for name in (node.name, *graph.aliases.get(node.id, ())))
    return [name for name in every if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", folded)]


def multi_hop_question(graph: KnowledgeGraph, path: Path, *, seed: int, distractors: int = 3) -> Case | None:
    """A question about the path's last node, with its bridges masked and its siblings as distractors.

    None if there are too few siblings, or a bridge's name is still in the stem or an option. The case's `meta` holds
    the path in words: the evidence that an open-book arm is given.
    """
    first, *bridges, last = path.nodes
    others = siblings(graph, last.id, distractors, unlike=[node.id for node in (first, *bridges)])
    if len(others) < distractors or not bridges:
        return None
    evidence = in_words(path)
    stem = mask(evidence, last, graph, by=f"WHICH {last.type.upper()}")
    for bridge in bridges:
        stem = mask(stem, bridge, graph)
    choices = [last, *others]
    random.Random(f"{seed} {path.ids}").shuffle(choices)
    labels = "ABCDEFGH"[: len(choices)]
    options = {label: node.name for label, node in zip(labels, choices, strict=True)}
    if names_left(" ".join((stem, *options.values())), bridges, graph):
        return None
    return Case(
        id="path:" + ">".join(path.ids), question=f"{stem} Which {last.type} is meant?", options=options,
        gold=Gold(label=labels[choices.index(last)]), source="knowledge graph",
        meta={"evidence": evidence, "hops": len(path.hops)},
    )  # fmt: skip
