"""The torchvision guard of `cases/`, under the name that callers on this floor and above know."""

from cases.torchvision_guard import install

__all__ = ["install"]
