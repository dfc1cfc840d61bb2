"""Measures the shipped VLM on images it never saw, beside what it must beat.

`score`: the option whose words are the likeliest finding; `reply`: the label in its greedy reply, strictly parsed.
Options are in an order drawn per image. Beside it: chance, the most frequent train label, the same model shown a
grey image (text only), its answers dealt to other images of the set, and the model trained on shuffled
labels with the same budget. Brackets are exact 95 % binomial intervals (Clopper-Pearson).

    python -m training.vlm --data ../shared/data/multimodal --out shuffled-1 --shuffle-labels 1
    python benchmarks/vlm.py --data ../shared/data/multimodal --shuffled shuffled-1
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
REPLIES = 50
"""Replies written per task; writing one costs as much as scoring two."""
SCORED = ("breast_finding", "retinopathy", "retinopathy_referable", "view", "maculopathy", "platelets")


def ask(network: VisionLanguage, features: Any, task: str, seed: int, with_reply: bool) -> tuple[str, str | None]:
    """(value by score, value by reply) for one image's features."""
    values = order_of(task, seed)
    options = {chr(ord("A") + i): TASKS[task].option(value) for i, value in enumerate(values)}
    embedded = network.embed(features, prompt(TASKS[task].questions[0], options))
    scores = network.log_probabilities(embedded, [f"finding: {text};" for text in options.values()])
    said = None
    if with_reply:
        label = parse_reply(network.write(embedded, 24)[0]).answer
        said = dict(zip(options, values, strict=True)).get(label or "")
    return values[max(range(len(values)), key=lambda i: scores[i])], said


def order_of(task: str, seed: int) -> tuple[str, ...]:
    """The order in which the task's options are shown."""
    return tuple(random.Random(seed).sample(list(TASKS[task].phrases), len(TASKS[task].phrases)))


def blind(network: VisionLanguage, grey: Any, task: str, n: int) -> list[str]:
    """What the model says of a grey image: one answer for each order of the options."""
    import torch

    known: dict[tuple[str, ...], str] = {}
    with torch.inference_mode():
        for i in range(n):
            if order_of(task, SEED + i) not in known:
                known[order_of(task, SEED + i)] = ask(network, grey, task, SEED + i, False)[0]
    return [known[order_of(task, SEED + i)] for i in range(n)]


def answers(
    network: VisionLanguage, features: Sequence[Any], task: str, replies: Sequence[int] = ()
) -> list[tuple[str, str | None]]:
    import torch

    with torch.inference_mode():
        return [ask(network, one, task, SEED + i, i in replies) for i, one in enumerate(features)]


def measure(
    network: VisionLanguage, controls: Sequence[VisionLanguage], train: Sequence[ImageRow], test: Sequence[ImageRow],
    features: Any, grey: Any, task: str,
) -> dict[str, Any]:  # fmt: skip
    here, truth = known(test, task)
    most = Counter(known(train, task)[1]).most_common(1)[0][0]
    other = random.Random(SEED).sample(range(len(here)), len(here))
    written = sorted(random.Random(SEED).sample(range(len(here)), min(REPLIES, len(here))))
    full = answers(network, [features[i] for i in here], task, written)
    cells = {
        "score": entry([score for score, _ in full], truth),
        "reply": entry([full[i][1] or "" for i in written], [truth[i] for i in written]),
        "prior": entry([most] * len(truth), truth),
        "grey image": entry(blind(network, grey, task, len(here)), truth),
        "another image": entry([full[i][0] for i in other], truth),
    }
    for number, control in enumerate(controls, 1):
        said = answers(control, [features[i] for i in here], task)
        cells[f"shuffled labels {number}"] = entry([s for s, _ in said], truth)
    cells["score"]["chance"] = 1 / len(TASKS[task].phrases)
    cells["reply"]["without label"] = sum(full[i][1] is None for i in written)
    return cells


def main(
    data: Annotated[Path, typer.Option(help="The multimodal folder.")],
    shuffled: Annotated[
        list[Path] | None, typer.Option(help="Folder of a VLM trained with --shuffle-labels; may be given repeatedly.")
    ] = None,
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
    controls = [load_network(models_dir, folder) for folder in shuffled or ()]
    maps = frozen_maps(network.tower, test, 1, cache and cache.with_suffix(".test.safetensors")).split(16)
    seeing = network.tower.model.visual
    with torch.inference_mode():
        features = torch.cat([visual_features(last_maps(seeing, part.float(), 0), seeing.head) for part in maps])
        grey = network.features([Image.new("RGB", (320, 320), (128, 128, 128))])[0]
    read = (time.perf_counter() - began, time.perf_counter())
    tasks = {task: measure(network, controls, train, test, features, grey, task) for task in SCORED}
    calls = sum(cells["reply"]["of"] for cells in tasks.values())
    report = {
        "command": "python benchmarks/vlm.py --data DATA/multimodal --shuffled DIR --shuffled DIR",
        "model": model.identity,
        "versions": {name: version(name) for name in ("torch", "timm", "open_clip_torch", "transformers", "peft")},
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}, CPU, one thread",
        "images": {"train": len(train), "test": len(test)},
        "tasks": tasks,
        "run": json.loads((SHIPPED / "run.json").read_text()),
        "replies": calls,
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
        f"`{report['command']}` (a control: `python -m training.vlm --shuffle-labels SEED --out DIR`), "
        f"`{report['model']}`, {report['machine']}, {report['seconds']['all']} s; versions "
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
    lines += ["", *reading(report)]
    unparsed = sum(cells["reply"]["without label"] for cells in report["tasks"].values())
    lines += ["", f"Replies without a label: {unparsed} of {report['replies']} (they count as wrong)."]
    return "\n".join(lines) + "\n"


def reading(report: dict[str, Any]) -> list[str]:
    """What the table says, from its numbers."""
    seen, blind_too = [], []
    for task, cells in report["tasks"].items():
        low = cells["score"]["low"]
        beaten = ("prior", "grey image", "another image")
        above = low > cells["score"]["chance"] and all(low > cells[name]["accuracy"] for name in beaten)
        (seen if above else blind_too).append(task)
    false_signal = [
        f"{task} ({name})" for task, cells in report["tasks"].items() for name in cells
        if name.startswith("shuffled") and cells[name]["low"] > cells["prior"]["accuracy"]
    ]  # fmt: skip
    return [
        f"- Interval above chance, the prior, a grey image and another image: {', '.join(seen) or 'no task'}.",
        f"- Not shown to see anything: {', '.join(blind_too) or 'no task'}. The frozen tower separates some of these "
        "(tower.md); ten visual tokens and a 135M language model tuned on a few hundred images do not.",
        "- Training on shuffled labels, same budget: "
        + (f"above the prior on {', '.join(false_signal)}." if false_signal else "above the prior on no task."),
    ]


if __name__ == "__main__":
    typer.run(main)
