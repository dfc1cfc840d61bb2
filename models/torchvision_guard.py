"""Lets a torchvision built for CUDA import beside a torch built for the CPU.

Such a torchvision cannot load its C++ operators, so that registering fake kernels for `torchvision::nms` and
`torchvision::qnms` fails at import, and with it everything that imports torchvision (transformers, timm, open_clip).
Declaring the two operators first is enough: image transforms need none of them. Where the builds match, nothing
is done. Call `install()` before the first torchvision import of a process.
"""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class _DeclareOperators(MetaPathFinder):
    """Declares the operators at the moment torchvision is first looked for; never finds a module itself."""

    def __init__(self) -> None:
        self.library: Any = None

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname == "torchvision" and self.library is None and _is_built_for_cuda():
            import torch

            if torch.version.cuda is None:
                self.library = torch.library.Library("torchvision", "FRAGMENT")
                for operator in OPERATORS:
                    self.library.define(operator)
        return None


def _is_built_for_cuda() -> bool:
    spec = PathFinder.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py")
    return version.is_file() and "+cu" in version.read_text(encoding="utf-8")


def install() -> None:
    """Makes the guard part of this process; a second call does nothing."""
    if not any(isinstance(finder, _DeclareOperators) for finder in sys.meta_path):
        sys.meta_path.insert(0, _DeclareOperators())


def is_available() -> bool:
    """Whether torchvision is installed at all (it is not imported)."""
    return importlib.util.find_spec("torchvision") is not None
