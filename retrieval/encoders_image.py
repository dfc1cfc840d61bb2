"""Image-text encoders behind one protocol: images and texts into one space of unit vectors."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from cases.errors import SearchIndexError

if TYPE_CHECKING:
    from PIL.Image import Image

    from retrieval.encoders import Vectors


@runtime_checkable
class ImageTextEncoder(Protocol):
    """What an image index needs of an encoder. The embedded tower is one, `OpenClipEncoder` another."""

    name: str
    revision: str
    dim: int

    def encode_images(self, images: "Sequence[Image]") -> "Vectors":
        """float32 array of shape (len(images), dim), each row of length 1."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> "Vectors":
        """float32 array of shape (len(texts), dim), each row of length 1."""
        ...


class OpenClipEncoder:
    """Any open_clip model: one already made, one by name and pretrained tag or hub id, or one in a local folder."""

    def __init__(self, model: Any, preprocess: Any, tokenizer: Any, *, name: str, revision: str, batch_size: int = 16):
        self._model = model.eval()
        self._preprocess, self._tokenizer = preprocess, tokenizer
        self.name, self.revision, self.batch_size = name, revision, batch_size
        self.dim = int(self._texts(["image"]).shape[1])

    @classmethod
    def open(cls, name: str, pretrained: str | None = None, *, batch_size: int = 16) -> "OpenClipEncoder":
        """By architecture and pretrained tag (`ViT-B-32`, `openai`) or by `hf-hub:owner/model`.

        Raises SearchIndexError if open_clip does not know it or the weights cannot be had.
        """
        return cls._created(name, pretrained, name=name, revision=pretrained or "hub", batch_size=batch_size)

    @classmethod
    def from_folder(cls, folder: Path, *, batch_size: int = 16) -> "OpenClipEncoder":
        """A folder with `open_clip_config.json` and `open_clip_model.safetensors` (or `.bin`, `.pt`).

        The revision is a hash of the weights, so that an index made with other weights is refused.
        """
        weights = [
            path for pattern in ("*.safetensors", "*.bin", "*.pt", "*.pth") for path in sorted(folder.glob(pattern))
        ]
        if not (folder / "open_clip_config.json").is_file() or not weights:
            raise SearchIndexError(
                "no open_clip model is here", where=str(folder), remedy="it needs open_clip_config.json and weights"
            )
        with weights[0].open("rb") as stream:
            revision = hashlib.file_digest(stream, "sha256").hexdigest()[:12]
        return cls._created(
            f"local-dir:{folder.resolve()}", None, name=folder.name, revision=revision, batch_size=batch_size
        )

    @classmethod
    def _created(
        cls, source: str, pretrained: str | None, *, name: str, revision: str, batch_size: int
    ) -> "OpenClipEncoder":
        from cases.torchvision_guard import install

        install()
        import open_clip

        try:
            model, _, preprocess = open_clip.create_model_and_transforms(source, pretrained=pretrained, device="cpu")
            tokenizer = open_clip.get_tokenizer(source)
        except (RuntimeError, ValueError, OSError, KeyError) as error:
            reason = str(error).splitlines()[0][:200]
            raise SearchIndexError(
                f"the open_clip model cannot be loaded: {reason}",
                where=source,
                remedy="check the name, folder or network",
            ) from error
        return cls(model, preprocess, tokenizer, name=name, revision=revision, batch_size=batch_size)

    def encode_images(self, images: "Sequence[Image]") -> "Vectors":
        """Any mode and size; read as RGB."""
        import torch

        rows = []
        with torch.inference_mode():
            for start in range(0, len(images), self.batch_size):
                batch = [self._preprocess(image.convert("RGB")) for image in images[start : start + self.batch_size]]
                rows.append(self._model.encode_image(torch.stack(batch), normalize=True).float())
        return self._array(rows)

    def encode_texts(self, texts: Sequence[str]) -> "Vectors":
        """Texts beyond the model's context length are cut at its end."""
        rows = [self._texts(texts[start : start + self.batch_size]) for start in range(0, len(texts), self.batch_size)]
        return self._array(rows)

    def _texts(self, texts: Sequence[str]) -> Any:
        import torch

        with torch.inference_mode():
            return self._model.encode_text(self._tokenizer(list(texts)), normalize=True).float()

    def _array(self, rows: list[Any]) -> "Vectors":
        import numpy as np
        import torch

        return torch.cat(rows).numpy() if rows else np.zeros((0, self.dim), dtype=np.float32)


class SiglipEncoder:
    """A SigLIP or CLIP model of transformers (`google/medsiglip-448`, a local folder): images and texts by AutoModel.

    Give an id or folder to `open`, or a model, an image processor and a tokenizer that are already made.
    """

    def __init__(
        self, model: Any, images: Any, tokenizer: Any, *, name: str, revision: str, batch_size: int = 8,
        text_length: int = 64,
    ):  # fmt: skip
        self._model, self._images, self._tokenizer = model.eval(), images, tokenizer
        self.name, self.revision, self.batch_size, self.text_length = name, revision, batch_size, text_length
        self.dim = int(self._texts(["image"]).shape[1])

    @classmethod
    def open(cls, source: str | Path, *, batch_size: int = 8) -> "SiglipEncoder":
        """Raises SearchIndexError if the model cannot be had (gated models need the user's own access)."""
        from cases.torchvision_guard import install

        install()
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        try:
            model = AutoModel.from_pretrained(str(source))
            images, tokenizer = (kind.from_pretrained(str(source)) for kind in (AutoImageProcessor, AutoTokenizer))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[0][:200]
            raise SearchIndexError(
                f"the image-text model cannot be loaded: {reason}", where=str(source),
                remedy="check the id, its terms of use, or the folder",
            ) from error  # fmt: skip
        revision = str(getattr(model.config, "_commit_hash", None) or _weights_hash(Path(source)))[:12]
        name = Path(source).name if Path(source).is_dir() else str(source)
        return cls(model, images, tokenizer, name=name, revision=revision, batch_size=batch_size)

    def encode_images(self, images: "Sequence[Image]") -> "Vectors":
        """Any mode and size; read as RGB."""
        import torch

        rows = []
        with torch.inference_mode():
            for start in range(0, len(images), self.batch_size):
                batch = [image.convert("RGB") for image in images[start : start + self.batch_size]]
                pixels = self._images(images=batch, return_tensors="pt")["pixel_values"]
                rows.append(_pooled(self._model.get_image_features(pixel_values=pixels)))
        return self._array(rows)

    def encode_texts(self, texts: Sequence[str]) -> "Vectors":
        """Texts beyond the model's length are cut at its end."""
        rows = [self._texts(texts[start : start + self.batch_size]) for start in range(0, len(texts), self.batch_size)]
        return self._array(rows)

    def _texts(self, texts: Sequence[str]) -> Any:
        import torch

        tokens = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self.text_length, return_tensors="pt"
        )
        with torch.inference_mode():
            return _pooled(self._model.get_text_features(input_ids=tokens["input_ids"]))

    def _array(self, rows: list[Any]) -> "Vectors":
        import numpy as np
        import torch

        if not rows:
            return np.zeros((0, self.dim), dtype=np.float32)
        return torch.nn.functional.normalize(torch.cat(rows), dim=1).numpy()


def open_image_encoder(source: str | Path) -> "ImageTextEncoder":
    """The encoder slot: an open_clip folder or name (`hf-hub:microsoft/BiomedCLIP...`), else a transformers model."""
    path = Path(source)
    if path.is_dir():
        is_open_clip = (path / "open_clip_config.json").is_file()
        return OpenClipEncoder.from_folder(path) if is_open_clip else SiglipEncoder.open(path)
    if str(source).startswith("hf-hub:") or "/" not in str(source):
        return OpenClipEncoder.open(str(source))
    return SiglipEncoder.open(source)


def zero_shot(
    encoder: "ImageTextEncoder", images: "Sequence[Image]", positive: Sequence[str], negative: Sequence[str]
) -> "Vectors":
    """One score per image: its mean cosine to the positive prompts minus that to the negative ones."""
    vectors = encoder.encode_images(images)
    toward, away = (encoder.encode_texts(texts).mean(axis=0) for texts in (positive, negative))
    return vectors @ (toward - away)


def _pooled(output: Any) -> Any:
    """The pooled vectors of what `get_*_features` returns: a tensor, or an output that holds one."""
    return (output if hasattr(output, "dim") else output.pooler_output).float()


def _weights_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
