"""Measures the shipped VLM on images it never saw, beside what it must beat.

`score`: the option whose words are the likeliest finding; `reply`: the label in its greedy reply, strictly parsed.
Options are in an order drawn per image. Beside it: chance, the most frequent train label, the same model shown a
grey image (text only), the same model shown another test image of the set, and the model trained on shuffled
labels with the same budget. Brackets are exact 95 % binomial intervals (Clopper-Pearson).

    python benchmarks/vlm.py --data ../shared/data/multimodal --shuffled /tmp/vlm-shuffled
"""

import json
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.tower import entry, frozen_maps, known, shown
from cases.settings import load_settings
from models.embedded_vlm import SHIPPED, EmbeddedVLM, load_network, parse_reply
from models.vision_language import VisionLanguage, prompt, visual_features
from training.images import SEED, TASKS, ImageRow, load_rows, split
from training.tower import last_maps

RESULTS = Path(__file__).parent / "results"
SCORED = ("breast_finding", "retinopathy", "retinopathy_referable", "view", "maculopathy", "platelets")


def ask(network: VisionLanguage, features: Any, task: str, seed: int, with_reply: bool) -> tuple[str, str | None]:
    """(value by score, value by reply) for one image's features."""
    generator = random.Random(seed)
    values = generator.sample(list(TASKS[task].phrases), len(TASKS[task].phrases))
    options = {chr(ord("A") + i): TASKS[task].option(value) for i, value in enumerate(values)}
    embedded = network.embed(features, prompt(TASKS[task].questions[0], options))
    scores = network.log_probabilities(embedded, [f"finding: {text};" for text in options.values()])
    said = None
    if with_reply:
        label = parse_reply(network.write(embedded, 24)[0]).answer
        said = dict(zip(options, values, strict=True)).get(label or "")
    return values[max(range(len(values)), key=lambda i: scores[i])], said


def answers(
    network: VisionLanguage, features: Sequence[Any], task: str, with_reply: bool
) -> list[tuple[str, str | None]]:
    import torch

    with torch.inference_mode():
        return [ask(network, one, task, SEED + i, with_reply) for i, one in enumerate(features)]


def measure(
    network: VisionLanguage, control: VisionLanguage | None, train: Sequence[ImageRow], test: Sequence[ImageRow],
    features: Any, grey: Any, control_features: Any, task: str,
) -> dict[str, Any]:  # fmt: skip
    here, truth = known(test, task)
    most = Counter(known(train, task)[1]).most_common(1)[0][0]
    other = random.Random(SEED).sample(here, len(here))
    full = answers(network, [features[i] for i in here], task, with_reply=True)
    cells = {
        "score": entry([score for score, _ in full], truth),
        "reply": entry([said or "" for _, said in full], truth),
        "prior": entry([most] * len(truth), truth),
        "grey image": entry([s for s, _ in answers(network, [grey] * len(here), task, False)], truth),
        "another image": entry([s for s, _ in answers(network, [features[i] for i in other], task, False)], truth),
    }
    if control is not None:
        said = answers(control, [control_features[i] for i in here], task, False)
        cells["shuffled labels"] = entry([s for s, _ in said], truth)
    cells["score"]["chance"] = 1 / len(TASKS[task].phrases)
    cells["reply"]["without label"] = sum(said is None for _, said in full)
    return cells


def main(
    data: Annotated[Path, typer.Option(help="The multimodal folder.")],
    shuffled: Annotated[Path | None, typer.Option(help="Folder of a VLM trained with --shuffle-labels.")] = None,
    out: Path = RESULTS,
    cache: Annotated[Path | None, typer.Option(help="The --cache file of benchmarks/tower.py, to save time.")] = None,
) -> None:
    import torch
    from PIL import Image

    torch.set_num_threads(1)
    began = time.perf_counter()
    models_dir = load_settings().models_dir
    train, test = split(load_rows(data))
    model = EmbeddedVLM.from_weights(models_dir)
    network = model.network
    control = load_network(models_dir, shuffled) if shuffled else None
    maps = frozen_maps(network.tower, test, 1, cache and cache.with_suffix(".test.safetensors")).split(16)
    with torch.inference_mode():
        features = torch.cat([visual_features(last_maps(network.tower.model.visual, part.float(), 0)) for part in maps])
        grey = network.features([Image.new("RGB", (320, 320), (128, 128, 128))])[0]
    read = (time.perf_counter() - began, time.perf_counter())
    tasks = {task: measure(network, control, train, test, features, grey, features, task) for task in SCORED}
    calls = sum(cells["score"]["of"] for cells in tasks.values())
    report = {
        "command": "python benchmarks/vlm.py --data DATA/multimodal --shuffled DIR",
        "model": model.identity,
        "versions": {name: version(name) for name in ("torch", "timm", "open_clip_torch", "transformers", "peft")},
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}, CPU, one thread",
        "images": {"train": len(train), "test": len(test)},
        "tasks": tasks,
        "run": json.loads((SHIPPED / "run.json").read_text()),
        "questions": calls,
        "seconds": {"load and image features": round(read[0]), "all": round(time.perf_counter() - began)},
    }
    out.mkdir(exist_ok=True)
    (out / "vlm.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "vlm.md").write_text(page(report), encoding="utf-8")
    print(page(report))


def page(report: dict[str, Any]) -> str:
    columns = list(next(iter(report["tasks"].values())))
    lines = [
        "# The embedded VLM on images it never saw",
        "",
        f"`{report['command']}` (the control: `python -m training.vlm --shuffle-labels 1 --out DIR`), "
        f"`{report['model']}`, {report['machine']}, {report['seconds']['all']} s on a busy machine; versions "
        + ", ".join(f"{k} {v}" for k, v in report["versions"].items())
        + ".",
        f"Trained on {report['images']['train']} images, asked about {report['images']['test']} of other patients.",
        "Accuracy with exact 95 % interval; `n` is the number of test images, chance is 1 / number of options.",
        "",
        "| task | n | chance | " + " | ".join(columns) + " |",
        "|---|---|---|" + "---|" * len(columns),
    ]
    for task, cells in report["tasks"].items():
        chance = cells["score"]["chance"]
        lines.append(
            f"| {task} | {cells['prior']['of']} | {chance:.2f} | " + " | ".join(shown(cells[c]) for c in columns) + " |"
        )
    lines += ["", "Balanced accuracy of the same:", "", "| task | " + " | ".join(columns) + " |",
              "|---|" + "---|" * len(columns)]  # fmt: skip
    for task, cells in report["tasks"].items():
        lines.append(f"| {task} | " + " | ".join(f"{cells[c]['balanced']:.2f}" for c in columns) + " |")
    unparsed = sum(cells["reply"]["without label"] for cells in report["tasks"].values())
    lines += ["", f"Replies without a label: {unparsed} of {report['questions']} (they count as wrong)."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
