"""Trains the embedded VLM: a projector from the image tower into SmolLM2-135M, and a LoRA on that language model.

LLaVA's two stages (Liu et al., 2023). Alignment departs from the paper: instead of captioning through the language
model, the projector is fitted, in seconds, to place an image at the word embeddings of its facts, so that the second
stage finds visual tokens that already mean something. Then projector and LoRA are tuned on questions, with loss on
the reply alone. The tower is frozen and its features are computed once per augmented view, so that a step costs one
pass of the language model. trl's SFTTrainer is not used: it wants a model that reads pixels or tokens, and this one
reads cached features.

    python -m training.vlm --data ../shared/data/multimodal --out models/weights/vlm
    python -m training.vlm --data ... --out DIR --shuffle-labels 1       # null control, same budget
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.images import MODALITIES, TASKS, ImageRow
from training.vlm_questions import Turn, draw_turn

if TYPE_CHECKING:
    import torch

LORA_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class VlmSettings:
    """What a run of training can vary."""

    steps: int = 96
    batch: int = 8
    lr: float = 4e-4
    projector_lr: float = 3e-4
    align_epochs: int = 20
    align_lr: float = 1e-3
    rank: int = 8
    warmup: float = 0.1
    seed: int = 0
    use_bf16: bool = True
    """The frozen base in bfloat16 (twice as fast where the CPU has it); what is trained stays in float32."""


def add_lora(language: Any, rank: int) -> Any:
    """The language model frozen, with a LoRA on every linear layer of its blocks."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules=list(LORA_MODULES), task_type="CAUSAL_LM"
    )
    return get_peft_model(language, config)


def cache_features(model: Any, views: "torch.Tensor", trained_blocks: int) -> "torch.Tensor":
    """float16 (n, views, tokens, features): what the projector reads, from the tower's cached maps of each view."""
    import torch

    from models.vision_language import visual_features
    from training.tower import last_maps

    visual = model.visual
    with torch.inference_mode():
        rows = [visual_features(last_maps(visual, row.float(), trained_blocks), visual.head).half() for row in views]
    return torch.stack(rows).clone()


def word_targets(network: Any, rows: Sequence[ImageRow], tokens: int) -> "torch.Tensor":
    """(n, tokens, width): where in the space of word embeddings each visual token of each row should lie.

    Every token lies at the modality's words. The first is moved by every fact, the others by one fact each, in turn:
    by how its words differ from those of the task's other values, doubled, since "maculopathy" and "no maculopathy"
    lie close together.
    """
    import torch

    def mean(text: str) -> "torch.Tensor":
        return network.embed_text(text)[0].detach().float().mean(0)

    places = {name: mean(" " + phrases[0]) for name, phrases in MODALITIES.items()}
    offsets: dict[tuple[str, str], torch.Tensor] = {}
    for task in TASKS.values():
        words = {value: mean(" " + task.option(value)) for value in task.phrases}
        centre = torch.stack(list(words.values())).mean(0)
        offsets |= {(task.name, value): 2 * (place - centre) for value, place in words.items()}
    result = torch.stack([places[row.dataset] for row in rows])[:, None].repeat(1, tokens, 1)
    for i, row in enumerate(rows):
        tasks = [task.name for task in TASKS.values() if task.dataset == row.dataset]
        for name, value in row.facts.items():
            result[i, 0] += offsets[name, value]
            result[i, 1 + tasks.index(name) :: len(tasks)] += offsets[name, value]
    return result


def align(network: Any, features: "torch.Tensor", rows: Sequence[ImageRow], settings: VlmSettings) -> list[float]:
    """First stage, in place: the visual tokens of an image are fitted to the places of its facts among the words."""
    import torch
    import torch.nn.functional as F

    torch.manual_seed(settings.seed)
    rescale = network.projector[0]
    flat = features.float().flatten(0, 2)
    with torch.no_grad():
        spread = flat.std(0) + 1e-4
        rescale.weight.copy_(torch.diag(1 / spread))
        rescale.bias.copy_(-flat.mean(0) / spread)
    target = word_targets(network, rows, features.shape[2])
    unit = target.std()
    trained = [p for p in network.projector.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.align_lr, weight_decay=0.1)
    losses = []
    for _ in range(settings.align_epochs):
        total, batches = 0.0, torch.randperm(len(rows)).split(32)
        for chosen in batches:
            view = torch.randint(features.shape[1], (len(chosen),))
            seen = F.dropout(features[chosen, view].float(), 0.2)
            loss = ((network.projector(seen) - target[chosen]) / unit).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(batches))
    return losses


def collate(turns: Sequence[Turn], features: "torch.Tensor", network: Any) -> "tuple[torch.Tensor, torch.Tensor]":
    """(embeddings (n, length, width), labels (n, length)): right-padded; labels are -100 except on the reply."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    from models.vision_language import BEFORE_IMAGE, END

    visual = network.projector(features.float())
    rows, labels = [], []
    for turn, tokens in zip(turns, visual, strict=True):
        answer = network.token_ids(turn.reply + END)
        parts = [network.embed_text(BEFORE_IMAGE)[0], tokens, network.embed_text(turn.prompt)[0]]
        before = sum(len(part) for part in parts)
        rows.append(torch.cat([*parts, network.language.get_input_embeddings()(answer)]))
        labels.append(torch.cat([torch.full((before,), -100), answer]))
    return pad_sequence(rows, batch_first=True), pad_sequence(labels, batch_first=True, padding_value=-100)


def reply_loss(language: Any, embedded: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """Cross-entropy of the reply's tokens; the vocabulary is only projected onto where a label is.

    No attention mask: padding is on the right, where a causal model's real tokens never look.
    """
    import torch.nn.functional as F

    decoder = language.get_base_model() if hasattr(language, "get_base_model") else language
    hidden = decoder.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
    wanted = labels[:, 1:] != -100
    return F.cross_entropy(decoder.lm_head(hidden[:, :-1][wanted]).float(), labels[:, 1:][wanted])


def draw_batches(rows: Sequence[ImageRow], batch: int, generator: random.Random) -> list[list[Turn]]:
    """One turn for every row, in batches of like length (padding costs as much as text), batches in random order."""
    turns = [draw_turn(i, row, generator) for i, row in enumerate(rows)]
    turns.sort(key=lambda turn: (len(turn.prompt) + len(turn.reply), generator.random()))
    batches = [turns[at : at + batch] for at in range(0, len(turns), batch)]
    return generator.sample(batches, len(batches))


def train(
    network: Any, features: "torch.Tensor", rows: Sequence[ImageRow], settings: VlmSettings,
    on_step: Callable[[int, float], None] | None = None,
) -> list[float]:  # fmt: skip
    """Trains projector and LoRA in place; returns the loss of every step."""
    import torch

    torch.manual_seed(settings.seed)
    generator = random.Random(settings.seed)
    lora = [p for p in network.language.parameters() if p.requires_grad]
    projector = [p for p in network.projector.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": lora, "lr": settings.lr}, {"params": projector, "lr": settings.projector_lr}],
        weight_decay=0.01,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [settings.lr, settings.projector_lr], total_steps=settings.steps, pct_start=settings.warmup
    )
    network.language.train()
    network.projector.train()
    losses: list[float] = []
    batches: list[list[Turn]] = []
    for step in range(settings.steps):
        if not batches:
            batches = draw_batches(rows, settings.batch, generator)
        turns = batches.pop()
        views = torch.stack([features[turn.row, generator.randrange(features.shape[1])] for turn in turns])
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.use_bf16):
            loss = reply_loss(network.language, *collate(turns, views, network))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*lora, *projector], 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if on_step is not None:
            on_step(step, losses[-1])
    network.language.eval()
    network.projector.eval()
    return losses


def save(network: Any, out: Path) -> int:
    """Writes projector and adapter as float16 safetensors and the adapter's config; returns the bytes of both."""
    import json

    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    projector = {name: value.to(torch.float16).contiguous() for name, value in network.projector.state_dict().items()}
    save_file(projector, out / "projector.safetensors")
    adapter = get_peft_model_state_dict(network.language)
    save_file({k: v.to(torch.float16).contiguous() for k, v in adapter.items()}, out / "adapter_model.safetensors")
    config = network.language.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": "smollm2-135m-instruct", "inference_mode": True}
    plain = {k: sorted(v) if isinstance(v, set) else v for k, v in config.items() if v is not None}
    (out / "adapter_config.json").write_text(json.dumps(plain, indent=1, default=str) + "\n", encoding="utf-8")
    return sum((out / name).stat().st_size for name in ("projector.safetensors", "adapter_model.safetensors"))


def main(
    data: Annotated[Path, typer.Option(help="Folder with busi_us/, dr_fundus/, covid_cxr/, bccd_blood/.")],
    out: Annotated[Path, typer.Option(help="Where projector, adapter and run.json are written.")],
    steps: int = VlmSettings.steps,
    shuffle_labels: Annotated[int, typer.Option(help="Seed of the null control; 0 trains on the true labels.")] = 0,
    tower: Annotated[Path | None, typer.Option(help="Another tower's weights; default: the shipped ones.")] = None,
    cache: Annotated[Path | None, typer.Option(help="File that keeps the frozen trunk's maps between runs.")] = None,
) -> None:
    """Trains on the train side of the split (the tower's own) and writes the shipped files."""
    import json

    import torch

    from cases.settings import load_settings
    from models.embedded_vlm import LANGUAGE_MODEL
    from models.tower import SHIPPED, load_tower
    from models.vision_language import FEATURES, VisionLanguage, load_language_model, new_projector
    from training.images import load_rows, shuffle_facts, split
    from training.tower import TowerSettings, views_of

    began = time.perf_counter()
    settings = VlmSettings(steps=steps)
    rows, _ = split(load_rows(data))
    models_dir = load_settings().models_dir
    seeing = load_tower(models_dir, tower or SHIPPED)
    with_views = TowerSettings()
    views = views_of(seeing.model, seeing.preprocess, rows, with_views, cache)
    features = cache_features(seeing.model, views, with_views.trained_blocks)
    print(f"{len(rows)} images, {features.numel() * 2 / 1e6:.0f} MB, {time.perf_counter() - began:.0f} s", flush=True)
    if shuffle_labels:
        rows = shuffle_facts(rows, shuffle_labels)
    language, tokenizer = load_language_model(models_dir / LANGUAGE_MODEL)
    if settings.use_bf16:
        language = language.to(torch.bfloat16)
    torch.manual_seed(settings.seed)
    projector = new_projector(FEATURES, language.config.hidden_size)
    network = VisionLanguage(seeing, projector, add_lora(language, settings.rank), tokenizer)

    def show(step: int, loss: float) -> None:
        if step % 20 == 0:
            print(f"step {step} loss {loss:.3f} {time.perf_counter() - began:.0f} s", flush=True)

    aligned = align(network, features, rows, settings)
    print(f"aligned: {aligned[0]:.3f} -> {aligned[-1]:.3f}, {time.perf_counter() - began:.0f} s", flush=True)
    losses = train(network, features, rows, settings, show)
    facts = {
        "align": [round(loss, 4) for loss in aligned],
        "settings": asdict(settings), "shuffled_labels": shuffle_labels, "bytes": save(network, out),
        "seconds": round(time.perf_counter() - began), "tower": seeing.revision,
        "losses": [round(sum(losses[i : i + 20]) / len(losses[i : i + 20]), 4) for i in range(0, len(losses), 20)],
    }  # fmt: skip
    (out / "run.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, {facts['seconds']} s: {out}")


if __name__ == "__main__":
    typer.run(main)
