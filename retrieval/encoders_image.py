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
