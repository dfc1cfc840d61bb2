"""The network behind the embedded VLM: image tower -> projector -> SmolLM2-135M with a LoRA.

Ten visual tokens per image, one for the whole and nine for a 3x3 grid of its last feature map; each is read by the
projector together with the whole and with its own number, so that a token can specialise. Features are taken in the
tower's image-text space, where what the captions named is what stands out. The reply is one short line,
`finding: TEXT; answer: LABEL`. Where options are given, TEXT is the words of the chosen option: their probability is
what a choice is scored by, because a model of this size binds letters to options badly.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases.errors import WeightsError
from models import torchvision_guard
from models.tower import Tower

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

GRID = 3
TOKENS = GRID * GRID + 1
FEATURES = 2 * 256 + TOKENS
"""The whole image's vector, the token's own, and its number as one of ten."""
BEFORE_IMAGE = "<|im_start|>user\n"
END = "<|im_end|>"


def prompt(question: str, options: dict[str, str] | None = None) -> str:
    """What follows the visual tokens: question, options one a line, and the assistant's turn."""
    lines = [question.strip(), *(f"{label}. {text.strip()}" for label, text in (options or {}).items())]
    return "\n" + "\n".join(lines) + f"{END}\n<|im_start|>assistant\n"


def reply(finding: str, label: str | None = None) -> str:
    """The line that the model is trained to say."""
    return f"finding: {finding};" + (f" answer: {label}" if label else "")


def new_projector(features: int, width: int) -> Any:
    """A two-layer MLP into the language model's embedding space, as in LLaVA 1.5, behind a fixed rescaling.

    The first layer is the identity until training sets it to standardise its inputs; it is never trained.
    """
    import torch
    from torch import nn

    rescale = nn.Linear(features, features)
    with torch.no_grad():
        rescale.weight.copy_(torch.eye(features))
        rescale.bias.zero_()
    rescale.requires_grad_(False)
    return nn.Sequential(rescale, nn.Linear(features, width), nn.GELU(), nn.Linear(width, width))


def visual_features(maps: "torch.Tensor", head: Any) -> "torch.Tensor":
    """(n, c, h, w) feature maps -> (n, 10, 522): what the projector reads, whole first, then cells in reading order.

    `head` is the tower's projection from c channels to 256; both vectors have unit length.
    """
    import torch
    import torch.nn.functional as F

    whole = maps.mean((2, 3))[:, None]
    cells = F.adaptive_avg_pool2d(maps, GRID).flatten(2).transpose(1, 2)
    vectors = F.normalize(head(torch.cat([whole, cells], dim=1)), dim=-1)
    numbers = torch.eye(TOKENS).expand(len(maps), -1, -1)
    return torch.cat([vectors[:, :1].expand_as(vectors), vectors, numbers], dim=-1)


def load_language_model(folder: Path) -> tuple[Any, Any]:
    """(model in float32, tokenizer) of SmolLM2: from `folder/hf`, which is made from `folder/model.gguf` if absent.

    Raises WeightsError when neither is there.
    """
    ready, gguf = folder / "hf", folder / "model.gguf"
    if not (ready / "config.json").is_file() and not gguf.is_file():
        raise WeightsError(
            "the VLM's language model is not on this machine",
            where=str(folder), remedy="run `wardround models pull default`",
        )  # fmt: skip
    torchvision_guard.install()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source: tuple[Path, dict[str, str]] = (
        (ready, {}) if (ready / "config.json").is_file() else (folder, {"gguf_file": gguf.name})
    )
    try:
        tokenizer = AutoTokenizer.from_pretrained(source[0], **source[1])
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source[0], dtype=torch.float32, output_loading_info=True, **source[1]
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"cannot be read: {error}", where=str(source[0]), remedy="run `wardround models verify`"
        ) from error
    model, info = loaded
    if "lm_head.weight" in info["missing_keys"]:  # SmolLM2 shares it with the embeddings, and a GGUF does not say so
        model.lm_head.weight = model.get_input_embeddings().weight
    return model.eval(), tokenizer


class VisionLanguage:
    """Tower, projector and language model as one; not thread-safe by itself."""

    def __init__(self, tower: Tower, projector: Any, language: Any, tokenizer: Any):
        self.tower, self.projector, self.language, self.tokenizer = tower, projector, language, tokenizer

    def embed_text(self, text: str) -> "torch.Tensor":
        """(1, tokens, width)."""
        return self.language.get_input_embeddings()(self.token_ids(text)[None])

    def token_ids(self, text: str) -> "torch.Tensor":
        """(tokens,), no special tokens added."""
        import torch

        return torch.tensor(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def features(self, images: Sequence["Image"]) -> "torch.Tensor":
        """(n, 10, 522): what the projector reads."""
        return visual_features(self.tower.feature_maps(images), self.tower.model.visual.head)

    def embed(self, features: "torch.Tensor", text: str) -> "torch.Tensor":
        """(1, length, width): one image's features (10, 522) with the prompt around them."""
        import torch

        return torch.cat([self.embed_text(BEFORE_IMAGE), self.projector(features[None]), self.embed_text(text)], dim=1)

    def write(self, embedded: "torch.Tensor", max_tokens: int) -> tuple[str, int]:
        """Greedy continuation: (text without the end mark, tokens)."""
        import torch

        with torch.inference_mode():
            ids = self.language.generate(
                inputs_embeds=embedded, attention_mask=torch.ones(embedded.shape[:2], dtype=torch.long),
                max_new_tokens=max_tokens, do_sample=False, eos_token_id=self.token_ids(END)[0].item(),
                pad_token_id=self.token_ids(END)[0].item(),
            )[0]  # fmt: skip
        return self.tokenizer.decode(ids, skip_special_tokens=True).strip(), len(ids)

    def log_probabilities(self, embedded: "torch.Tensor", continuations: Sequence[str]) -> list[float]:
        """Natural log-probability of each text as the continuation; the prompt is read once."""
        import torch

        ids = [self.token_ids(text) for text in continuations]
        longest = max(len(line) for line in ids)
        padded = torch.stack([torch.nn.functional.pad(line, (0, longest - len(line))) for line in ids])
        mask = torch.stack([torch.arange(longest) < len(line) for line in ids])
        with torch.inference_mode():
            first = self.language(inputs_embeds=embedded, use_cache=True, logits_to_keep=1)
            cache = first.past_key_values
            cache.batch_repeat_interleave(len(ids))
            rest = self.language(
                input_ids=padded[:, :-1], past_key_values=cache, use_cache=True,
                attention_mask=torch.cat([torch.ones(len(ids), embedded.shape[1]), mask[:, :-1]], dim=1).long(),
            ).logits  # fmt: skip
            logits = torch.cat([first.logits[:, -1:].expand(len(ids), -1, -1), rest], dim=1).log_softmax(-1)
            chosen = logits.gather(2, padded[:, :, None])[:, :, 0]
        return (chosen * mask).sum(1).tolist()
