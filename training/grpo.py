"""GRPO of a language model on answered cases, with a verifiable reward, by trl and a LoRA.

    card = train_grpo(folder, cases, Path("runs/grpo"), GRPOSettings(reward="medvlthinker", steps=20))

The same call runs on a CPU (a tiny model, a few steps) and on GPUs (`use_vllm` for the rollouts). The cases should come
from `training.curriculum.band`: prompts that the model always or never solves carry no gradient.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cases.case import Case, Record
from cases.errors import TrainingError
from training.card import TrainingCard, data_fingerprint, write_card
from training.rewards import preset, right_answer, think_answer_format
from training.sampling import prompt_of
from training.sft import LoraSettings, lora_config


class GRPOSettings(Record):
    """Defaults are MedVLThinker's (2025) where it says something, trl's elsewhere."""

    reward: str = "medvlthinker"
    steps: int = Field(default=20, ge=1, description="Optimiser steps.")
    generations: int = Field(default=8, ge=2, description="Completions per prompt.")
    prompts_per_step: int = Field(default=1, ge=1)
    learning_rate: float = Field(
        default=1e-5, gt=0, description="Full training takes 1e-6; a LoRA about ten times that."
    )
    max_completion_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    kl: float = Field(default=0.0, ge=0, description="MedVLThinker: 0.01, as a loss against the start.")
    clip_low: float = Field(default=0.2, gt=0)
    clip_high: float = Field(default=0.2, gt=0)
    scale_rewards: Literal["group", "none"] = "group"
    entropy_bonus: float = Field(default=0.0, ge=0, description="By stage in MMedAgent-RL: easy 0, hard largest.")
    lora: LoraSettings = LoraSettings()
    use_vllm: bool = False
    seed: int = 42
    device: Literal["auto", "cpu"] = "auto"


def reward_function(name: str) -> Callable[..., list[float]]:
    """The reward preset in the form trl calls: completions (chats or strings) and a `case` column of case JSON."""
    reward = preset(name)

    def score(completions: Sequence[Any], case: Sequence[str], **columns: Any) -> list[float]:
        del columns
        return [
            reward.score(Case.model_validate_json(text), _text(completion)).total
            for completion, text in zip(completions, case, strict=True)
        ]

    score.__name__ = name
    return score


def _watch(name: str, measure: Callable[[Case, str], float]) -> Callable[..., list[float]]:
    def score(completions: Sequence[Any], case: Sequence[str], **columns: Any) -> list[float]:
        del columns
        return [measure(Case.model_validate_json(t), _text(c)) for c, t in zip(completions, case, strict=True)]

    score.__name__ = name
    return score


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else "".join(message["content"] for message in completion)


def grpo_rows(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """{"prompt": the reasoning prompt, "case": JSON with the gold answer}; the policy is shown the prompt alone.

    Raises TrainingError for a case without a gold answer, or from an evaluation split.
    """
    rows = []
    for case in cases:
        if case.gold is None:
            raise TrainingError("no gold answer to reward", where=case.id)
        if case.split.casefold() not in ("train", "dev", ""):
            raise TrainingError(f"split {case.split} is for evaluation", where=case.id, remedy="train on other cases")
        rows.append({"prompt": prompt_of(case, "reasoning"), "case": case.model_dump_json()})
    return rows


def train_grpo(
    model_dir: Path | str,
    cases: Sequence[Case],
    out: Path,
    settings: GRPOSettings = GRPOSettings(),
    *,
    start_from: Path | None = None,
    base: str = "",
    licence: str = "",
    notes: dict[str, Any] | None = None,
) -> TrainingCard:
    """Train a LoRA into `out` by group-relative policy optimisation; returns its card with reward curves.

    `start_from` is a PEFT adapter that is merged into the base first (a warm start that knows the format). The card's
    curve has per step: mean reward, share of right answers, share in the right format, spread within groups.
    """
    from models.torchvision_guard import install

    install()
    from datasets import Dataset
    from peft import PeftModel
    from trl import GRPOTrainer

    from training.weights import load_for_training

    rows = grpo_rows(cases)
    if not rows:
        raise TrainingError("no cases to train on", where=str(out), remedy="widen the band of the curriculum")
    out.mkdir(parents=True, exist_ok=True)
    data_path = out / "cases.jsonl"
    data_path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    model, tokenizer = load_for_training(model_dir, "cpu" if settings.device == "cpu" else None)
    if start_from is not None:
        model = PeftModel.from_pretrained(model, str(start_from)).merge_and_unload()  # type: ignore[operator]
    rewards: list[Any] = [
        reward_function(settings.reward),
        _watch("right", right_answer),
        _watch("format", think_answer_format),
    ]
    trainer: Any = GRPOTrainer(
        model=model,
        reward_funcs=rewards,
        args=_arguments(out, settings, is_cpu=model.device.type == "cpu"),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora_config(settings.lora, model.config.get_text_config().num_hidden_layers),
    )
    started = time.time()
    trainer.train()
    seconds = time.time() - started
    trainer.model.save_pretrained(out)
    card = TrainingCard(
        kind="grpo",
        base=base or str(model_dir),
        data=data_fingerprint(data_path),
        licence=licence,
        settings=settings.model_dump(mode="json"),
        trainable_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        steps=trainer.state.global_step,
        seconds=round(seconds, 1),
        loss_curve=tuple(_readable(entry, settings.reward) for entry in trainer.state.log_history if "reward" in entry),
        notes=notes or {},
    )
    write_card(card, out)
    return card


def _arguments(out: Path, settings: GRPOSettings, *, is_cpu: bool) -> Any:
    from trl import GRPOConfig

    return GRPOConfig(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=settings.generations * settings.prompts_per_step,
        num_generations=settings.generations,
        max_completion_length=settings.max_completion_tokens,
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        temperature=settings.temperature,
        beta=settings.kl,
        epsilon=settings.clip_low,
        epsilon_high=settings.clip_high,
        scale_rewards=settings.scale_rewards,
        entropy_coef=settings.entropy_bonus,
        reward_weights=[1.0, 0.0, 0.0],
        lr_scheduler_type="constant",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        seed=settings.seed,
        use_cpu=is_cpu,
        bf16=not is_cpu,
        gradient_checkpointing=not is_cpu,
        use_vllm=settings.use_vllm,
        disable_tqdm=True,
        dataloader_pin_memory=not is_cpu,
    )


def _readable(entry: dict[str, Any], reward: str) -> dict[str, float]:
    names = {
        "step": "step", "reward": "reward", "reward_std": "reward_std", "entropy": "entropy", "loss": "loss",
        "completions/mean_length": "completion_tokens", "frac_reward_zero_std": "groups_without_spread",
        f"rewards/{reward}/mean": "reward_mean", "rewards/right/mean": "right", "rewards/format/mean": "format",
    }  # fmt: skip
    return {short: float(entry[name]) for name, short in names.items() if name in entry}
