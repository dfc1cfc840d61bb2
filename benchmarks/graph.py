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

from cases.settings import load_settings
from knowledge.graph import KnowledgeGraph
from knowledge.graph_files import read_graph
from knowledge.graph_paths import distance, sample_paths, shortest_paths, simple_paths
from knowledge.linking import EntityLinker, LinkStatus
from knowledge.shattering import shatter
from retrieval.encoders import open_encoder

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "knowledge"
SEED = 20260612


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "graph.md")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--encoder", help="also link by meaning: a folder below the models' folder, a path or hub id")
    arguments = parser.parse_args()
    text = report(arguments.data, arguments.queries, arguments.encoder)
    print(text)
    arguments.out.write_text(text, encoding="utf-8")


def report(data: Path, queries: int, encoder: str | None = None) -> str:
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
    command = "python benchmarks/graph.py" + (f" --encoder {encoder}" if encoder else "")
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
            *linking(data, everything, encoder),
            "",
            f"Command: `{command}`; {os.cpu_count()} cores, Python {platform.python_version()}, "
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


def linking(data: Path, graph: KnowledgeGraph, encoder: str | None) -> list[str]:
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
    linkers = {"": EntityLinker(graph, with_aliases=False)}
    if encoder is not None:
        meaning = open_encoder(load_settings().models_dir, encoder)
        linkers[f", {meaning.name} as well"] = EntityLinker(graph, with_aliases=False, encode=meaning.encode)
    lines = [
        "| names to link to HPO | right | wrong | left to a chooser (right one offered) | not linked | ms |",
        "|---|---|---|---|---|---|",
    ]
    sets = {
        "synonyms, table withheld": pool,
        "one letter wrong": misspelt,
        "ICD-10 names (control: any link counts as wrong)": strangers,
    }
    drawn = {name: draw.sample(rows, 500) for name, rows in sets.items()}
    for how, linker in linkers.items():
        linker.link("a first name loads what links", "phenotype")
        lines += [link_row(f"{name}{how}", linker, rows) for name, rows in drawn.items()]
    return lines


def link_row(name: str, linker: EntityLinker, rows: list[tuple[str, str]]) -> str:
    count = {"right": 0, "wrong": 0, "asked": 0, "offered": 0, "none": 0}
    times = []
    for text, wanted in rows:
        began = time.process_time()
        link = linker.link(text, "phenotype")
        times.append(1000 * (time.process_time() - began))
        if link.node is not None:
            count["right" if link.node.id == wanted else "wrong"] += 1
        elif link.status is LinkStatus.UNDECIDED:
            count["asked"] += 1
            count["offered"] += any(node.id == wanted for node, _ in link.candidates)
        else:
            count["none"] += 1
    share = {key: f"{100 * value / len(rows):.1f} %" for key, value in count.items()}
    return (
        f"| {name} | {share['right']} | {share['wrong']} | {share['asked']} ({share['offered']}) | {share['none']} "
        f"| {np.median(times):.1f} |"
    )


def misspell(name: str, draw: random.Random) -> str:
    place = draw.randrange(len(name))
    return name[:place] + draw.choice("abcdefghijklmnopqrstuvwxyz") + name[place + 1 :]


if __name__ == "__main__":
    main()
