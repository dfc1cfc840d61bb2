"""Is a text or an image another one again? Runs of words, likeness of texts, equal and nearly equal images.

Training keeps evaluation items out with it, evaluation counts the items that a corpus holds. Rules (Muennighoff 2025
s1; OctoMed 2025; open-r1):

- one shared run of 16 words is a hit;
- shared runs of 8 words are one when at least `min_shared_8grams` of them, and at least `min_8gram_share` of the
  text's, come from one item: exam vignettes repeat vital-sign phrases, so one such run alone proves nothing (inferred);
- so are normalised texts that are at least `min_ratio` alike (rapidfuzz ratio);
- so is an equal image file, or a difference hash within `max_image_bits`.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from cases.case import Case, Record
from cases.errors import MediaError

DHASH_SIDE = 16
"""The difference hash is DHASH_SIDE x DHASH_SIDE = 256 bits."""


class OverlapRules(Record):
    """When a case counts as another one."""

    long_run: int = Field(default=16, ge=2)
    short_run: int = Field(default=8, ge=2)
    min_shared_8grams: int = Field(default=4, ge=1)
    min_8gram_share: float = Field(default=0.25, ge=0, le=1)
    min_ratio: float = Field(default=95.0, gt=0, le=100)
    max_image_bits: int = Field(default=4, ge=0, description="Of 256; inferred.")


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
    """(SHA-256 of the bytes, 256-bit difference hash). Raises MediaError for a file that is no image."""
    from PIL import Image, UnidentifiedImageError

    try:
        content = path.read_bytes()
        with Image.open(path) as image:
            small = image.convert("L").resize((DHASH_SIDE + 1, DHASH_SIDE), Image.Resampling.BILINEAR)
    except (OSError, UnidentifiedImageError) as error:
        raise MediaError(
            f"image cannot be read: {error}", where=str(path), remedy="remove the row, or restore the file"
        ) from error
    pixels = small.tobytes()
    bits = 0
    for y in range(DHASH_SIDE):
        line = pixels[y * (DHASH_SIDE + 1) : (y + 1) * (DHASH_SIDE + 1)]
        for left, right in pairwise(line):
            bits = (bits << 1) | (left > right)
    return hashlib.sha256(content).hexdigest(), bits


class Hit(NamedTuple):
    """What a case met: the rule, and the number of the item in the index."""

    rule: str
    number: int


class OverlapIndex:
    """Runs of words, texts and images of the items that others are compared with.

    Raises MediaError for an image that cannot be read: it fails closed.
    """

    def __init__(self, items: Sequence[Case], rules: OverlapRules = OverlapRules()):
        self.rules = rules
        self.texts: list[str] = []
        self.long: dict[int, int] = {}
        self.short: dict[int, list[int]] = {}
        self.image_bytes: dict[str, int] = {}
        self.image_bits: list[tuple[int, int]] = []
        for number, case in enumerate(items):
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

    def hit(self, case: Case) -> Hit | None:
        """The first rule by which the case meets an item; None where it meets none."""
        words = words_of(text_of(case))
        in_text = self._long_run(words) or self._short_runs(words) or self._alike(" ".join(words)) if words else None
        return in_text or self._image(case)

    def _long_run(self, words: Sequence[str]) -> Hit | None:
        for gram in ngrams(words, self.rules.long_run):
            if gram in self.long:
                return Hit(f"{self.rules.long_run}-gram", self.long[gram])
        return None

    def _short_runs(self, words: Sequence[str]) -> Hit | None:
        grams = ngrams(words, self.rules.short_run)
        shared = Counter(number for gram in grams for number in self.short.get(gram, ()))
        if not shared:
            return None
        number, count = shared.most_common(1)[0]
        enough = max(self.rules.min_shared_8grams, self.rules.min_8gram_share * len(grams))
        return Hit(f"{self.rules.short_run}-gram", number) if count >= enough else None

    def _alike(self, text: str) -> Hit | None:
        from rapidfuzz import fuzz, process

        found = process.extractOne(text, self.texts, scorer=fuzz.ratio, score_cutoff=self.rules.min_ratio)
        return None if found is None else Hit("fuzzy", found[2])

    def _image(self, case: Case) -> Hit | None:
        for medium in case.all_media:
            digest, bits = image_hashes(medium.path)
            if digest in self.image_bytes:
                return Hit("image bytes", self.image_bytes[digest])
            for other, number in self.image_bits:
                if (bits ^ other).bit_count() <= self.rules.max_image_bits:
                    return Hit("image dhash", number)
        return None
