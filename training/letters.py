"""The shipped choice adapter, from rows to weights: `python -m training.letters DATA OUT`.

DATA is a folder of uniform records (`train/*.jsonl`, `text_mcq/*.jsonl`). Training rows of licence class A are cleaned
of every evaluation set, asked in the product's own words with the right option at each position equally often, and a
LoRA on the last layers of the embedded language model learns the one label to reply. One CPU: about 35 minutes.
"""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cases.case import Case
from cases.loading import load_cases
from training.choice_rows import direct_row, direct_rows
from training.decontaminate import OverlapReport, decontaminate
from training.recipe import dedupe

BASE = "qwen2.5-coder-1.5b-instruct"
SOURCES = {
    "medqa_train_4opt": "MIT (MedQA)",
    "medqa_dev_mediq": "CC BY 4.0 (MedQA dev by MediQ)",
    "medmcqa_train_gpt4_explained": "MIT (MedMCQA)",
}
"""Training files of class A and their terms; explanations are not used, only question, options and label."""
FLAG = "near_duplicate_of_open_eval"
HELD_OUT_PER_FAMILY = 80
SEED = 20


def collect(data: Path) -> tuple[list[Case], OverlapReport, int]:
    """(clean cases, overlap report, rows left out because the catalogue flags them as near an evaluation row)."""
    cases = [case for name in SOURCES for case in load_cases(data / "train" / f"{name}.jsonl").cases]
    unflagged = [case for case in cases if not case.meta.get(FLAG)]
    unique, _ = dedupe(unflagged)
    benchmarks = {path.stem: load_cases(path).cases for path in sorted((data / "text_mcq").glob("*.jsonl"))}
    clean, report = decontaminate(unique, benchmarks)
    return clean, report, len(cases) - len(unflagged)


def divide(
    cases: Sequence[Case], tokens_of: Callable[[Case], int], rows: dict[str, int], longest: dict[str, int]
) -> tuple[list[Case], list[Case]]:
    """(training cases, held-out cases): per family a seeded draw; long vignettes cost too much on a CPU."""
    families: dict[str, list[Case]] = {"medmcqa": [], "medqa": []}
    for case in cases:
        families["medmcqa" if "medmcqa" in case.id else "medqa"].append(case)
    rng = random.Random(SEED)
    train, held = [], []
    for name, members in families.items():
        rng.shuffle(members)
        held += members[:HELD_OUT_PER_FAMILY]
        short = (case for case in members[HELD_OUT_PER_FAMILY:] if tokens_of(case) <= longest[name])
        train += [case for case, _ in zip(short, range(rows[name]), strict=False)]
    return train, held


def main(
    data: Annotated[Path, typer.Argument(help="Folder with train/ and text_mcq/.")],
    out: Annotated[Path, typer.Argument(help="Where rows, adapter and card are written.")],
    minutes: Annotated[float, typer.Option(help="Stop training after so many minutes.")] = 36.0,
    medmcqa: Annotated[int, typer.Option(help="MedMCQA rows.")] = 120,
    medqa: Annotated[int, typer.Option(help="MedQA rows.")] = 64,
) -> None:
    """Prepare the rows, train, convert to GGUF and write the card."""
    from cases.settings import load_settings
    from models.manifest import resolve
    from training.adapters import ship, write_gguf_adapter
    from training.sft import LoraSettings, SFTSettings, train_sft
    from training.weights import trainable_folder

    entry = resolve(BASE, load_settings().models_dir)
    folder = trainable_folder(entry)
    cases, overlap, flagged = collect(data)
    train, held = divide(
        cases, _token_counter(folder), {"medmcqa": medmcqa, "medqa": medqa}, {"medmcqa": 140, "medqa": 210}
    )
    out.mkdir(parents=True, exist_ok=True)
    _write_jsonl(out / "train.jsonl", direct_rows(train, SEED))
    _write_jsonl(out / "held_out.jsonl", [case.model_dump(mode="json") for case in held])
    settings = SFTSettings(
        lora=LoraSettings(r=8, alpha=16, last_layers=8), learning_rate=1e-4, batch=4, max_minutes=minutes
    )
    train_sft(
        folder, out / "train.jsonl", out / "peft", settings, base=BASE, licence="; ".join(SOURCES.values()),
        notes=provenance(overlap, flagged),
    )  # fmt: skip
    shipped = out / "shipped"
    shipped.mkdir(exist_ok=True)
    write_gguf_adapter(out / "peft", entry / "model.gguf", shipped / "adapter.gguf")
    for name in ("card.md", "card.json"):
        (shipped / name).write_bytes((out / "peft" / name).read_bytes())
    ship(
        "choice-letters", BASE, shipped, licence="Apache-2.0; rows of class A", is_research_only=True,
        description="LoRA for the embedded 1.5B: answers a choice question with the label alone.",
    )  # fmt: skip


def provenance(overlap: OverlapReport, flagged: int) -> dict[str, Any]:
    """What the card says of the rows."""
    return {
        "sources": SOURCES,
        "licence class": "A only (explicit open licences)",
        "rows left out as flagged near-duplicates of evaluation rows": flagged,
        "rows removed by overlap, per benchmark": overlap.by_benchmark,
        "reply": "the label alone, in the product's own prompt; options shuffled, each position right equally often",
    }


def _token_counter(folder: Path) -> Callable[[Case], int]:
    from models.torchvision_guard import install

    install()
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    def count(case: Case) -> int:
        return len(tokenizer.apply_chat_template(direct_row(case)["prompt"], add_generation_prompt=True)["input_ids"])

    return count


def _write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
