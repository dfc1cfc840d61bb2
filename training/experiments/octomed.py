"""OctoMed (Ossowski et al. 2025): the recipe's arithmetic, and why 16 right traces per question teach more than one.

The teacher is a mock that is right with a known probability. The student is a table over findings: a question shows
several findings that mean the same disease, a trace reasons from one of them, and a held-out question shows one. More
traces name more findings; the same trace copied 16 times (null control) names no more than one.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from cases.case import Case, Gold, Media
from training.policy import Decision, TablePolicy, imitate
from training.recipe import Manifest, RecipeSettings, TrainRow, run
from training.sampling import Said, Style

SAMPLES = 16
DISEASES = 6
FINDINGS_PER_DISEASE = 8
TEACHER_RIGHT = 0.4
SEEDS = 12
LABELS = "ABCD"


def reasoning_case(number: int) -> Case:
    options = {label: f"therapy {number}-{label}" for label in LABELS}
    words = " ".join(f"sign{number}x{i}" for i in range(20))
    gold = Gold(label=LABELS[number % 4])
    return Case(
        id=f"r{number}", question=f"{words} what now?", options=options, gold=gold, source="text", split="train"
    )


def image_case(number: int, right: str, folder: Path) -> Case:
    """A classification question about an image of its own."""
    from PIL import Image

    path = folder / f"{number}.png"
    noise = np.random.default_rng(number).integers(0, 255, (24, 24), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return Case(
        id=f"i{number}", question=f"Which class is shown in picture {number}?",
        options={"A": "benign", "B": "malignant"},
        media=(Media(uri=str(path), modality="US"),), gold=Gold(label=right), source="ultrasound", split="train",
    )  # fmt: skip


def mock_teacher(probability: dict[str, float], gold: dict[str, str], seed: int) -> Any:
    """Right with a known probability per case; otherwise a wrong label, or a reply that no strict parser reads."""

    async def teach(case: Case, style: Style, number: int) -> Said:
        rng = np.random.default_rng([seed, number, *case.id.encode()])
        right = rng.random() < probability[case.id]
        label = gold[case.id] if right else str(rng.choice([x for x in (case.options or {}) if x != gold[case.id]]))
        if style == "direct":
            return Said(text=label, tokens=1)
        if not right and rng.random() < 0.3:
            return Said(text=f"probably {label}", tokens=2)
        return Said(text=f"<think>trace {number}</think><answer>{label}</answer>", tokens=4)

    return teach


def run_recipe(seed: int, folder: Path) -> tuple[list[TrainRow], Manifest, dict[str, float]]:
    """The whole recipe over 60 reasoning and 30 image questions with a duplicate and a contaminated row planted."""
    rng = np.random.default_rng(seed)
    cases = [reasoning_case(n) for n in range(60)]
    cases += [image_case(n, "A" if n < 22 else "B", folder) for n in range(30)]
    benchmark = [reasoning_case(1000).model_copy(update={"id": "held", "split": "open"})]
    planted = [
        cases[0].model_copy(update={"id": "again"}),
        benchmark[0].model_copy(update={"id": "leak", "split": "train"}),
    ]
    probability = {
        case.id: float(p) for case, p in zip(cases, rng.choice([0.0, 0.2, 0.5, 0.9], len(cases)), strict=True)
    }
    gold = {case.id: str(case.gold.label) for case in cases if case.gold}
    rows, manifest = asyncio.run(
        run(
            [*cases, *planted],
            {"held": benchmark},
            mock_teacher(probability, gold, seed),
            "mock",
            folder / "samples.jsonl",
            RecipeSettings(samples=SAMPLES, seed=seed),
        )
    )
    return rows, manifest, probability


def binomial_distance(rows: list[TrainRow], probability: dict[str, float]) -> float:
    """Largest |z| of kept traces per probability class against Binomial(16, p); reasoning questions, no cap."""
    scores = []
    for p in (0.2, 0.5, 0.9):
        ids = [name for name, value in probability.items() if value == p and name.startswith("r")]
        kept = sum(row.case_id in ids for row in rows)
        n = SAMPLES * len(ids)
        scores.append(abs(kept - n * p) / np.sqrt(n * p * (1 - p)))
    return float(max(scores))


def student_accuracy(traces_per_question: int, seed: int, *, is_copied: bool = False) -> float:
    """Held-out accuracy (probability of the right disease) after SFT on the kept traces of 12 questions."""
    rng = np.random.default_rng(seed)
    size = DISEASES * FINDINGS_PER_DISEASE
    policy = TablePolicy(size * DISEASES)

    def cells(finding: int) -> tuple[tuple[int, ...], ...]:
        return tuple((finding * DISEASES + disease,) for disease in range(DISEASES))

    traces = []
    for question in range(2 * DISEASES):
        disease = question % DISEASES
        right = rng.random(traces_per_question) < TEACHER_RIGHT
        named = rng.integers(0, FINDINGS_PER_DISEASE, traces_per_question)
        if is_copied:
            right[:], named[:] = right[0], named[0]
        for finding in named[right]:
            traces.append((Decision(cells(disease * FINDINGS_PER_DISEASE + int(finding)), disease),))
    if traces:
        imitate(policy, traces, learning_rate=40.0, epochs=40)
    held_out = [(d, d * FINDINGS_PER_DISEASE + f) for d in range(DISEASES) for f in range(FINDINGS_PER_DISEASE)]
    return float(np.mean([policy.probabilities(cells(finding))[disease] for disease, finding in held_out]))


def check(seeds: int = SEEDS) -> dict[str, Any]:
    """(a) binomial rejection, (b) K = 1 against 16, (c) balance, (d) task-matched format, (f) the manifest adds up."""
    with tempfile.TemporaryDirectory() as folder:
        rows, manifest, probability = run_recipe(7, Path(folder))
    gold_right = all(row.completion.endswith("</answer>") or row.style == "direct" for row in rows)
    labels = [row.label for row in rows if row.style == "direct"]
    never = sum(p == 0 for p in probability.values())
    arms = {
        "k1": [student_accuracy(1, seed) for seed in range(seeds)],
        "k16": [student_accuracy(SAMPLES, seed) for seed in range(seeds)],
        "k16_one_trace_copied": [student_accuracy(SAMPLES, seed, is_copied=True) for seed in range(seeds)],
    }
    gain = np.array(arms["k16"]) - np.array(arms["k1"])
    half = 2.2 * gain.std(ddof=1) / np.sqrt(seeds)
    measured: dict[str, Any] = {
        "kept_traces": len(rows),
        "binomial_max_z": round(binomial_distance(rows, probability), 2),
        "questions_never_right": manifest.questions_without_right,
        "questions_with_p_0": never,
        "class_counts": {label: labels.count(label) for label in sorted(set(labels))},
        "direct_rows_with_think": sum("<think>" in row.completion for row in rows if row.style == "direct"),
        "removed_by_benchmark": manifest.overlap.by_benchmark,
        "duplicates": manifest.duplicates,
        "chance": round(1 / DISEASES, 3),
        "accuracy": {name: round(float(np.mean(values)), 3) for name, values in arms.items()},
        "k16_minus_k1": [round(float(gain.mean() - half), 3), round(float(gain.mean() + half), 3)],
    }
    counts = list(measured["class_counts"].values())
    passed = (
        gold_right
        and measured["binomial_max_z"] < 3.5
        and manifest.questions_without_right >= never > 0
        and max(counts) - min(counts) <= 1
        and measured["direct_rows_with_think"] == 0
        and measured["removed_by_benchmark"] == {"held": 1}
        and measured["duplicates"] == 1
        and measured["k16_minus_k1"][0] > 0
        and measured["accuracy"]["k16_one_trace_copied"] < measured["accuracy"]["k16"] - 0.1
    )
    return {
        "passed": bool(passed),
        "measured": measured,
        "scale": "mock teacher, 90 questions x 16; table student, 12 seeds",
    }
