"""Nearest vectors with FAISS: exact where the collection is small, an HNSW graph where it is not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.errors import SearchIndexError
from retrieval.encoders import Vectors

FLAT_LIMIT = 200_000
"""Up to so many vectors an exact search takes a few milliseconds per 10,000 and needs no tuning."""
EF_SEARCH = 96
"""Breadth of the graph search; recall@10 against exact search is in docs/retrieval.md."""
REPAIR = "wardround index build"


class DenseIndex:
    """Inner product over unit vectors (cosine). `rows[i]` is the passage number of vector i."""

    def __init__(self, index: Any, rows: NDArray[np.int64]):
        self._index = index
        self.rows = rows

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(
        cls, vectors: Vectors, rows: Sequence[int] | None = None, *, flat_limit: int = FLAT_LIMIT, links: int = 32
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
        dim = vectors.shape[1]
        if len(vectors) <= flat_limit:
            index: Any = faiss.IndexFlatIP(dim)
        else:
            index = faiss.IndexHNSWFlat(dim, links, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = 80
            index.hnsw.efSearch = EF_SEARCH
        index.add(vectors)
        numbers = np.arange(len(vectors)) if rows is None else np.asarray(rows)
        return cls(index, numbers.astype(np.int64))

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
        parameters = None if allowed is None else self._parameters(np.flatnonzero(allowed[self.rows]).astype(np.int64))
        cosines, found = self._index.search(queries, k, params=parameters)
        numbers = np.where(found >= 0, self.rows[np.clip(found, 0, None)], -1)
        return numbers, np.where(found >= 0, cosines, 0.0).astype(np.float32)

    def _parameters(self, keep: NDArray[np.int64]) -> Any:
        """What tells FAISS to look at these vectors only."""
        import faiss

        library: Any = faiss
        selector = library.IDSelectorBatch(keep)
        if isinstance(library.downcast_index(self._index), library.IndexHNSW):
            return library.SearchParametersHNSW(sel=selector, efSearch=EF_SEARCH)
        return library.SearchParameters(sel=selector)

    def vectors(self) -> Vectors:
        """All vectors, shape (n, d), in the order of `rows`."""
        if not len(self):
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.asarray(self._index.reconstruct_n(0, len(self)), dtype=np.float32)

    def save(self, folder: Path) -> None:
        import faiss

        folder.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self._index, str(folder / "vectors.faiss"))
        np.save(folder / "rows.npy", self.rows)
        (folder / "dense.json").write_text(json.dumps({"dim": self.dim, "count": len(self)}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "DenseIndex":
        """Maps the vectors from disk. Raises SearchIndexError if a file is absent, truncated or of another size."""
        import faiss

        try:
            index = faiss.read_index(str(folder / "vectors.faiss"), faiss.IO_FLAG_MMAP_IFC)
            rows = np.load(folder / "rows.npy", mmap_mode="r")
            declared = json.loads((folder / "dense.json").read_text(encoding="utf-8"))
        except (RuntimeError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:160]
            raise SearchIndexError(f"the vectors cannot be read: {reason}", where=str(folder), remedy=REPAIR) from error
        if index.ntotal != len(rows) or declared != {"dim": index.d, "count": index.ntotal}:
            raise SearchIndexError("vectors and rows do not belong together", where=str(folder), remedy=REPAIR)
        return cls(index, rows)
