"""Measures the shipped image-text tower on images it never saw, beside what it must beat.

Columns: zero-shot (prompt ensemble, no labels seen at test), a linear probe and 5 nearest neighbours on its vectors
(fitted on the train side). Beside them: the most frequent train label, the untrained tower (ImageNet trunk, random
projections), a probe on ImageNet features, the tower trained on shuffled labels, a probe fitted on shuffled labels.
Brackets are exact 95 % binomial intervals (Clopper-Pearson).

    python benchmarks/tower.py --data ../shared/data/multimodal --shuffled /tmp/tower-shuffled
"""

import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cases.settings import load_settings
from models.tower import SHIPPED, Tower, build_untrained, load_tower
from training.images import MODALITIES, SEED, TASKS, ImageRow, load_rows, split
from training.tower import TEMPLATES, TowerSettings, last_maps, prompts, views_of

RESULTS = Path(__file__).parent / "results"


def interval(right: int, of: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    found = binomtest(right, of).proportion_ci(method="exact")
    return float(found.low), float(found.high)


def entry(predicted: Sequence[str], truth: Sequence[str]) -> dict[str, Any]:
    from sklearn.metrics import balanced_accuracy_score

    right = sum(p == t for p, t in zip(predicted, truth, strict=True))
    low, high = interval(right, len(truth))
    balanced = float(balanced_accuracy_score(truth, predicted)) if len(set(truth)) > 1 else None
    return {"right": right, "of": len(truth), "accuracy": right / len(truth), "low": low, "high": high,
            "balanced": balanced}  # fmt: skip


def frozen_maps(tower: Tower, rows: Sequence[ImageRow], views: int, cache: Path | None) -> Any:
    """(n, c, h, w) of the images as they are; the same for every tower, so computed once."""
    return views_of(tower.model, tower.preprocess, rows, TowerSettings(views=views), cache)[:, 0]


def encode(tower: Tower, maps: Any) -> tuple[np.ndarray, np.ndarray]:
    """(unit vectors, pooled feature maps) from `frozen_maps`."""
    import torch

    with torch.inference_mode():
        parts = [last_maps(tower.model.visual, part.float(), 0).mean((2, 3)) for part in maps.split(32)]
        pooled = torch.cat(parts)
        vectors = torch.nn.functional.normalize(tower.model.visual.head(pooled), dim=-1)
    return vectors.numpy(), pooled.numpy()


def class_vectors(tower: Tower, groups: Sequence[Sequence[str]]) -> np.ndarray:
    means = np.stack([tower.encode_texts(list(group)).mean(0) for group in groups])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def zero_shot(tower: Tower, vectors: np.ndarray, rows: Sequence[ImageRow], task: str) -> dict[str, Any]:
    here, truth = known(rows, task)
    values = list(TASKS[task].phrases)
    scores = vectors[here] @ class_vectors(tower, [prompts(task, value) for value in values]).T
    return entry([values[i] for i in scores.argmax(1)], truth)


def known(rows: Sequence[ImageRow], task: str) -> tuple[list[int], list[str]]:
    here = [i for i, row in enumerate(rows) if task in row.facts]
    return here, [rows[i].facts[task] for i in here]


def probe(make: Callable[[], Any], train: np.ndarray, train_rows: Sequence[ImageRow], test: np.ndarray,
          test_rows: Sequence[ImageRow], task: str, shuffle: bool = False) -> dict[str, Any]:  # fmt: skip
    here, labels = known(train_rows, task)
    there, truth = known(test_rows, task)
    if shuffle:
        labels = list(np.random.default_rng(SEED).permutation(labels))
    return entry(make().fit(train[here], labels).predict(test[there]), truth)


def linear() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))


def neighbours() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(5, metric="cosine")


def modality(tower: Tower, vectors: np.ndarray, rows: Sequence[ImageRow]) -> dict[str, Any]:
    names = list(MODALITIES)
    scores = vectors @ class_vectors(tower, [MODALITIES[name] for name in names]).T
    return entry([names[i] for i in scores.argmax(1)], [row.dataset for row in rows])


def caption(row: ImageRow) -> str:
    finding = ", ".join(TASKS[name].option(value) for name, value in sorted(row.facts.items()))
    return TEMPLATES[0].format(modality=MODALITIES[row.dataset][0], finding=finding)


def retrieval(tower: Tower, vectors: np.ndarray, rows: Sequence[ImageRow], ranks: tuple[int, ...]) -> dict[str, Any]:
    """Image -> caption with every fact: is the true one among the first k of all distinct captions?"""
    whole = [i for i, row in enumerate(rows) if len(row.facts) == sum(t.dataset == row.dataset for t in TASKS.values())]
    captions = sorted({caption(rows[i]) for i in whole})
    scores = vectors[whole] @ tower.encode_texts(captions).T
    order = (-scores).argsort(1)
    target = np.array([captions.index(caption(rows[i])) for i in whole])
    result: dict[str, Any] = {"captions": len(captions), "images": len(whole)}
    for k in ranks:
        hits = int((order[:, :k] == target[:, None]).any(1).sum())
        low, high = interval(hits, len(whole))
        result[f"recall@{k}"] = {"value": hits / len(whole), "low": low, "high": high, "chance": k / len(captions)}
    return result


def brain(tower: Tower, untrained: Tower, data: Path) -> dict[str, Any]:
    """Out of domain, class C, measured only: five-fold linear probe of four brain MRI classes."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    lines = (data / "brain_mri" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    rows = [ImageRow(r["id"], "brain_mri", data / "brain_mri" / r["images"][0], r["id"], "C", {}) for r in records]
    truth = [r["answer"] for r in records]
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    maps = frozen_maps(untrained, rows, 1, None)
    vectors, features = encode(tower, maps)
    columns = {"tower vectors": vectors, "tower features": features, "ImageNet features": encode(untrained, maps)[1]}
    return {name: entry(list(cross_val_predict(linear(), x, truth, cv=folds)), truth) for name, x in columns.items()}


def shown(cell: dict[str, Any]) -> str:
    return f"{cell['accuracy']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]"


def main(
    data: Annotated[Path, typer.Option(help="The multimodal folder.")],
    shuffled: Annotated[Path, typer.Option(help="Folder of a tower trained with --shuffle-labels.")],
    out: Path = RESULTS,
    cache: Annotated[Path | None, typer.Option(help="The --cache file of training.tower, to save time.")] = None,
) -> None:
    import torch

    torch.set_num_threads(1)
    began = time.perf_counter()
    models_dir = load_settings().models_dir
    train_rows, test_rows = split(load_rows(data))
    untrained = Tower(*build_untrained(models_dir), revision="untrained")
    towers = {"trained": load_tower(models_dir), "untrained": untrained, "shuffled": load_tower(models_dir, shuffled)}
    train_maps = frozen_maps(untrained, train_rows, TowerSettings().views if cache else 1, cache)
    test_maps = frozen_maps(untrained, test_rows, 1, cache and cache.with_suffix(".test.safetensors"))
    train = {name: encode(tower, train_maps) for name, tower in towers.items()}
    test = {name: encode(tower, test_maps) for name, tower in towers.items()}
    table: dict[str, dict[str, Any]] = {}
    for task in TASKS:
        most = Counter(known(train_rows, task)[1]).most_common(1)[0][0]
        truth = known(test_rows, task)[1]
        sides = train_rows, test_rows
        table[task] = {
            "zero-shot": zero_shot(towers["trained"], test["trained"][0], test_rows, task),
            "probe": probe(linear, train["trained"][0], sides[0], test["trained"][0], sides[1], task),
            "5 neighbours": probe(neighbours, train["trained"][0], sides[0], test["trained"][0], sides[1], task),
            "prior": entry([most] * len(truth), truth),
            "untrained zero-shot": zero_shot(untrained, test["untrained"][0], test_rows, task),
            "ImageNet probe": probe(linear, train["untrained"][1], sides[0], test["untrained"][1], sides[1], task),
            "shuffled zero-shot": zero_shot(towers["shuffled"], test["shuffled"][0], test_rows, task),
            "shuffled probe": probe(linear, train["trained"][0], sides[0], test["trained"][0], sides[1], task, True),
        }
    ranks = (1, 3, 5)
    report = {
        "command": "python benchmarks/tower.py --data DATA/multimodal --shuffled DIR",
        "tower": towers["trained"].revision,
        "versions": {name: version(name) for name in ("torch", "timm", "open_clip_torch", "transformers")},
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}, CPU",
        "images": {"train": len(train_rows), "test": len(test_rows)},
        "tasks": table,
        "modality": {name: modality(tower, test[name][0], test_rows) for name, tower in towers.items()},
        "retrieval": {name: retrieval(tower, test[name][0], test_rows, ranks) for name, tower in towers.items()},
        "brain MRI, five-fold probe": brain(towers["trained"], untrained, data),
        "run": json.loads((SHIPPED / "split.json").read_text()) | {"train": None, "test": None},
        "seconds": round(time.perf_counter() - began),
    }
    out.mkdir(exist_ok=True)
    (out / "tower.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "tower.md").write_text(page(report), encoding="utf-8")
    print(page(report))


def page(report: dict[str, Any]) -> str:
    columns = list(next(iter(report["tasks"].values())))
    lines = [
        "# The embedded image-text tower on images it never saw",
        "",
        f"`{report['command']}` (the shuffled tower: `python -m training.tower --shuffle-labels 1 --out DIR`), tower "
        f"`{report['tower']}`, {report['machine']}, {report['seconds']} s; versions "
        + ", ".join(f"{k} {v}" for k, v in report["versions"].items())
        + ".",
        f"Trained on {report['images']['train']} images, tested on {report['images']['test']} of other patients.",
        "Accuracy with exact 95 % interval; `n` is the number of test images.",
        "",
        "| task | n | " + " | ".join(columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for task, cells in report["tasks"].items():
        n = cells["prior"]["of"]
        lines.append(f"| {task} | {n} | " + " | ".join(shown(cells[c]) for c in columns) + " |")
    lines += ["", "Balanced accuracy of the same (chance is 1 / number of classes):", "",
              "| task | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]  # fmt: skip
    for task, cells in report["tasks"].items():
        lines.append(f"| {task} | " + " | ".join(f"{cells[c]['balanced']:.2f}" for c in columns) + " |")
    lines += ["", "## Modality of four, zero-shot", ""]
    lines += [f"- {name}: {shown(cell)}" for name, cell in report["modality"].items()]
    lines += ["", "## Image to full caption", "", "| tower | captions | images | recall@1 | recall@3 | recall@5 |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for name, found in report["retrieval"].items():
        cells = [found[f"recall@{k}"] for k in (1, 3, 5)]
        lines.append(
            f"| {name} | {found['captions']} | {found['images']} | "
            + " | ".join(f"{c['value']:.2f} [{c['low']:.2f}, {c['high']:.2f}], chance {c['chance']:.2f}" for c in cells)
            + " |"
        )
    lines += ["", "## Out of domain: brain MRI (four classes, never trained on; five-fold linear probe)", ""]
    lines += [f"- {name}: {shown(cell)}" for name, cell in report["brain MRI, five-fold probe"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
