"""GRPO with the MedVLThinker reward on SmolLM2-135M: does a verifiable reward move a real language model here?

    python benchmarks/grpo_smollm2.py ../shared/data runs/grpo_smollm2

A few rows of SFT teach the format badly enough that something is left to gain; then come a few GRPO steps on other
MedMCQA training questions (class A). A model of this size knows no medicine: what can rise is the format, and with it
the reward; right answers given the format should stay near chance.
"""

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from cases.case import Case
from cases.loading import load_cases
from cases.settings import load_settings
from models.manifest import resolve
from training.choice_rows import balanced
from training.grpo import GRPOSettings, train_grpo
from training.sampling import prompt_of
from training.sft import LoraSettings, SFTSettings, train_sft
from training.weights import trainable_folder

BASE = "smollm2-135m-instruct"
ALL = LoraSettings(r=8, alpha=16)


def taught(case: Case) -> dict:
    """A think-answer row: the explanation's first sentence, at most 20 words, then the label."""
    assert case.gold is not None
    first = re.split(r"(?<=[.!?])\s", (case.gold.explanation or "").strip())[0]
    thought = " ".join(first.split()[:20])
    reply = f"<think>{thought}</think><answer>{case.gold.label}</answer>"
    return {"prompt": prompt_of(case, "reasoning"), "completion": [{"role": "assistant", "content": reply}]}


def main(
    data: Annotated[Path, typer.Argument(help="Folder with train/.")],
    out: Annotated[Path, typer.Argument(help="Where adapters and cards are written.")],
    warm_rows: int = 32,
    steps: int = 24,
) -> None:
    folder = trainable_folder(resolve(BASE, load_settings().models_dir))
    cases = load_cases(data / "train" / "medmcqa_train_gpt4_explained.jsonl").cases
    short = [case for case in cases if len(case.question) < 160 and case.gold and case.gold.explanation]
    placed = balanced(short[: warm_rows + 4 * steps], seed=7)
    out.mkdir(parents=True, exist_ok=True)
    rows = out / "warm.jsonl"
    rows.write_text("".join(json.dumps(taught(case)) + "\n" for case in placed[:warm_rows]), encoding="utf-8")
    sft = SFTSettings(lora=ALL, learning_rate=1e-3, epochs=2, batch=4, max_length=512)
    train_sft(folder, rows, out / "warm", sft, base=BASE, licence="MIT (MedMCQA)")
    grpo = GRPOSettings(
        steps=steps, generations=8, max_completion_tokens=56, learning_rate=1e-4, temperature=1.0, lora=ALL
    )
    card = train_grpo(
        folder, placed[warm_rows:], out / "grpo", grpo, start_from=out / "warm", base=BASE, licence="MIT (MedMCQA)"
    )
    third = max(1, len(card.loss_curve) // 3)
    for name, part in (("first third", card.loss_curve[:third]), ("last third", card.loss_curve[-third:])):
        means = {key: sum(step[key] for step in part) / len(part) for key in ("reward_mean", "format", "right")}
        print(name, {key: round(value, 3) for key, value in means.items()})


if __name__ == "__main__":
    typer.run(main)
