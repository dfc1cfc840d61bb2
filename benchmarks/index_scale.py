"""What an index costs as it grows: build time, memory, latency, agreement with exact search, and our own overhead.

    python benchmarks/index_scale.py --sizes 10000 30000 100000      # a look
    python benchmarks/index_scale.py --sizes 10000 100000 1000000 --out benchmarks/results/index_scale.md

N vectors of 384 dimensions near random topics, and N passages of words drawn from a Zipf law with the vocabulary
growing by Heaps' law, as in PubMed. Each size is built in one process and searched in a fresh one, whose peak resident
memory is the index's (what is memory-mapped counts as far as it was touched). Latency is that of fused search without
the query's embedding, on one thread, after 20 queries to warm up. `ratio` is our median processor time over that of
the raw faiss and bm25s calls with the same breadth (processor time, so that a busy machine does not decide);
`recall@10` is against exact search over all vectors.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from cases.evidence import Passage
from retrieval.build import build_index
from retrieval.dense import DenseIndex, DenseKind
from retrieval.queries import Query
from retrieval.search import Searcher

ROOT = Path(__file__).resolve().parents[1]
DIM, QUERIES, WORDS, QUERY_WORDS, DEPTH = 384, 200, 60, 8, 100
SYLLABLES = [c + v for c in "bcdfghklmnprstvz" for v in "aeiou"]


class TopicEncoder:
    """Stands for a real encoder at no cost: a text `n` has the n-th vector, near one of N/50 topics."""

    name, revision, dim = "topics", "1", DIM

    def __init__(self, count: int):
        rng = np.random.default_rng(1)
        self._topics = rng.standard_normal((max(1, count // 50), DIM)).astype(np.float32)
        self._basis = rng.standard_normal((96, DIM)).astype(np.float32)

    def encode(self, texts: list[str], *, is_query: bool = False) -> np.ndarray:
        return self.vectors([int(text.rpartition("#")[2]) for text in texts])

    def vectors(self, numbers: list[int]) -> np.ndarray:
        """A topic's direction and a mixture of 96 shared ones, since embeddings of text are of low rank."""
        rng = np.random.default_rng(numbers[0] + 10_000_019)
        chosen = self._topics[rng.integers(0, len(self._topics), len(numbers))]
        made = 0.55 * chosen + 0.0765 * rng.standard_normal((len(numbers), 96)).astype(np.float32) @ self._basis
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000])
    parser.add_argument("--kind", choices=[kind.value for kind in DenseKind], help="instead of the one for the size")
    parser.add_argument("--folder", type=Path, help="where indexes are built (default: a temporary folder)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "index_scale.md")
    parser.add_argument("--step", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        what, folder = arguments.step[0], Path(arguments.step[1])
        run = {"build": lambda: build(folder, arguments.sizes[0], arguments.kind), "search": lambda: search(folder)}
        print(json.dumps(run[what]()))
        return
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for size in arguments.sizes:
            target = Path(folder) / str(size)
            kind = ["--kind", arguments.kind] if arguments.kind else []
            row = {"size": size}
            for what in ("build", "search"):
                command = [sys.executable, __file__, "--sizes", str(size), *kind, "--step", what, str(target)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                row |= json.loads(done.stdout.splitlines()[-1])
            rows.append(row)
            print(row, flush=True)
    text = page(rows)
    print(text)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")


def build(folder: Path, size: int, kind: str | None) -> dict[str, object]:
    began = time.perf_counter()
    manifest = build_index(
        passages(size), folder, folder, encoder=TopicEncoder(size), kind=DenseKind(kind) if kind else None,
        batch_size=8192,
    )  # fmt: skip
    return {
        "kind": manifest.dense, "build_s": time.perf_counter() - began, "build_rss_mb": peak_mb(),
        "disk_mb": manifest.bytes / 1e6,
    }  # fmt: skip


def search(folder: Path) -> dict[str, float]:
    """Latencies in ms of our search and of the raw calls, and recall@10 of the vectors."""
    import faiss

    faiss.omp_set_num_threads(1)
    before = peak_mb()
    count = json.loads((folder / "manifest.json").read_text())["count"]
    encoder = TopicEncoder(count)
    began = time.perf_counter()
    searcher = Searcher.open(folder, folder, encoder=encoder, is_thorough=False)
    open_s = time.perf_counter() - began
    rng = np.random.default_rng(3)
    words = [" ".join(word(n) for n in ranks(rng, QUERY_WORDS, count)) for _ in range(QUERIES)]
    vectors = np.concatenate([encoder.vectors([count + n]) for n in range(QUERIES)])

    class Fixed:
        """Gives the query's vector without work."""

        name, revision, dim = encoder.name, encoder.revision, encoder.dim

        def encode(self, texts: list[str], *, is_query: bool = False) -> np.ndarray:
            return vectors[[int(text) for text in texts]]

    searcher.encoder = Fixed()  # type: ignore[assignment]
    assert searcher.dense is not None
    dense, engine = searcher.dense, searcher.lexical._engine
    ours, raw = Clock(), Clock()
    for number, text in enumerate(words):
        with ours:
            searcher.ranking(Query(text, (str(number),)), depth=DEPTH)
        with raw:
            dense._index.search(vectors[number : number + 1], DEPTH, params=dense._parameters(None, DEPTH))
            scores = engine.get_scores([w for w in text.split() if searcher.lexical.knows(w)])
            np.argpartition(-scores, DEPTH)[:DEPTH]
    search_rss_mb = peak_mb()
    exact = DenseIndex(dense._index, dense.rows, kind=dense.kind, exact=dense._exact).vectors()
    recalled = [
        len(set(dense.search(query, 10)[0][0].tolist()) & set(np.argpartition(-(exact @ query), 10)[:10].tolist())) / 10
        for query in vectors[:100]
    ]
    return {
        "open_s": open_s, "search_rss_mb": search_rss_mb, "bare_rss_mb": before,
        "p50_ms": float(np.median(ours.wall_ms[20:])), "p95_ms": float(np.quantile(ours.wall_ms[20:], 0.95)),
        "cpu_ms": float(np.median(ours.cpu_ms[20:])), "raw_cpu_ms": float(np.median(raw.cpu_ms[20:])),
        "ratio": float(np.median(ours.cpu_ms[20:]) / np.median(raw.cpu_ms[20:])), "recall@10": float(np.mean(recalled)),
    }  # fmt: skip


class Clock:
    """Wall and processor milliseconds of each `with`."""

    def __init__(self) -> None:
        self.wall_ms: list[float] = []
        self.cpu_ms: list[float] = []

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall_ms.append((time.perf_counter() - self._began[0]) * 1000)
        self.cpu_ms.append((time.process_time() - self._began[1]) * 1000)


def passages(size: int) -> Iterator[Passage]:
    rng = np.random.default_rng(2)
    for number in range(size):
        text = " ".join(word(rank) for rank in ranks(rng, WORDS, size))
        yield Passage(id=str(number), title="", text=f"{text} #{number}")


def ranks(rng: np.random.Generator, count: int, size: int) -> list[int]:
    """Zipf ranks (exponent 1.05) below a vocabulary of 40 (60 N)^0.55 words (Heaps)."""
    vocabulary = int(40 * (WORDS * size) ** 0.55)
    uniform = rng.random(count)
    top = vocabulary**-0.05
    return (((1 - uniform * (1 - top)) ** (-1 / 0.05)).astype(np.int64) - 1).clip(0, vocabulary - 1).tolist()


def word(rank: int) -> str:
    """The rank in syllables: a word of its own for each."""
    parts = []
    rank += len(SYLLABLES) ** 2
    while rank:
        rank, syllable = divmod(rank, len(SYLLABLES))
        parts.append(SYLLABLES[syllable])
    return "".join(parts)


def page(rows: list[dict]) -> str:
    columns = {
        "size": "passages", "kind": "kind", "build_s": "build s", "build_rss_mb": "build RSS MB", "disk_mb": "disk MB",
        "open_s": "open s", "search_rss_mb": "search RSS MB", "p50_ms": "p50 ms", "p95_ms": "p95 ms",
        "cpu_ms": "CPU ms", "raw_cpu_ms": "raw CPU ms", "ratio": "ratio", "recall@10": "recall@10",
    }  # fmt: skip
    lines = ["# Index at scale", "", "| " + " | ".join(columns.values()) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = [f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name]) for name in columns]
        lines.append("| " + " | ".join(cells) + " |")
    if len(rows) > 1:
        sizes = np.log([row["size"] for row in rows])
        growth = {
            columns[name]: np.polyfit(sizes, np.log([row[name] for row in rows]), 1)[0]
            for name in ("build_s", "search_rss_mb", "p50_ms", "disk_mb")
        }
        fitted = ", ".join(f"{name} ~ N^{slope:.2f}" for name, slope in growth.items())
        lines += ["", f"Growth fitted over these sizes: {fitted}."]
    lines += [
        "",
        f"A Python process with the libraries loaded and no index has {rows[0]['bare_rss_mb']:.0f} MB.",
        "",
        f"Command: `python benchmarks/index_scale.py {' '.join(sys.argv[1:])}`; {os.cpu_count()} cores "
        f"({platform.machine()}), load {os.getloadavg()[1]:.1f}, Python {platform.python_version()}, faiss-cpu "
        f"{version('faiss-cpu')}, bm25s {version('bm25s')}",
        "",
    ]
    return "\n".join(lines)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
