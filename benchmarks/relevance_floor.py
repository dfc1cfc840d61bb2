"""Where to set the floor of relevance: what is shown to examination questions over the guidelines, and is it on topic.

    python benchmarks/relevance_floor.py                 # 270 questions of ../shared/data/text_mcq, the default index
    python benchmarks/relevance_floor.py --questions 5   # so many of each set

A passage counts as on topic when a topic that its guideline's register names (not a generic one) stands in the
question, its options or its explanation. That is a weak label: it misses a guideline on what the question describes
without naming. The control row pairs each question with the passages that were found for another one.
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cases.settings import load_settings
from knowledge.specialties import fold
from retrieval.default_index import ensure_default_index
from retrieval.lexical import tokens
from retrieval.relevance import Floors
from retrieval.search import Searcher

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "text_mcq"
SETS = {"mmlu_med": 30, "medmcqa_val": 50, "careqa": 40, "medqa_us_test": 90, "medbullets": 40, "mmlu_pro_health": 20}
NEAREST = 6
GENERIC = {
    "antibiotic", "hospital admission", "icu admission", "management", "kidney function", "oxygen", "fever",
    "screening", "statin", "insulin", "diabetes", "hypertension", "warfarin", "pain", "surgery", "pregnancy",
    "imaging", "cancer", "infection", "diagnosis", "treatment", "monitoring",
}  # fmt: skip


class Found(NamedTuple):
    """One passage that was near a question: its cosine, share of the question's rarity, and whether it is on topic."""

    cosine: float
    covered: float
    is_on_topic: bool
    is_control_on_topic: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, help="of each set, instead of the usual numbers")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "relevance_floor.md")
    arguments = parser.parse_args()
    settings = load_settings()
    searcher = ensure_default_index(settings)
    rows = questions(arguments.questions)
    register = json.loads((settings.models_dir / "open-medicine" / "registry.json").read_text(encoding="utf-8"))
    topics = {entry["id"]: topics_of(entry) for entry in register}
    found = measure(searcher, rows, topics)
    text = page(found)
    print(text)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")


def questions(each: int | None) -> list[dict]:
    rng = random.Random(9)
    chosen = []
    for name, count in SETS.items():
        lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        chosen += [json.loads(line) for line in rng.sample(lines, each or count)]
    return chosen


def topics_of(entry: dict) -> list[re.Pattern[str]]:
    names = [fold(topic) for topic in entry["topics"]]
    return [re.compile(rf"(?<!\w){re.escape(n)}s?(?!\w)") for n in names if n not in GENERIC and len(n) > 2]


def measure(searcher: Searcher, rows: list[dict], topics: dict[str, list[re.Pattern[str]]]) -> list[list[Found]]:
    """The nearest passages of each question."""
    texts = [" ".join(" ".join(filter(None, [r.get("context"), r["question"]])).split()[:300]) for r in rows]
    whole = [
        fold(f"{text} {'; '.join((row.get('options') or {}).values())} {row.get('explanation') or ''}")
        for text, row in zip(texts, rows, strict=True)
    ]
    found = []
    for number, text in enumerate(texts):
        _, scores = searcher.ranking(text)
        nearest = sorted((n for n in scores if "dense" in scores[n]), key=lambda n: -scores[n]["dense"])[:NEAREST]
        words = {word: searcher.lexical.rarity(word) for word in set(searcher._words(text))}
        passages = searcher.store.get(nearest)
        row = []
        for name, passage in zip(nearest, passages, strict=True):
            own = set(tokens(f"{passage.title} {passage.section} {passage.text}"))
            covered = sum(rarity for word, rarity in words.items() if word in own) / max(sum(words.values()), 1e-9)
            patterns = topics.get(passage.id.split(":")[0], [])
            on_topic, control = (
                any(pattern.search(whole[(number + shift) % len(whole)]) for pattern in patterns) for shift in (0, 7)
            )
            row.append(Found(scores[name]["dense"], covered, on_topic, control))
        found.append(row)
    return found


def page(found: list[list[Found]]) -> str:
    floors = Floors()
    rules: dict[str, Callable[[Found], bool]] = {
        f"cosine >= {at:.2f}": (lambda one, at=at: one.cosine >= at) for at in (0.38, 0.42, 0.46, 0.50, 0.54, 0.58)
    }
    rules["the floors in force"] = lambda one: floors.admits(
        cosine=one.cosine, covered=one.covered, matched=0.0, count=1
    )
    lines = [
        "# Floor of relevance",
        "",
        "| shown if | passages shown | on topic | another question's | questions that are shown something |",
        "|---|---|---|---|---|",
    ]
    for name, admits in rules.items():
        shown = [one for row in found for one in row if admits(one)]
        cells = [sum(one.is_on_topic for one in shown), sum(one.is_control_on_topic for one in shown)]
        shares = [f"{cell / len(shown):.2f}" if shown else "-" for cell in cells]
        asked = sum(any(admits(one) for one in row) for row in found)
        lines.append(f"| {name} | {len(shown)} | {shares[0]} | {shares[1]} | {asked} of {len(found)} |")
    command = " ".join(["python benchmarks/relevance_floor.py", *sys.argv[1:]])
    return "\n".join(
        [*lines, "", f"The {NEAREST} nearest guideline passages of each question. Command: `{command}`", ""]
    )


if __name__ == "__main__":
    main()
