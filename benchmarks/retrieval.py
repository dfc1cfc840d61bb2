"""Ranking quality of words, meaning and both on a BEIR folder: nDCG@10, recall@10, recall@100, MRR, differences.

    python benchmarks/retrieval.py                                # ../shared/data/retrieval/bioasq_pubmedqa
    python benchmarks/retrieval.py --data FOLDER --out FILE.md    # any folder with corpus, queries and qrels

Intervals are 95 % percentile bootstrap over queries; a difference is paired by query. The control row ranks the same
lists with the passages' identities shuffled: it must fall to chance.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # before this folder: this file has a room's name

from cases.settings import load_settings
from evaluation.metrics import ndcg, recall, reciprocal_rank
from evaluation.statistics import bootstrap_mean, paired_bootstrap
from knowledge.corpora import read_passages
from retrieval.encoders import open_encoder
from retrieval.search import Searcher, build_index

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "retrieval" / "bioasq_pubmedqa"
SYSTEMS: dict[str, dict[str, float]] = {
    "BM25": {"dense": 0.0, "lexical": 1.0},
    "dense": {"dense": 1.0, "lexical": 0.0},
    "hybrid": {"dense": 1.0, "lexical": 1.0},
}
Metric = Callable[[Sequence[str], Mapping[str, float]], float]
METRICS: dict[str, Metric] = {
    "nDCG@10": lambda ranking, relevant: ndcg(ranking, relevant, 10),
    "recall@10": lambda ranking, relevant: recall(ranking, relevant, 10),
    "recall@100": lambda ranking, relevant: recall(ranking, relevant, 100),
    "MRR": lambda ranking, relevant: reciprocal_rank(ranking, relevant),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="a BEIR folder")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "retrieval.md")
    parser.add_argument("--encoder", default="all-minilm-l6-v2", help="folder below the models' folder, path or hub id")
    parser.add_argument("--index", type=Path, help="keep the index here (an unchanged one is not embedded again)")
    parser.add_argument("--limit", type=int, help="only the first queries")
    arguments = parser.parse_args()
    models_dir = load_settings().models_dir

    relevant = read_qrels(arguments.data / "qrels.tsv")
    queries = [row for row in read_jsonl(arguments.data / "queries.jsonl") if row["_id"] in relevant][: arguments.limit]
    with tempfile.TemporaryDirectory() as folder:
        index_dir = arguments.index or Path(folder) / "index"
        encoder = open_encoder(models_dir, arguments.encoder)
        began = time.perf_counter()
        manifest = build_index(read_passages(arguments.data), index_dir, models_dir, encoder=encoder, progress=show)
        build_s = time.perf_counter() - began
        searcher = Searcher.open(index_dir, models_dir, encoder=encoder)
        began = time.perf_counter()
        runs = {name: [rank(searcher, row["text"], weights) for row in queries] for name, weights in SYSTEMS.items()}
        search_ms = (time.perf_counter() - began) * 1000 / (len(queries) * len(SYSTEMS))
        runs["hybrid, shuffled"] = shuffled(runs["hybrid"], [str(name) for name in searcher.store.ids], seed=20260612)
        text = report(arguments.data.name, queries, relevant, runs)
        text += (
            f"\nCorpus {manifest.count} passages, {len(queries)} queries; index {manifest.bytes / 1e6:.1f} MB, "
            f"built in {build_s:.0f} s; {search_ms:.0f} ms per query with the query's embedding.\n"
            f"\nCommand: `python benchmarks/retrieval.py`; encoder {encoder.name}@{encoder.revision}; {machine()}\n"
        )
    print(text)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")


def rank(searcher: Searcher, query: str, weights: dict[str, float]) -> list[str]:
    """Ids of the best 100 passages under those weights."""
    settings = searcher.settings.model_copy(update={"weights": weights})
    one = Searcher(searcher.store, searcher.dense, searcher.lexical, searcher.encoder, searcher.manifest, settings)
    ranked, _ = one.ranking(query, depth=100)
    return [searcher.store.ids[number] for number, score in ranked if score > 0][:100]


def shuffled(rankings: list[list[str]], ids: list[str], seed: int) -> list[list[str]]:
    """The same rankings after a random permutation of which passage is which."""
    others = ids.copy()
    random.Random(seed).shuffle(others)
    renamed = dict(zip(ids, others, strict=True))
    return [[renamed[name] for name in ranking] for ranking in rankings]


def report(
    name: str, queries: list[dict], relevant: Mapping[str, Mapping[str, float]], runs: Mapping[str, list[list[str]]]
) -> str:
    scores = {
        system: {
            metric: [measure(ranking, relevant[row["_id"]]) for row, ranking in zip(queries, rankings, strict=True)]
            for metric, measure in METRICS.items()
        }
        for system, rankings in runs.items()
    }
    lines = [
        f"# Retrieval on {name}",
        "",
        "| system | " + " | ".join(METRICS) + " |",
        "|---" * (len(METRICS) + 1) + "|",
    ]
    for system, values in scores.items():
        cells = [interval(bootstrap_mean(values[metric], seed=1)) for metric in METRICS]
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    lines += ["", "Paired difference by query (95 % interval):", ""]
    lines += ["| difference | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for other in ("BM25", "dense"):
        cells = [
            interval(paired_bootstrap(scores["hybrid"][metric], scores[other][metric], seed=1).difference, signed=True)
            for metric in METRICS
        ]
        lines.append(f"| hybrid - {other} | " + " | ".join(cells) + " |")
    kinds = sorted({row.get("type", "all") for row in queries})
    if len(kinds) > 1:
        lines += ["", "nDCG@10 by kind of query:", "", "| kind | n | " + " | ".join(SYSTEMS) + " |"]
        lines.append("|---" * (len(SYSTEMS) + 2) + "|")
        for kind in kinds:
            chosen = [number for number, row in enumerate(queries) if row.get("type") == kind]
            means = [sum(scores[system]["nDCG@10"][n] for n in chosen) / len(chosen) for system in SYSTEMS]
            lines.append(f"| {kind} | {len(chosen)} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    return "\n".join(lines) + "\n"


def interval(value: object, *, signed: bool = False) -> str:
    form = "+.3f" if signed else ".3f"
    mean, low, high = (getattr(value, name) for name in ("value", "low", "high"))
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_qrels(path: Path) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if float(score) > 0:
            found[query][document] = float(score)
    return dict(found)


def machine() -> str:
    packages = ("faiss-cpu", "bm25s", "sentence-transformers", "torch")
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[1]:.1f}, "
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages)
    )


def show(done: int, total: int, what: str) -> None:
    if done == total or done % 1024 == 0:
        print(f"{done}/{total} {what}", flush=True)


if __name__ == "__main__":
    main()
