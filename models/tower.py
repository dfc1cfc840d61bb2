"""The embedded image-text tower: an open_clip model whose projections and last image block we trained.

Image side: timm EfficientNet-Lite0; text side: all-MiniLM-L6-v2. Both trunks come from the model manifest, the few
megabytes that were trained on top of them are shipped in `models/weights/tower` (see its card.md). Research use.
"""

import hashlib
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases.errors import WeightsError
from models import torchvision_guard

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

NAME = "wardround-tower"
SHIPPED = Path(__file__).parent / "weights" / "tower"
WEIGHTS_FILE = "tower.safetensors"
IMAGE_TRUNK = "efficientnet-lite0/model.pth"
TEXT_TRUNK = "all-minilm-l6-v2"
MEAN = STD = (0.5, 0.5, 0.5)
"""What the EfficientNet-Lite weights were trained with: pixels in -1..1."""

BATCH = 16


class Tower:
    """Encodes images and texts into one space of unit vectors. Thread-safe."""

    name = NAME

    def __init__(self, model: Any, preprocess: Any, tokenizer: Any, revision: str):
        self.model, self.preprocess, self.tokenizer, self.revision = model, preprocess, tokenizer, revision
        self.dim: int = model.visual.head.proj.out_features
        self._lock = threading.Lock()

    def encode_images(self, images: Sequence["Image"]) -> "np.ndarray":
        """float32 (n, dim), rows of unit length; any image mode and size."""
        return self._encode(images, lambda batch: self.model.encode_image(self.pixels(batch), normalize=True))

    def encode_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """float32 (n, dim), rows of unit length; texts are cut after 64 tokens."""
        return self._encode(texts, lambda batch: self.model.encode_text(self.tokenizer(list(batch)), normalize=True))

    def feature_maps(self, images: Sequence["Image"]) -> "torch.Tensor":
        """float32 (n, 1280, 10, 10): the last feature map, before pooling and projection; what the VLM reads."""
        import torch

        with self._lock, torch.inference_mode():
            return self.model.visual.trunk.forward_features(self.pixels(images)).float()

    def pixels(self, images: Sequence["Image"]) -> "torch.Tensor":
        """float32 (n, 3, 320, 320) as the image trunk expects it."""
        import torch

        return torch.stack([self.preprocess(image.convert("RGB")) for image in images])

    def _encode(self, items: Sequence[Any], encode: Any) -> "np.ndarray":
        import numpy as np
        import torch

        parts = [np.empty((0, self.dim), np.float32)]
        with self._lock, torch.inference_mode():
            for start in range(0, len(items), BATCH):
                parts.append(encode(items[start : start + BATCH]).float().numpy())
        return np.concatenate(parts)


def load_tower(models_dir: Path, weights_dir: Path = SHIPPED) -> Tower:
    """The trained tower, loaded once per process and place.

    Raises WeightsError when a trunk is not in `models_dir` or the shipped weights are missing or damaged.
    """
    return _load(Path(models_dir).resolve(), Path(weights_dir).resolve())


@lru_cache(maxsize=4)
def _load(models_dir: Path, weights_dir: Path) -> Tower:
    model, preprocess, tokenizer = build_untrained(models_dir)
    path = weights_dir / WEIGHTS_FILE
    trained = read_weights(path)
    unknown = sorted(set(trained) - set(model.state_dict()))
    if unknown:
        raise WeightsError(f"holds tensors that the tower lacks: {', '.join(unknown[:3])}", where=str(path))
    model.load_state_dict({name: value.float() for name, value in trained.items()}, strict=False)
    return Tower(model.eval(), preprocess, tokenizer, revision_of(path))


def build_untrained(models_dir: Path, seed: int = 0) -> tuple[Any, Any, Any]:
    """(open_clip model, image preprocessing, tokenizer): trunks from `models_dir`, projections random from `seed`."""
    image_trunk, text_trunk = models_dir / IMAGE_TRUNK, models_dir / TEXT_TRUNK
    for path in (image_trunk, text_trunk / "model.safetensors"):
        if not path.is_file():
            raise WeightsError(
                "a trunk of the image-text tower is not on this machine",
                where=str(path), remedy="run `wardround models pull default`",
            )  # fmt: skip
    torchvision_guard.install()
    import open_clip
    import torch

    _register_config(open_clip)
    text_config = open_clip.get_model_config(NAME)["text_cfg"]
    text_config |= {"hf_model_name": str(text_trunk), "hf_model_pretrained": True}
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        model, _, preprocess = open_clip.create_model_and_transforms(
            NAME, text_cfg=text_config, image_mean=MEAN, image_std=STD, image_resize_mode="squash"
        )
    _load_image_trunk(model.visual.trunk, image_trunk)
    tokenizer = open_clip.tokenizer.HFTokenizer(str(text_trunk), context_length=text_config["context_length"])
    return model.eval(), preprocess, tokenizer


def _register_config(open_clip: Any) -> None:
    if NAME not in open_clip.list_models():
        open_clip.add_model_config(SHIPPED / f"{NAME}.json")


def _quiet() -> Any:
    """open_clip warns through the root logger that not all weights are its own; here that is meant."""
    import contextlib
    import logging

    @contextlib.contextmanager
    def muted() -> Any:
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)

    return muted()


def _load_image_trunk(trunk: Any, path: Path) -> None:
    """Fills timm's EfficientNet-Lite0 from a state dict with other names: same tensors in the same order."""
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(
            f"cannot be read: {error}", where=str(path), remedy="run `wardround models verify`, then pull it again"
        ) from error
    values = [v for k, v in stored.items() if "_fc" not in k and not k.endswith("num_batches_tracked")]
    names = [name for name in trunk.state_dict() if not name.endswith("num_batches_tracked")]
    shapes = [trunk.state_dict()[name].shape for name in names]
    if [value.shape for value in values] != shapes:
        raise WeightsError("is not an EfficientNet-Lite0", where=str(path), remedy="pull it again")
    trunk.load_state_dict(dict(zip(names, values, strict=True)), strict=False)


def read_weights(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file. Raises WeightsError when it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise WeightsError("shipped weights are missing", where=str(path), remedy="reinstall wardround")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"cannot be read: {error}", where=str(path), remedy="reinstall wardround") from error


def revision_of(*paths: Path) -> str:
    """Twelve hex digits that change with any byte of the files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
