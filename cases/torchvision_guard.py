"""Lets a torchvision wheel built for CUDA import beside a torch without CUDA.

Such a wheel cannot load its compiled operators there. Its Python part then fails on the first operator that it
describes to torch, and takes timm, open_clip, transformers and sentence-transformers down with it. Declaring the
operators' signatures beforehand is enough: transforms and models work; the operators themselves stay absent.
"""

import re
import sys
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_SIGNATURES = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@cache
def install() -> bool:
    """Declare the missing operators; true when that was needed. Call it before the first import of torchvision.

    Imports torch (seconds), so call it inside the function that needs an image library. Every process needs its own
    call. Does nothing where torchvision is absent, already imported, or built like torch.
    """
    if "torchvision" in sys.modules or not _is_cuda_wheel():
        return False
    import torch

    if torch.version.cuda is not None or hasattr(torch.ops.torchvision, "nms"):
        return False
    library = torch.library.Library("torchvision", "FRAGMENT")
    for signature in _SIGNATURES:
        library.define(signature)
    _held.append(library)
    return True


def install_lazily() -> None:
    """The same, but only when torchvision is first imported: for the start of a process, costs nothing by itself."""
    if "torchvision" not in sys.modules:
        sys.meta_path.insert(0, _OnImport())


class _OnImport(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            install()


_held: list[Any] = []
"""torch forgets the declarations of a library that nobody holds."""


def _is_cuda_wheel() -> bool:
    """Whether the installed torchvision says that it was built for CUDA; read from its file, not imported."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py")
    text = version.read_text(encoding="utf-8") if version.is_file() else ""
    return re.search(r"^cuda\s*=\s*['\"]|\+cu\d", text, re.MULTILINE) is not None
