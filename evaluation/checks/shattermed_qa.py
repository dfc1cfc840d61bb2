"""ShatterMed-QA: hub pruning never shortens a path, bridges are masked, and a reader by shortcut falls to chance."""

import random
from typing import Any

from cases.case import Case
from evaluation.checks.expectation import Expectations
from knowledge.graph import KnowledgeGraph, edge_frame
from knowledge.graph_files import sample_graph
from knowledge.graph_paths import Path, distance, sample_paths, shortest_paths
from knowledge.shattering import hubs, multi_hop_question, names_left, shatter

WORLDS, QUESTIONS = 6, 40


def check() -> dict[str, Any]:
    seen = Expectations("200 random graphs of 30 nodes; planted worlds of 40 questions x 6 seeds; the sample graph")
    _textbook(seen)
    _random_graphs(seen)
    _shortcut(seen)
    _questions(seen)
    return seen.outcome()


def _textbook(seen: Expectations) -> None:
    """Diabetes - blood - fracture is short; diabetes - AGE - collagen - fracture is the reason."""
    graph = sample_graph()
    ends = ("type_2_diabetes", "fragility_fracture")
    pruned, removed = shatter(graph, keep=ends, percentile=98)
    seen.that("hubs taken out", [node.name for node in removed], "blood" in {node.name for node in removed})
    before, after = distance(graph, *ends), distance(pruned, *ends)
    seen.that("hops before, after", [before, after], (before, after) == (2, 3))


def _random_graphs(seen: Expectations) -> None:
    shorter = longer = apart = 0
    for seed in range(200):
        draw = random.Random(seed)
        rows = [draw.sample(range(30), 2) for _ in range(50)]
        graph = KnowledgeGraph.of_edges(edge_frame([_edge(f"n{a}", "r", f"n{b}") for a, b in rows]))
        top = sorted(range(len(graph)), key=lambda n: -int(graph.degrees[n]))[:3]
        pruned = graph.without(top)
        left = [node.id for node in pruned.nodes()]
        for _ in range(3):
            a, b = draw.sample(left, 2)
            before, after = distance(graph, a, b, max_hops=12), distance(pruned, a, b, max_hops=12)
            if before is None:
                continue
            apart += after is None
            shorter += after is not None and after < before
            longer += after is not None and after > before
    seen.that("pairs nearer after pruning", shorter, shorter == 0)
    seen.that("pairs further, pairs apart", [longer, apart], longer > 0 and apart > 0)


def _edge(head: str, relation: str, tail: str, kinds: tuple[str, str] = ("thing", "thing")) -> tuple[str, ...]:
    return (head, head, kinds[0], relation, tail, tail, kinds[1])


def _planted(seed: int) -> tuple[KnowledgeGraph, list[tuple[str, str, str]]]:
    """Question i asks from `a_i` over its own bridge to `c_i`; both also hang on one of four hubs."""
    rows, questions = [], []
    order = list(range(QUESTIONS))
    random.Random(seed).shuffle(order)
    for place, i in enumerate(order):
        hub = f"hub{place % 4}"
        rows += [
            _edge(f"a{i}", "raises", f"b{i}", ("drug", "substance")),
            _edge(f"b{i}", "causes", f"c{i}", ("substance", "disease")),
            _edge(hub, "associated_with", f"a{i}", ("substance", "drug")),
            _edge(hub, "associated_with", f"c{i}", ("substance", "disease")),
            _edge(f"c{i}", "is_a", f"group{(place // 4) % 5}", ("disease", "group")),
        ]  # fmt: skip
        questions.append((f"a{i}", f"b{i}", f"c{i}"))
    return KnowledgeGraph.of_edges(edge_frame(rows)), questions


def _shortcut(seen: Expectations) -> None:
    right = dict.fromkeys(("shortcut before", "shortcut after", "two hops before", "two hops after"), 0)
    for seed in range(WORLDS):
        graph, questions = _planted(seed)
        hub_ids = {graph.node(number).id for number in hubs(graph, 97)}
        pruned, _ = shatter(graph, percentile=97)
        draw = random.Random(seed)
        for start, _, answer in questions:
            others = draw.sample(
                [end for _, _, end in questions if end != answer and not _share(graph, start, end, hub_ids)], 3
            )
            options = sorted([answer, *others])
            for name, world in (("before", graph), ("after", pruned)):
                right[f"shortcut {name}"] += _by_hub(world, start, options, hub_ids, draw) == answer
                right[f"two hops {name}"] += _by_path(world, start, options, hub_ids) == answer
    total = WORLDS * QUESTIONS
    seen.that("reader by hubs, before", right["shortcut before"] / total, right["shortcut before"] / total > 0.6)
    after = right["shortcut after"] / total
    seen.that("reader by hubs, after", after, abs(after - 0.25) < 0.09)
    seen.that(
        "reader by paths, before and after",
        [right["two hops before"] / total, right["two hops after"] / total],
        right["two hops before"] == right["two hops after"] == total,
    )


def _share(graph: KnowledgeGraph, left: str, right: str, hub_ids: set[str]) -> bool:
    around = [{graph.node(n).id for n in graph.neighbours_of(graph.number(name))} for name in (left, right)]
    return bool(around[0] & around[1] & hub_ids)


def _by_hub(graph: KnowledgeGraph, start: str, options: list[str], hub_ids: set[str], draw: random.Random) -> str:
    """The option that hangs on the same hub; a guess where none does."""
    near = [option for option in options if _share(graph, start, option, hub_ids)]
    return near[0] if near else draw.choice(options)


def _by_path(graph: KnowledgeGraph, start: str, options: list[str], hub_ids: set[str]) -> str | None:
    """The option that two hops over no hub lead to."""
    found = [
        option
        for option in options
        for path in shortest_paths(graph, start, option, max_hops=2)
        if not hub_ids & set(path.ids)
    ]
    return found[0] if found else None


def _questions(seen: Expectations) -> None:
    """Questions of the sample graph: no bridge's name is left; their evidence lifts a reader, another's does not."""
    graph, _ = shatter(sample_graph(), percentile=98)
    pairs: list[tuple[Path, Case]] = []
    for path in sample_paths(graph, 2, 60, seed=3):
        case = multi_hop_question(graph, path, seed=3)
        if case is not None:
            pairs.append((path, case))
    leaks = sum(
        bool(names_left(" ".join((case.question, *(case.options or {}).values())), path.nodes[1:-1], graph))
        for path, case in pairs
    )
    seen.that("questions", len(pairs), len(pairs) >= 20)
    seen.that("questions that name a bridge", leaks, leaks == 0)
    with_own = sum(_reads(case, case.meta["evidence"]) for _, case in pairs)
    with_other = sum(
        _reads(case, pairs[(i + len(pairs) // 2) % len(pairs)][1].meta["evidence"]) for i, (_, case) in enumerate(pairs)
    )
    seen.that("right with the evidence", with_own / len(pairs), with_own == len(pairs))
    seen.that("right with another question's evidence", with_other / len(pairs), with_other / len(pairs) < 0.5)


def _reads(case: Case, evidence: str) -> bool:
    """A reader that names the one option which the evidence names; with none or several it has no answer."""
    named = [label for label, text in (case.options or {}).items() if text in evidence]
    return case.gold is not None and named == [case.gold.label]
