"""Trains the image-text tower that is shipped: last image block(s) and both projections, contrastively.

A caption states one or more facts (what, where, which grade). Within a batch *every* image of which a caption is
true is its positive, as in UniCL (Yang et al., CVPR 2022); an image of which it is not known whether the caption
holds is left out of the comparison instead of counted as a negative. The frozen part of the image trunk is computed
once per augmented view and the text trunk once per caption, so that training takes minutes on two cores.

    python -m training.tower --data ../shared/data/multimodal --out models/weights/tower
    python -m training.tower --data ... --out DIR --shuffle-labels 1      # null control
"""

import hashlib
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cases.errors import TrainingError
from training.images import MODALITIES, TASKS, ImageRow

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

TEMPLATES = (
    "{modality}: {finding}",
    "{modality} showing {finding}",
    "{finding}, seen on {modality}",
    "a {modality} with {finding}",
)


@dataclass(frozen=True)
class TowerSettings:
    """What a run of training can vary."""

    trained_blocks: int = 0
    """How many of EfficientNet's seven stages are trained; the head convolution (320 -> 1280) always is."""
    views: int = 6
    """Augmented versions of each image (the first is the image as it is)."""
    epochs: int = 24
    batch: int = 64
    lr: float = 1e-3
    trunk_lr: float = 2e-4
    weight_decay: float = 0.05
    temperature: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Caption:
    """A sentence and the facts that it states of an image of `dataset`."""

    text: str
    dataset: str
    facts: tuple[tuple[str, str], ...]

    def holds(self, row: ImageRow) -> bool | None:
        """Whether it is true of the image; None where the image's facts do not say."""
        if row.dataset != self.dataset:
            return False
        known = [(row.facts[task], value) for task, value in self.facts if task in row.facts]
        if any(have != want for have, want in known):
            return False
        return True if len(known) == len(self.facts) else None


def draw_caption(row: ImageRow, generator: random.Random) -> Caption:
    """A caption that is true of the row: the modality alone, one fact, or all facts, in varying words."""
    modality = generator.choice(MODALITIES[row.dataset])
    names = sorted(row.facts)
    draw = generator.random()
    if not names or draw < 0.1:
        chosen: list[str] = []
    elif draw < 0.7:
        chosen = [generator.choice(names)]
    else:
        chosen = generator.sample(names, len(names))
    if not chosen:
        return Caption(modality, row.dataset, ())
    finding = ", ".join(generator.choice(TASKS[name].phrases[row.facts[name]]) for name in chosen)
    text = generator.choice(TEMPLATES).format(modality=modality, finding=finding)
    return Caption(text, row.dataset, tuple((name, row.facts[name]) for name in chosen))


def prompts(task_name: str, value: str) -> list[str]:
    """The prompt ensemble of one value: every template with every phrase and modality."""
    task = TASKS[task_name]
    return [
        template.format(modality=modality, finding=phrase)
        for template in TEMPLATES
        for modality in MODALITIES[task.dataset]
        for phrase in task.phrases[value]
    ]


def augment(image: "Image", generator: random.Random) -> "Image":
    """A mild variation that changes no fact: crop, mirror, brightness, contrast."""
    from PIL import ImageEnhance, ImageOps

    width, height = image.size
    side = generator.uniform(0.85, 1.0)
    left, top = generator.uniform(0, 1 - side) * width, generator.uniform(0, 1 - side) * height
    image = image.crop((int(left), int(top), int(left + side * width), int(top + side * height)))
    if generator.random() < 0.5:
        image = ImageOps.mirror(image)
    image = ImageEnhance.Brightness(image).enhance(generator.uniform(0.85, 1.15))
    return ImageEnhance.Contrast(image).enhance(generator.uniform(0.85, 1.15))


def lower(visual: Any, pixels: "torch.Tensor", trained_blocks: int) -> "torch.Tensor":
    """The frozen part of the image tower: (n, 3, h, w) -> feature maps before the first trained stage."""
    trunk = visual.trunk
    x = trunk.bn1(trunk.conv_stem(pixels))
    for stage in trunk.blocks[: len(trunk.blocks) - trained_blocks]:
        x = stage(x)
    return x


def last_maps(visual: Any, x: "torch.Tensor", trained_blocks: int) -> "torch.Tensor":
    """The trained part of the trunk: feature maps of `lower` -> (n, 1280, h, w)."""
    trunk = visual.trunk
    for stage in trunk.blocks[len(trunk.blocks) - trained_blocks :]:
        x = stage(x)
    return trunk.bn2(trunk.conv_head(x))


def upper(visual: Any, x: "torch.Tensor", trained_blocks: int) -> "torch.Tensor":
    """The trained part with pooling and projection: feature maps of `lower` -> (n, dim)."""
    return visual.head(visual.trunk.forward_head(last_maps(visual, x, trained_blocks)))


def cache_views(
    model: Any, preprocess: Any, rows: Sequence[ImageRow], settings: TowerSettings, batch: int = 16
) -> "torch.Tensor":
    """float16 (n, views, c, h, w): what the trained part reads, for every augmented view of every row."""
    import torch
    from PIL import Image

    generator = random.Random(settings.seed)
    result: torch.Tensor | None = None
    with torch.inference_mode():
        for start in range(0, len(rows), batch):
            chunk = rows[start : start + batch]
            images = []
            for row in chunk:
                with Image.open(row.path) as opened:
                    image = opened.convert("RGB")
                images += [image] + [augment(image, generator) for _ in range(settings.views - 1)]
            pixels = torch.stack([preprocess(image) for image in images]).split(batch)
            maps = torch.cat([lower(model.visual, part, settings.trained_blocks) for part in pixels])
            if result is None:
                result = torch.empty((len(rows), settings.views, *maps.shape[1:]), dtype=torch.float16)
            result[start : start + len(chunk)] = maps.reshape(len(chunk), settings.views, *maps.shape[1:])
    if result is None:
        raise TrainingError("no rows to train on")
    return result.clone()


def views_of(
    model: Any, preprocess: Any, rows: Sequence[ImageRow], settings: TowerSettings, cache: Path | None
) -> "torch.Tensor":
    """`cache_views`, kept in the file `cache` for the next run with the same rows and settings."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    made_from = hashlib.sha256(
        repr(([row.id for row in rows], settings.trained_blocks, settings.views, settings.seed)).encode()
    ).hexdigest()
    if cache is not None and cache.is_file():
        with safe_open(cache, "pt") as stored:
            if (stored.metadata() or {}).get("made_from") == made_from:
                return stored.get_tensor("views")
    views = cache_views(model, preprocess, rows, settings)
    if cache is not None:
        save_file({"views": views}, cache, {"made_from": made_from})
    return views


class TextCache:
    """The text trunk's pooled states, computed once per sentence; the projection on top of them is trained."""

    def __init__(self, model: Any, tokenizer: Any):
        self.text, self.tokenizer = model.text, tokenizer
        self.known: dict[str, torch.Tensor] = {}

    def __call__(self, sentences: Sequence[str]) -> "torch.Tensor":
        import torch

        new = sorted(set(sentences) - set(self.known))
        for start in range(0, len(new), 64):
            ids = self.tokenizer(new[start : start + 64])
            mask = (ids != self.text.config.pad_token_id).long()
            with torch.no_grad():
                pooled = self.text.pooler(self.text.transformer(input_ids=ids, attention_mask=mask), mask)
            self.known |= dict(zip(new[start : start + 64], pooled, strict=True))
        return torch.stack([self.known[sentence] for sentence in sentences])


def contrast(
    image: "torch.Tensor", text: "torch.Tensor", truth: "torch.Tensor", known: "torch.Tensor", scale: "torch.Tensor"
) -> "torch.Tensor":
    """Symmetric cross-entropy with several positives. `truth`, `known`: bool (images, captions)."""
    import torch.nn.functional as F

    logits = scale * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T
    logits = logits.masked_fill(~known, -1e4)
    positives = truth.float()
    by_image = (positives / positives.sum(1, keepdim=True).clamp(min=1) * logits.log_softmax(1)).sum(1)
    by_text = (positives / positives.sum(0, keepdim=True).clamp(min=1) * logits.log_softmax(0)).sum(0)
    return -(by_image.mean() + by_text.mean()) / 2


def trainable(model: Any, trained_blocks: int) -> tuple[list[str], list[str]]:
    """Names of the trained parameters: (of the trunk, of the projections and the temperature)."""
    first = len(model.visual.trunk.blocks) - trained_blocks
    stages = tuple(f"visual.trunk.blocks.{i}." for i in range(first, len(model.visual.trunk.blocks)))
    parts = (*stages, "visual.trunk.conv_head.", "visual.trunk.bn2.")
    names = [name for name, _ in model.named_parameters()]
    trunk = [name for name in names if name.startswith(parts)]
    return trunk, [name for name in names if name.startswith(("visual.head.", "text.proj."))] + ["logit_scale"]


def train(
    model: Any, tokenizer: Any, views: "torch.Tensor", rows: Sequence[ImageRow], settings: TowerSettings
) -> list[float]:
    """Trains `model` in place (batch norm keeps its statistics); returns the mean loss of each epoch."""
    import torch

    torch.manual_seed(settings.seed)
    generator = random.Random(settings.seed)
    texts = TextCache(model, tokenizer)
    trunk, head = trainable(model, settings.trained_blocks)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trunk or name in head)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        model.logit_scale.fill_(torch.tensor(1 / settings.temperature).log())
    optimizer = torch.optim.AdamW(
        [
            {"params": [parameters[name] for name in trunk], "lr": settings.trunk_lr},
            {"params": [parameters[name] for name in head], "lr": settings.lr},
        ],
        weight_decay=settings.weight_decay,
    )
    steps_per_epoch = max(1, len(rows) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [settings.trunk_lr, settings.lr], total_steps=settings.epochs * steps_per_epoch, pct_start=0.15
    )
    model.eval()
    losses = []
    for _ in range(settings.epochs):
        order = generator.sample(range(len(rows)), len(rows))
        total = 0.0
        for step in range(steps_per_epoch):
            chosen = order[step * settings.batch : (step + 1) * settings.batch]
            x = torch.stack([views[i, generator.randrange(settings.views)] for i in chosen]).float()
            captions = [draw_caption(rows[i], generator) for i in chosen]
            states = [[caption.holds(rows[i]) for caption in captions] for i in chosen]
            truth = torch.tensor([[state is True for state in line] for line in states])
            known = torch.tensor([[state is not None for state in line] for line in states])
            image = upper(model.visual, x, settings.trained_blocks)
            text = model.text.proj(texts([caption.text for caption in captions]))
            loss = contrast(image, text, truth, known, model.logit_scale.exp())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, 4.6)
            total += loss.item()
        losses.append(total / steps_per_epoch)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return losses


def save(model: Any, settings: TowerSettings, path: Path) -> int:
    """Writes the trained tensors alone, as float16 safetensors; returns the file's bytes."""
    import torch
    from safetensors.torch import save_file

    trunk, head = trainable(model, settings.trained_blocks)
    state = model.state_dict()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: state[name].to(torch.float16).contiguous() for name in trunk + head}, path)
    return path.stat().st_size


def main(
    data: Annotated[Path, typer.Option(help="Folder with busi_us/, dr_fundus/, covid_cxr/, bccd_blood/.")],
    out: Annotated[Path, typer.Option(help="Where tower.safetensors and split.json are written.")],
    epochs: int = TowerSettings.epochs,
    shuffle_labels: Annotated[int, typer.Option(help="Seed of the null control; 0 trains on the true labels.")] = 0,
    cache: Annotated[Path | None, typer.Option(help="File that keeps the frozen trunk's maps between runs.")] = None,
) -> None:
    """Trains on the train side of the split and writes the shipped weights."""
    import json

    from cases.settings import load_settings
    from models.tower import WEIGHTS_FILE, build_untrained
    from training.images import load_rows, shuffle_facts, split

    began = time.perf_counter()
    settings = TowerSettings(epochs=epochs)
    train_rows, test_rows = split(load_rows(data))
    if shuffle_labels:
        train_rows = shuffle_facts(train_rows, shuffle_labels)
    model, preprocess, tokenizer = build_untrained(load_settings().models_dir, settings.seed)
    views = views_of(model, preprocess, train_rows, settings, cache)
    print(f"{len(train_rows)} images, {views.numel() * 2 / 1e6:.0f} MB of views, {time.perf_counter() - began:.0f} s")
    losses = train(model, tokenizer, views, train_rows, settings)
    size = save(model, settings, out / WEIGHTS_FILE)
    facts = {
        "settings": asdict(settings), "losses": [round(loss, 4) for loss in losses], "bytes": size,
        "seconds": round(time.perf_counter() - began), "shuffled_labels": shuffle_labels,
        "train": sorted(row.id for row in train_rows), "test": sorted(row.id for row in test_rows),
    }  # fmt: skip
    (out / "split.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, {size / 1e6:.1f} MB, {facts['seconds']} s: {out / WEIGHTS_FILE}")


if __name__ == "__main__":
    typer.run(main)
