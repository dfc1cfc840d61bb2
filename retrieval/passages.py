"""The passages of an index on disk: read one by number without reading the rest, filter all without reading any."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from cases.case import Record
from cases.errors import SearchIndexError
from cases.evidence import Passage

REPAIR = "wardround index build"


class Filters(Record):
    """Which passages may be returned. Passages without a date pass a date filter only if `allow_undated`."""

    allow_retracted: bool = False
    published_from: date | None = None
    published_until: date | None = None
    allow_undated: bool = True
    sources: tuple[str, ...] = Field(default=(), description="Beginnings of the source; empty: any.")
    licences: tuple[str, ...] = Field(default=(), description="Exact licences; empty: any.")
    sections: tuple[str, ...] = Field(default=(), description="Beginnings of the section; empty: any.")

    @property
    def is_open(self) -> bool:
        return self == Filters(allow_retracted=True)


class PassageStore:
    """`passages.jsonl` with the byte offset of each line, and the columns that filters read."""

    def __init__(self, path: Path, offsets: NDArray[np.int64], columns: dict[str, list]):
        self._path, self._offsets, self._columns = path, offsets, columns
        self._numbers: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def ids(self) -> list[str]:
        """The id of every passage, in order."""
        return self._columns["id"]

    @classmethod
    def write(cls, passages: Iterable[Passage], folder: Path) -> tuple["PassageStore", str]:
        """The store, and the SHA-256 over its lines. Raises SearchIndexError for an empty corpus or a repeated id."""
        offsets, digest, seen = [0], hashlib.sha256(), set()
        columns: dict[str, list] = {
            "published": [],
            "retracted": [],
            "source": [],
            "licence": [],
            "section": [],
            "id": [],
        }
        with (folder / "passages.jsonl").open("wb") as stream:
            for passage in passages:
                if passage.id in seen:
                    raise SearchIndexError(
                        f"the id {passage.id!r} occurs twice in the corpus", remedy="make ids unique"
                    )
                seen.add(passage.id)
                line = passage.model_dump_json(exclude_defaults=True).encode() + b"\n"
                digest.update(line)
                stream.write(line)
                offsets.append(offsets[-1] + len(line))
                columns["published"].append(passage.published.toordinal() if passage.published else 0)
                columns["retracted"].append(passage.is_retracted)
                columns["source"].append(passage.source)
                columns["licence"].append(passage.licence)
                columns["section"].append(passage.section)
                columns["id"].append(passage.id)
        if not seen:
            raise SearchIndexError("the corpus is empty", remedy="give a corpus with at least one passage")
        np.save(folder / "offsets.npy", np.asarray(offsets, dtype=np.int64))
        (folder / "columns.json").write_text(json.dumps(columns, ensure_ascii=False), encoding="utf-8")
        return cls(folder / "passages.jsonl", np.asarray(offsets, dtype=np.int64), columns), digest.hexdigest()

    @classmethod
    def load(cls, folder: Path) -> "PassageStore":
        try:
            offsets = np.load(folder / "offsets.npy", mmap_mode="r")
            columns = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SearchIndexError("the passages cannot be read", where=str(folder), remedy=REPAIR) from error
        return cls(folder / "passages.jsonl", offsets, columns)

    def get(self, numbers: Sequence[int]) -> list[Passage]:
        """The passages of those numbers, in that order. Raises SearchIndexError if a line is not a passage."""
        found = []
        try:
            with self._path.open("rb") as stream:
                for number in numbers:
                    stream.seek(int(self._offsets[number]))
                    line = stream.read(int(self._offsets[number + 1] - self._offsets[number]))
                    found.append(Passage.model_validate_json(line))
        except (OSError, ValidationError) as error:
            raise SearchIndexError("a passage cannot be read", where=str(self._path), remedy=REPAIR) from error
        return found

    def number(self, passage_id: str) -> int | None:
        """The number of the passage with that id."""
        if self._numbers is None:
            self._numbers = {name: number for number, name in enumerate(self._columns["id"])}
        return self._numbers.get(passage_id)

    def allowed(self, filters: Filters) -> NDArray[np.bool_] | None:
        """Which passage numbers pass; None if all do."""
        keep = np.ones(len(self), dtype=bool)
        if not filters.allow_retracted:
            keep &= ~np.asarray(self._columns["retracted"], dtype=bool)
        published = np.asarray(self._columns["published"])
        dated = published > 0
        if filters.published_from is not None:
            keep &= (published >= filters.published_from.toordinal()) | (~dated & filters.allow_undated)
        if filters.published_until is not None:
            keep &= (dated & (published <= filters.published_until.toordinal())) | (~dated & filters.allow_undated)
        if filters.sources:
            keep &= np.asarray([source.startswith(filters.sources) for source in self._columns["source"]])
        if filters.sections:
            keep &= np.asarray([section.startswith(filters.sections) for section in self._columns["section"]])
        if filters.licences:
            keep &= np.asarray([licence in filters.licences for licence in self._columns["licence"]])
        return None if bool(keep.all()) else keep
