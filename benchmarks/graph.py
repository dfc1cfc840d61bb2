"""The knowledge graph on the shared edge list: loading, path queries, hub pruning and linking, with times.

python benchmarks/graph.py                            # ../shared/data/knowledge
python benchmarks/graph.py --data FOLDER --out FILE.md
"""

import argparse
import os
import platform
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from knowledge.graph import KnowledgeGraph
from knowledge.graph_files import read_graph
from knowledge.graph_paths import distance, sample_paths, shortest_paths, simple_paths
from knowledge.linking import EntityLinker, LinkStatus
from knowledge.shattering import shatter

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "knowledge"
SEED = 20260612


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "graph.md")
    parser.add_argument("--queries", type=int, default=300)
    arguments = parser.parse_args()
    text = report(arguments.data, arguments.queries)
    print(text)
    arguments.out.write_text(text, encoding="utf-8")


def report(data: Path, queries: int) -> str:
    began, began_cpu = time.perf_counter(), time.process_time()
    graph = read_graph(data / "kg_edges.parquet")
    load_s, load_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began_cpu = time.process_time()
    everything = read_graph(data)
    all_cpu_s = time.process_time() - began_cpu
    draw = random.Random(SEED)
    ends = [path.ids for path in sample_paths(graph, 3, queries, seed=SEED)]
    pairs = [(ids[0], ids[-1]) for ids in ends]
    names = [node.id for node in graph.nodes()]
    anywhere = [(draw.choice(names), draw.choice(names)) for _ in range(queries)]
    rows = [
        timed("all shortest paths, ends three hops apart", lambda a, b: shortest_paths(graph, a, b), pairs),
        timed(
            "all shortest paths within three hops, any two nodes", lambda a, b: shortest_paths(graph, a, b), anywhere
        ),
        timed("simple paths of up to three hops, ends three apart", lambda a, b: simple_paths(graph, a, b), pairs),
    ]
    return "\n".join(
        [
            "# Knowledge graph",
            "",
            f"- `kg_edges.parquet`: {graph.edge_count:,} edges, {len(graph):,} nodes in {load_s:.1f} s, "
            f"{load_cpu_s:.1f} s of CPU (aim 5 s); {rss_mb:.0f} MB in the process with its libraries.",
            f"- With HPO terms, HPO annotations and ICD-10-CM in one graph: {everything.edge_count:,} edges, "
            f"{len(everything):,} nodes in {all_cpu_s:.1f} s of CPU.",
            "",
            "Queries are timed in milliseconds of CPU, one thread.",
            "",
            "| query | number | p50 ms | p95 ms | paths found, mean |",
            "|---|---|---|---|---|",
            *rows,
            "",
            *pruning(graph, pairs[:100]),
            "",
            *linking(data, everything),
            "",
            f"Command: `python benchmarks/graph.py`; {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"numpy {np.__version__}, pandas {pd.__version__}.",
            "",
        ]
    )


def timed(name: str, query: Callable[[str, str], list], pairs: list[tuple[str, str]]) -> str:
    times, counts = [], []
    for left, right in pairs:
        began = time.process_time()
        counts.append(len(query(left, right)))
        times.append(1000 * (time.process_time() - began))
    return (
        f"| {name} | {len(pairs)} | {np.median(times):.1f} | {np.quantile(times, 0.95):.1f} | {np.mean(counts):.1f} |"
    )


def pruning(graph: KnowledgeGraph, pairs: list[tuple[str, str]]) -> list[str]:
    """What happens to the distance of pairs that were three hops apart when the hubs go."""
    keep = {name for pair in pairs for name in pair}
    pruned, removed = shatter(graph, keep=keep)
    after = [distance(pruned, left, right, max_hops=5) for left, right in pairs]
    shorter = sum(hops is not None and hops < 3 for hops in after)
    same = sum(hops == 3 for hops in after)
    longer = sum(hops is not None and hops > 3 for hops in after)
    return [
        f"k-shattering: {len(removed)} hubs out (degree above the 99.5th percentile: "
        f"{', '.join(node.name for node in removed[:4])} ...). Of {len(pairs)} pairs three hops apart, {shorter} come "
        f"nearer, {same} stay, {longer} move apart, {len(pairs) - shorter - same - longer} have no path of five hops.",
    ]


def linking(data: Path, graph: KnowledgeGraph) -> list[str]:
    """500 HPO synonyms looked up without the synonyms' table; 500 names with one letter wrong; 500 ICD-10 names that no
    HPO term has (control)."""
    draw = random.Random(SEED)
    terms = pd.read_parquet(data / "hpo_terms.parquet")
    known = {str(name).casefold() for name in terms["name"]}
    pool = [
        (str(synonym), row.id)
        for row in terms.itertuples()
        for synonym in row.synonyms
        if str(synonym).casefold() not in known
    ]
    misspelt = [
        (misspell(str(row.name_), draw), row.id) for row in terms.rename(columns={"name": "name_"}).itertuples()
    ]
    strangers = [(str(name), "") for name in pd.read_parquet(data / "icd10cm_codes.parquet")["description"]]
    bare = EntityLinker(graph, with_aliases=False)
    lines = [
        "| names to link to HPO | linked right | linked wrong | left to a chooser | not linked | p50 ms |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in (
        ("synonyms, table withheld", pool),
        ("one letter wrong", misspelt),
        ("ICD-10 names (control)", strangers),
    ):
        count = {"right": 0, "wrong": 0, "asked": 0, "none": 0}
        times = []
        for text, wanted in draw.sample(rows, 500):
            began = time.process_time()
            link = bare.link(text, "phenotype")
            times.append(1000 * (time.process_time() - began))
            if link.node is not None:
                count["right" if link.node.id == wanted else "wrong"] += 1
            else:
                count["asked" if link.status is LinkStatus.UNDECIDED else "none"] += 1
        cells = " | ".join(f"{count[key] / 5:.1f} %" for key in ("right", "wrong", "asked", "none"))
        lines.append(f"| {name} | {cells} | {np.median(times):.1f} |")
    return lines


def misspell(name: str, draw: random.Random) -> str:
    place = draw.randrange(len(name))
    return name[:place] + draw.choice("abcdefghijklmnopqrstuvwxyz") + name[place + 1 :]


if __name__ == "__main__":
    main()
