"""Nearest vectors with FAISS: exact where the collection is small, a graph over 8-bit codes or product codes beyond.

Whatever is coded is rescored: the best codes are compared again by their full vectors, which stay on disk.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.errors import SearchIndexError
from retrieval.encoders import Vectors

REPAIR = "wardround index build"
FLAT_LIMIT = 50_000
"""Up to so many vectors an exact search costs about 0.25 ms per 1,000 on one core and needs no tuning."""
HNSW_LIMIT = 5_000_000
"""Up to so many a graph over 8-bit codes fits in memory (about 0.7 KB per vector of 384 dimensions)."""
EF_SEARCH = 128
"""Breadth of the graph search; recall against exact search is measured by benchmarks/index_scale.py."""
PROBED_SHARE = 1 / 16
"""Share of the inverted lists that a search of product codes reads; more where a filter leaves few vectors."""


class DenseKind(StrEnum):
    """How vectors are kept: as they are, 8-bit codes, a graph over 8-bit codes, inverted lists of product codes."""

    FLAT = "flat"
    SQ8 = "sq8"
    HNSW = "hnsw"
    IVFPQ = "ivfpq"


RESCORED = {DenseKind.FLAT: 1.0, DenseKind.SQ8: 1.5, DenseKind.HNSW: 1.5, DenseKind.IVFPQ: 8.0}
"""Codes whose full vectors are compared again, per vector asked for; never fewer than 32."""


def kind_for(count: int) -> DenseKind:
    """What a collection of that size is kept as unless the caller says otherwise."""
    if count <= FLAT_LIMIT:
        return DenseKind.FLAT
    return DenseKind.HNSW if count <= HNSW_LIMIT else DenseKind.IVFPQ


class DenseIndex:
    """Inner product over unit vectors (cosine). `rows[i]` is the passage number of vector i.

    `exact` holds the full vectors (float16, memory-mapped) of a coded index; a flat index is its own.
    """

    def __init__(
        self, index: Any, rows: NDArray[np.int64], *, kind: DenseKind = DenseKind.FLAT, exact: NDArray | None = None
    ):
        self._index, self._exact = index, exact
        self.rows, self.kind = rows, kind

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(
        cls, vectors: Vectors, rows: Sequence[int] | None = None, *, kind: DenseKind | None = None
    ) -> "DenseIndex":
        """Raises SearchIndexError for vectors that are not finite, not of unit length, or not one per row."""
        import faiss

        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if vectors.ndim != 2 or vectors.shape[1] == 0:
            raise SearchIndexError(f"vectors must have shape (n, d), got {vectors.shape}")
        if rows is not None and len(rows) != len(vectors):
            raise SearchIndexError(f"{len(vectors)} vectors for {len(rows)} passages")
        lengths = np.linalg.norm(vectors, axis=1)
        if len(vectors) and not bool(np.all(np.abs(lengths - 1) < 1e-3)):
            raise SearchIndexError("vectors must be finite and of unit length", remedy="normalise the encoder's output")
        kind = kind or kind_for(len(vectors))
        index: Any = faiss.index_factory(vectors.shape[1], _recipe(kind, *vectors.shape), faiss.METRIC_INNER_PRODUCT)
        if kind is DenseKind.HNSW:
            index.hnsw.efConstruction = 80
        if not index.is_trained:
            step = max(1, len(vectors) // 200_000)
            index.train(vectors[::step])
        index.add(vectors)
        numbers = np.arange(len(vectors)) if rows is None else np.asarray(rows)
        exact = None if kind is DenseKind.FLAT else vectors.astype(np.float16)
        return cls(index, numbers.astype(np.int64), kind=kind, exact=exact)

    def search(
        self, queries: Vectors, k: int, *, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], Vectors]:
        """Passage numbers and cosines, each of shape (n, k); -1 where fewer were found.

        `allowed[i]` says whether passage number i may be returned. Raises SearchIndexError for another dimension.
        """
        queries = np.ascontiguousarray(np.atleast_2d(queries), dtype=np.float32)
        if queries.shape[1] != self.dim:
            raise SearchIndexError(
                f"the query has {queries.shape[1]} dimensions, the index {self.dim}: another encoder made it",
                remedy=REPAIR,
            )
        k = max(1, min(k, len(self)))
        if not len(self):
            return np.full((len(queries), 1), -1, dtype=np.int64), np.zeros((len(queries), 1), dtype=np.float32)
        keep = None if allowed is None else np.flatnonzero(allowed[self.rows]).astype(np.int64)
        wanted = k if self._exact is None else min(len(self), max(32, int(RESCORED[self.kind] * k)))
        cosines, found = self._index.search(queries, wanted, params=self._parameters(keep, wanted))
        if self._exact is not None:
            cosines, found = self._rescored(queries, found, k)
        numbers = np.where(found >= 0, self.rows[np.clip(found, 0, None)], -1)
        return numbers, np.where(found >= 0, cosines, 0.0).astype(np.float32)

    def _rescored(self, queries: Vectors, found: NDArray, k: int) -> tuple[Vectors, NDArray]:
        assert self._exact is not None
        best_cosines = np.zeros((len(queries), k), dtype=np.float32)
        best_found = np.full((len(queries), k), -1, dtype=np.int64)
        for row, (query, candidates) in enumerate(zip(queries, found, strict=True)):
            candidates = np.sort(candidates[candidates >= 0])
            cosines = np.asarray(self._exact[candidates], dtype=np.float32) @ query
            order = np.argsort(-cosines, kind="stable")[:k]
            best_cosines[row, : len(order)] = cosines[order]
            best_found[row, : len(order)] = candidates[order]
        return best_cosines, best_found

    def _parameters(self, keep: NDArray[np.int64] | None, wanted: int) -> Any:
        """How widely FAISS looks, and at which vectors only."""
        import faiss

        library: Any = faiss
        chosen = {} if keep is None else {"sel": library.IDSelectorBatch(keep)}
        if self.kind is DenseKind.HNSW:
            return library.SearchParametersHNSW(efSearch=max(EF_SEARCH, wanted), **chosen)
        if self.kind is DenseKind.IVFPQ:
            lists = int(library.extract_index_ivf(self._index).nlist)
            share = PROBED_SHARE if keep is None else min(1.0, PROBED_SHARE * len(self) / max(1, len(keep)))
            return library.SearchParametersIVF(nprobe=max(8, int(lists * share)), **chosen)
        return library.SearchParameters(**chosen) if chosen else None

    def vectors(self) -> Vectors:
        """All vectors, shape (n, d), in the order of `rows`; those of a coded index to half precision."""
        if not len(self):
            return np.zeros((0, self.dim), dtype=np.float32)
        if self._exact is None:
            return np.asarray(self._index.reconstruct_n(0, len(self)), dtype=np.float32)
        full = np.asarray(self._exact, dtype=np.float32)
        return full / np.linalg.norm(full, axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        import faiss

        folder.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self._index, str(folder / "vectors.faiss"))
        np.save(folder / "rows.npy", self.rows)
        if self._exact is not None:
            np.save(folder / "exact.npy", self._exact)
        about = {"dim": self.dim, "count": len(self), "kind": self.kind.value}
        (folder / "dense.json").write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "DenseIndex":
        """Maps the vectors from disk. Raises SearchIndexError if a file is absent, truncated or of another size."""
        import faiss

        try:
            about = json.loads((folder / "dense.json").read_text(encoding="utf-8"))
            kind = DenseKind(about.get("kind", "flat"))
            flags = faiss.IO_FLAG_MMAP if kind is DenseKind.IVFPQ else faiss.IO_FLAG_MMAP_IFC
            index = faiss.read_index(str(folder / "vectors.faiss"), flags)
            rows = np.load(folder / "rows.npy", mmap_mode="r")
            exact = None if kind is DenseKind.FLAT else np.load(folder / "exact.npy", mmap_mode="r")
        except (RuntimeError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:160]
            raise SearchIndexError(f"the vectors cannot be read: {reason}", where=str(folder), remedy=REPAIR) from error
        is_whole = index.ntotal == len(rows) and (about["dim"], about["count"]) == (index.d, index.ntotal)
        if not is_whole or (exact is not None and exact.shape != (index.ntotal, index.d)):
            raise SearchIndexError("vectors and rows do not belong together", where=str(folder), remedy=REPAIR)
        return cls(index, rows, kind=kind, exact=exact)


def _recipe(kind: DenseKind, count: int, dim: int) -> str:
    """FAISS's name of the index."""
    if kind is DenseKind.IVFPQ:
        lists = int(np.clip(4 * np.sqrt(count), 1, max(1, count // 39)))
        pieces = next(size for size in (dim // 4, dim // 2, dim, 1) if size and dim % size == 0)
        return f"IVF{lists},PQ{pieces}x4fs"
    return {DenseKind.FLAT: "Flat", DenseKind.SQ8: "SQ8", DenseKind.HNSW: "HNSW32_SQ8"}[kind]
