"""Supervised fine-tuning: LoRA on conversational rows with trl and peft, by the same call on a CPU and on GPUs.

    from training.sft import SFTSettings, train_sft
    report = train_sft(folder, Path("train.jsonl"), Path("runs/letters"), SFTSettings(epochs=1))

Rows are the `trl` export: `prompt` and `completion`, or `messages`. Departures from trl's defaults: the loss counts
replies only, nothing is reported anywhere, float32 without gradient checkpointing on a CPU, and a card with the data's
hash, the settings, the versions and the loss curve lies beside the adapter. More than one GPU: `accelerate launch`.
"""

import math
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cases.case import Record
from cases.errors import TrainingError
from training.card import TrainingCard, data_fingerprint, write_card


class LoraSettings(Record):
    """Which matrices get a low-rank update, and how large it is."""

    r: int = Field(default=8, ge=1, le=512)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] | Literal["all-linear"] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    last_layers: int | None = Field(
        default=None, ge=1, description="Adapt only the last N layers: below them no gradient flows, which a CPU feels."
    )
    use_rslora: bool = False
    use_dora: bool = Field(default=False, description="DoRA cannot be written as a GGUF adapter; merge it instead.")


class SFTSettings(Record):
    """Everything that decides the result, apart from weights and rows."""

    lora: LoraSettings = LoraSettings()
    learning_rate: float = Field(default=2e-4, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    max_steps: int = Field(default=-1, description="Stops there whatever the epochs say; -1: epochs decide.")
    max_minutes: float | None = Field(
        default=None,
        gt=0,
        description="Stops at the first step past so many minutes. The learning rate falls with steps or time, "
        "whichever is further, so that a run cut short still ends at a low rate.",
    )
    batch: int = Field(default=4, ge=1, description="Rows per device and forward pass.")
    accumulation: int = Field(default=1, ge=1)
    max_length: int | None = Field(default=1024, description="Tokens of a row; None for rows with images.")
    completion_only: bool = True
    warmup: float = Field(default=0.05, ge=0, lt=1, description="Share of the steps.")
    weight_decay: float = Field(default=0.0, ge=0)
    group_by_length: bool = Field(default=True, description="Rows of like length share a batch: less padding.")
    seed: int = 20
    device: Literal["auto", "cpu"] = "auto"


def lora_config(settings: LoraSettings, n_layers: int) -> Any:
    """The peft form of `settings` for a decoder of `n_layers` layers. Raises TrainingError if it has fewer layers."""
    from peft import LoraConfig

    if settings.last_layers is not None and settings.last_layers > n_layers:
        raise TrainingError(
            f"last_layers is {settings.last_layers} but the model has {n_layers} layers", where="LoraSettings"
        )
    layers = None if settings.last_layers is None else list(range(n_layers - settings.last_layers, n_layers))
    targets = settings.targets if isinstance(settings.targets, str) else list(settings.targets)
    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # peft scales by any number
        lora_dropout=settings.dropout,
        target_modules=targets,
        layers_to_transform=layers,
        layers_pattern=None if layers is None else "layers",
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        task_type="CAUSAL_LM",
    )


def train_sft(
    model_dir: Path | str,
    train_rows: Path,
    out: Path,
    settings: SFTSettings = SFTSettings(),
    *,
    validation_rows: Path | None = None,
    base: str = "",
    licence: str = "",
    notes: dict[str, Any] | None = None,
) -> TrainingCard:
    """Train an adapter into `out` (adapter_model.safetensors, adapter_config.json, card.json, card.md).

    `base` is the manifest id or hub id that the adapter belongs to; `licence` names the terms of the training rows.
    Raises TrainingError when the rows are empty, hold no reply to learn, or are not in a form trl reads.
    """
    from datasets import load_dataset

    from training.weights import load_for_training

    settings_dict = settings.model_dump(mode="json")
    dataset = load_dataset("json", data_files=str(train_rows), split="train")
    _check_rows(dataset, train_rows)
    validation = None
    if validation_rows is not None:
        validation = load_dataset("json", data_files=str(validation_rows), split="train")
    model, tokenizer = load_for_training(model_dir, "cpu" if settings.device == "cpu" else None)
    trainer = _trainer(model, tokenizer, dataset, validation, out, settings)
    started = time.time()
    trainer.train()
    seconds = time.time() - started
    out.mkdir(parents=True, exist_ok=True)
    trainer.model.save_pretrained(out)
    history = [entry for entry in trainer.state.log_history if "loss" in entry or "eval_loss" in entry]
    card = TrainingCard(
        kind="sft",
        base=base or str(model_dir),
        data=data_fingerprint(train_rows),
        validation=None if validation_rows is None else data_fingerprint(validation_rows),
        licence=licence,
        settings=settings_dict,
        trainable_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        steps=trainer.state.global_step,
        seconds=round(seconds, 1),
        loss_curve=tuple(
            {k: float(v) for k, v in e.items() if isinstance(v, int | float)} for e in history
        ),
        notes=notes or {},
    )  # fmt: skip
    write_card(card, out)
    return card


def _check_rows(dataset: Any, path: Path) -> None:
    columns = set(dataset.column_names)
    if not ({"prompt", "completion"} <= columns or "messages" in columns):
        raise TrainingError(
            f"columns {sorted(columns)} are neither prompt and completion nor messages",
            where=str(path),
            remedy="write the rows with `wardround trajectories export --format trl`",
        )
    if len(dataset) == 0:
        raise TrainingError("no rows", where=str(path), remedy="loosen the filter of the export")
    for index, row in enumerate(dataset):
        reply = (
            row["completion"] if "completion" in columns else [m for m in row["messages"] if m["role"] == "assistant"]
        )
        if not reply:
            raise TrainingError("a row without a reply to learn", where=f"{path}, row {index + 1}")


def _trainer(model: Any, tokenizer: Any, dataset: Any, validation: Any, out: Path, settings: SFTSettings) -> Any:
    from trl import SFTConfig, SFTTrainer

    is_cpu = model.device.type == "cpu"
    args = SFTConfig(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps,
        max_length=settings.max_length,
        completion_only_loss=settings.completion_only if "completion" in dataset.column_names else None,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        train_sampling_strategy="group_by_length" if settings.group_by_length else "random",
        logging_steps=1,
        save_strategy="no",
        eval_strategy="no" if validation is None else "epoch",
        report_to="none",
        seed=settings.seed,
        use_cpu=is_cpu,
        bf16=not is_cpu,
        gradient_checkpointing=not is_cpu,
        disable_tqdm=True,
        dataloader_pin_memory=not is_cpu,
    )
    trainer: Any = SFTTrainer(
        model=model,
        args=args,
        train_dataset=dataset,
        eval_dataset=validation,
        processing_class=tokenizer,
        peft_config=lora_config(settings.lora, model.config.get_text_config().num_hidden_layers),
    )
    if settings.max_minutes is not None:
        _limit_time(trainer, settings.max_minutes, settings.warmup)
    return trainer


def cosine_share(progress: float, warmup: float) -> float:
    """Share of the peak learning rate at `progress` in [0, 1]: linear warm-up, then half a cosine down to 0."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))


def _limit_time(trainer: Any, minutes: float, warmup: float) -> None:
    """Stop the trainer after so many minutes, with a schedule that knows of the limit."""
    from torch.optim.lr_scheduler import LambdaLR
    from transformers import TrainerCallback

    started = time.monotonic()

    def spent() -> float:
        return (time.monotonic() - started) / (minutes * 60)

    def create_scheduler(num_training_steps: int, optimizer: Any = None) -> Any:
        def share(step: int) -> float:
            return cosine_share(max((step + 1) / (num_training_steps + 1), spent()), warmup)

        trainer.lr_scheduler = LambdaLR(optimizer or trainer.optimizer, share)
        return trainer.lr_scheduler

    class StopAfter(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, kwargs
            control.should_training_stop |= spent() > 1

    trainer.create_scheduler = create_scheduler
    trainer.add_callback(StopAfter())
