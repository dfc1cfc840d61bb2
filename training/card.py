"""The card of a training run: from what, with which settings and versions, and how the loss went."""

import hashlib
import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cases.case import Record

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


class DataFingerprint(Record):
    """Which rows a run read: enough to tell whether another file is the same."""

    file: str
    sha256: str
    rows: int


class TrainingCard(Record):
    """What is known of a trained adapter."""

    kind: Literal["sft", "grpo"]
    base: str
    data: DataFingerprint
    validation: DataFingerprint | None = None
    licence: str = ""
    settings: dict[str, Any]
    trainable_parameters: int
    steps: int
    seconds: float
    loss_curve: tuple[dict[str, float], ...] = ()
    versions: dict[str, str] = Field(default_factory=lambda: {name: version(name) for name in LIBRARIES})
    trained: datetime = Field(default_factory=lambda: datetime.now(UTC))
    notes: dict[str, Any] = Field(default_factory=dict, description="Measurements and provenance, by name.")


def data_fingerprint(path: Path) -> DataFingerprint:
    """Name, SHA-256 and line count of a JSON-lines file."""
    content = path.read_bytes()
    rows = sum(1 for line in content.splitlines() if line.strip())
    return DataFingerprint(file=path.name, sha256=hashlib.sha256(content).hexdigest(), rows=rows)


def write_card(card: TrainingCard, folder: Path) -> None:
    """Write `card.json` (complete) and `card.md` (for a reader) into `folder`."""
    (folder / "card.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(_markdown(card), encoding="utf-8")


def read_card(folder: Path) -> TrainingCard:
    return TrainingCard.model_validate_json((folder / "card.json").read_text(encoding="utf-8"))


def _markdown(card: TrainingCard) -> str:
    losses = [entry["loss"] for entry in card.loss_curve if "loss" in entry]
    lines = [
        f"# Adapter for {card.base}",
        "",
        f"Trained by {card.kind.upper()} on a file of {card.data.rows} rows, `{card.data.file}`"
        f" (SHA-256 `{card.data.sha256[:16]}…`), {card.steps} steps of {card.settings.get('batch', 1)},"
        f" {card.seconds / 60:.1f} minutes.",
        f"Trainable parameters: {card.trainable_parameters:,}. For research use; not a medical device.",
        "",
        f"- Licence of the training rows: {card.licence or 'not stated'}",
    ]
    if losses:
        tenth = max(1, len(losses) // 10)
        first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
        lines.append(f"- Training loss: {first:.3f} (first tenth) to {last:.3f} (last tenth)")
    lines += [
        f"- {name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in card.notes.items()
    ]
    lines += ["", "Settings and the whole loss curve are in `card.json`.", ""]
    return "\n".join(lines)
