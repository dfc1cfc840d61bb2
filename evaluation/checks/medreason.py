"""MedReason: linking by the paper's thresholds, all shortest paths, grounding, and the filter without conclusion."""

import asyncio
from typing import Any

import numpy as np

from evaluation.checks.expectation import Expectations
from knowledge.graph import KnowledgeGraph, edge_frame
from knowledge.graph_files import sample_graph
from knowledge.graph_paths import Path, in_arrows, made_up, read_arrows, sample_paths, shortest_paths
from knowledge.linking import EntityLinker, LinkStatus
from knowledge.reasoning_chain import Chain, grounding, judge, write_chain

DIAMOND = [
    ("a", "A", "drug", "treats", "b", "B", "disease"), ("a", "A", "drug", "treats", "c", "C", "disease"),
    ("b", "B", "disease", "causes", "d", "D", "disease"), ("c", "C", "disease", "causes", "d", "D", "disease"),
    ("x", "X", "drug", "treats", "y", "Y", "disease"),
]  # fmt: skip


def check() -> dict[str, Any]:
    seen = Expectations("5 names, a diamond graph, the sample graph of 83 edges, 24 chains")
    _linking(seen)
    graph = KnowledgeGraph.of_edges(edge_frame(DIAMOND))
    both = sorted(path.ids for path in shortest_paths(graph, "a", "d"))
    seen.that("shortest paths of a diamond", len(both), both == [("a", "b", "d"), ("a", "c", "d")])
    apart = shortest_paths(graph, "a", "y")
    seen.that("paths between parts that are not joined", len(apart), not apart)
    asyncio.run(_chains(seen))
    return seen.outcome()


def _linking(seen: Expectations) -> None:
    """Cosines are set by hand, so that the thresholds alone decide."""
    graph = KnowledgeGraph.of_edges(edge_frame([("d1", "Target", "disease", "treats", "g1", "Other", "drug")]))
    cosines = {"alpha": 0.86, "beta": 0.80, "gamma": 0.69}

    def encode(texts: Any) -> Any:
        rows = [(1.0, 0.0) if text == "Target" else (cosines.get(text, 0.0), 0.0) for text in texts]
        return np.array([(x, np.sqrt(1 - x * x)) for x, _ in rows], dtype=np.float32)

    linker = EntityLinker(graph, encode=encode)
    table = {name: linker.link(name, "disease").status for name in ("Target", "alpha", "beta", "gamma")}
    table["right string, wrong type"] = linker.link("Target", "drug").status
    expected = [LinkStatus.EXACT, LinkStatus.MEANING, LinkStatus.UNDECIDED, LinkStatus.NONE, LinkStatus.NONE]
    seen.that("links", {name: str(value) for name, value in table.items()}, list(table.values()) == expected)


async def _chains(seen: Expectations) -> None:
    """Chains over sampled paths: as they are; with a node of another path (control); with the path's end cut off."""
    graph = sample_graph()
    names = {node.name for node in graph.nodes()}

    async def reader(text: str) -> str | None:
        """Answers with the last node that the text names."""
        last = max(((text.rfind(name), len(name), name) for name in names if name in text), default=None)
        return last[2] if last else None

    paths = sample_paths(graph, 2, 24, seed=1)
    kept = grounded_wrong = kept_cut = 0
    for number, path in enumerate(paths):
        answer = path.nodes[-1].name
        conclusion = f"The answer is {answer}."
        kept += (await judge(write_chain([path], "", conclusion), answer, graph, reader)).is_kept
        stranger = paths[(number + 7) % len(paths)].nodes[1].name
        head, relation, _ = read_arrows(in_arrows(path))[0]
        is_stated = not made_up(graph, [(head, relation, stranger)])
        wrong = Chain(f"{head} -[{relation}]-> {stranger}", "", conclusion)
        grounded_wrong += grounding(wrong, graph)[0] == 1.0 and not is_stated
        cut = Chain(in_arrows(Path(path.nodes[:2], path.hops[:1])), "", conclusion)
        kept_cut += (await judge(cut, answer, graph, reader)).is_kept
    seen.that("chains kept", kept / len(paths), kept == len(paths) == 24)
    seen.that("chains with a step that the graph does not state, called grounded", grounded_wrong, not grounded_wrong)
    seen.that("chains whose conclusion alone has the answer, kept", kept_cut / len(paths), kept_cut == 0)
