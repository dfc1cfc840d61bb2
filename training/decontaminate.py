"""Keep evaluation out of training: n-gram, fuzzy and image overlap, removed and counted per benchmark.

Pure functions over cases; only image hashing opens files. It fails closed: no benchmark, an empty one, or an image
that cannot be read is an error, never a silent pass. Rules (Muennighoff 2025 s1; OctoMed 2025; open-r1):

- one shared run of 16 words with a benchmark item removes a row;
- shared runs of 8 words remove it when at least `min_shared_8grams` of them, and at least `min_8gram_share` of the
  row's, come from one item: exam vignettes repeat vital-sign phrases, so one such run alone proves nothing (inferred);
- normalised texts that are at least `min_ratio` alike (rapidfuzz ratio) remove it;
- an equal image file, or a difference hash within `max_image_bits`, removes it.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from pydantic import Field

from cases.case import Case, Record
from cases.errors import TrainingError

DHASH_SIDE = 16
"""The difference hash is DHASH_SIDE x DHASH_SIDE = 256 bits."""


class OverlapRules(Record):
    """When a training row counts as an evaluation item."""

    long_run: int = Field(default=16, ge=2)
    short_run: int = Field(default=8, ge=2)
    min_shared_8grams: int = Field(default=4, ge=1)
    min_8gram_share: float = Field(default=0.25, ge=0, le=1)
    min_ratio: float = Field(default=95.0, gt=0, le=100)
    max_image_bits: int = Field(default=4, ge=0, description="Of 256; inferred.")


class Removal(Record):
    """One removed row: which rule, and which item of which benchmark it met."""

    row: str
    benchmark: str
    item: str
    rule: str


class OverlapReport(Record):
    """What was compared and what was removed."""

    rows: int
    kept: int
    benchmarks: dict[str, int] = Field(description="Benchmark -> items compared with.")
    removed: tuple[Removal, ...] = ()
    rules: OverlapRules = OverlapRules()

    @property
    def by_benchmark(self) -> dict[str, int]:
        """Rows removed per benchmark; every benchmark is listed, those without a hit with 0."""
        counts = Counter(removal.benchmark for removal in self.removed)
        return {name: counts.get(name, 0) for name in self.benchmarks}

    @property
    def by_rule(self) -> dict[str, int]:
        return dict(Counter(removal.rule for removal in self.removed))


def words_of(text: str) -> list[str]:
    """Words and numbers of a text, case-folded, without punctuation (NFKC); letters of any script count."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


def ngrams(words: Sequence[str], n: int) -> set[int]:
    """Hashes of all runs of `n` words; empty for shorter texts."""
    return {hash(tuple(words[i : i + n])) for i in range(len(words) - n + 1)}


def text_of(case: Case) -> str:
    """What is compared: context and question, without options and answer."""
    return "\n".join(part for part in (case.context, case.question) if part)


def image_hashes(path: Path) -> tuple[str, int]:
    """(SHA-256 of the bytes, 256-bit difference hash). Raises TrainingError for a file that is no image."""
    from PIL import Image, UnidentifiedImageError

    try:
        content = path.read_bytes()
        with Image.open(path) as image:
            small = image.convert("L").resize((DHASH_SIDE + 1, DHASH_SIDE), Image.Resampling.BILINEAR)
    except (OSError, UnidentifiedImageError) as error:
        raise TrainingError(
            f"image cannot be read: {error}", where=str(path), remedy="remove the row, or restore the file"
        ) from error
    pixels = small.tobytes()
    bits = 0
    for y in range(DHASH_SIDE):
        line = pixels[y * (DHASH_SIDE + 1) : (y + 1) * (DHASH_SIDE + 1)]
        for left, right in pairwise(line):
            bits = (bits << 1) | (left > right)
    return hashlib.sha256(content).hexdigest(), bits


def decontaminate(
    rows: Sequence[Case], benchmarks: Mapping[str, Sequence[Case]], rules: OverlapRules = OverlapRules()
) -> tuple[list[Case], OverlapReport]:
    """(rows that met no benchmark item, report). Raises TrainingError without anything to compare with."""
    if not benchmarks:
        raise TrainingError("no benchmark to compare with", remedy="name the evaluation sets that must stay unseen")
    empty = [name for name, items in benchmarks.items() if not items]
    if empty:
        raise TrainingError(
            f"benchmark {', '.join(empty)} holds no item", remedy="check its path; nothing was compared"
        )
    index = _Index(benchmarks, rules)
    kept, removed = [], []
    for row in rows:
        hit = index.hit(row)
        if hit is None:
            kept.append(row)
        else:
            removed.append(hit)
    sizes = {name: len(items) for name, items in benchmarks.items()}
    return kept, OverlapReport(rows=len(rows), kept=len(kept), benchmarks=sizes, removed=tuple(removed), rules=rules)


class _Index:
    """Runs of words, texts and images of all benchmarks, each with the item it came from."""

    def __init__(self, benchmarks: Mapping[str, Sequence[Case]], rules: OverlapRules):
        self.rules = rules
        self.items = [(name, item.id) for name, items in benchmarks.items() for item in items]
        self.texts: list[str] = []
        self.long: dict[int, int] = {}
        self.short: dict[int, list[int]] = {}
        self.image_bytes: dict[str, int] = {}
        self.image_bits: list[tuple[int, int]] = []
        cases = [item for items in benchmarks.values() for item in items]
        for number, case in enumerate(cases):
            words = words_of(text_of(case))
            self.texts.append(" ".join(words))
            for gram in ngrams(words, rules.long_run):
                self.long.setdefault(gram, number)
            for gram in ngrams(words, rules.short_run):
                self.short.setdefault(gram, []).append(number)
            for medium in case.all_media:
                digest, bits = image_hashes(medium.path)
                self.image_bytes.setdefault(digest, number)
                self.image_bits.append((bits, number))

    def hit(self, row: Case) -> Removal | None:
        words = words_of(text_of(row))
        found = self._long_run(words) or self._short_runs(words) or self._alike(" ".join(words)) or self._image(row)
        if found is None:
            return None
        rule, number = found
        benchmark, item = self.items[number]
        return Removal(row=row.id, benchmark=benchmark, item=item, rule=rule)

    def _long_run(self, words: Sequence[str]) -> tuple[str, int] | None:
        for gram in ngrams(words, self.rules.long_run):
            if gram in self.long:
                return f"{self.rules.long_run}-gram", self.long[gram]
        return None

    def _short_runs(self, words: Sequence[str]) -> tuple[str, int] | None:
        grams = ngrams(words, self.rules.short_run)
        shared = Counter(number for gram in grams for number in self.short.get(gram, ()))
        if not shared:
            return None
        number, count = shared.most_common(1)[0]
        enough = max(self.rules.min_shared_8grams, self.rules.min_8gram_share * len(grams))
        return (f"{self.rules.short_run}-gram", number) if count >= enough else None

    def _alike(self, text: str) -> tuple[str, int] | None:
        from rapidfuzz import fuzz, process

        found = process.extractOne(text, self.texts, scorer=fuzz.ratio, score_cutoff=self.rules.min_ratio)
        return None if found is None else ("fuzzy", found[2])

    def _image(self, row: Case) -> tuple[str, int] | None:
        for medium in row.all_media:
            digest, bits = image_hashes(medium.path)
            if digest in self.image_bytes:
                return "image bytes", self.image_bytes[digest]
            for other, number in self.image_bits:
                if (bits ^ other).bit_count() <= self.rules.max_image_bits:
                    return "image dhash", number
        return None
