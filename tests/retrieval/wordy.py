"""A small encoder with known behaviour: a text's vector is the sum of fixed random vectors of its concepts."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from retrieval.encoders import Vectors
from retrieval.lexical import tokens


class ConceptEncoder:
    """Words that `concepts` maps to one name mean the same to it; every other word has a meaning of its own."""

    def __init__(
        self, concepts: Mapping[str, str] | None = None, dim: int = 64, name: str = "concepts", revision: str = "1"
    ):
        self.concepts, self.dim, self.name, self.revision = dict(concepts or {}), dim, name, revision
        self.encoded = 0

    def encode(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        self.encoded += len(texts)
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in tokens(text) or ["nothing"]:
                row += self._vector(self.concepts.get(word, word))
            row /= np.linalg.norm(row)
        return rows

    def _vector(self, concept: str) -> Vectors:
        seed = int.from_bytes(hashlib.sha256(concept.encode()).digest()[:4], "big")
        return np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)
