"""Search over passages: words and meaning side by side, fused by rank, without doubles, above a floor of relevance."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cases.case import Record
from cases.errors import SearchIndexError
from cases.evidence import Evidence, EvidenceKind, Passage
from cases.settings import Settings
from knowledge.corpora import default_corpus
from retrieval.dense import DenseIndex
from retrieval.encoders import DEFAULT_ENCODER, TextEncoder, Vectors, open_encoder
from retrieval.fusion import RRF_K, reciprocal_rank_fusion
from retrieval.lexical import LexicalIndex, matched_rarity, tokens
from retrieval.manifest import EncoderRecord, IndexManifest, check_files, read_manifest, replaced_folder, seal
from retrieval.passages import Filters, PassageStore
from retrieval.queries import make_query

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

REPAIR = "wardround index build"
DEFAULT_INDEX = "default"

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what)."""


class SearchSettings(Record):
    """How rankings are made and joined."""

    depth: int = 100
    """Candidates that each retriever contributes."""
    rrf_k: int = RRF_K
    weights: dict[str, float] = {"dense": 1.0, "lexical": 1.0}
    dense_floor: float = 0.42
    """Cosine below which a passage counts as off the topic (inferred: see docs/retrieval.md)."""
    lexical_floor: float = 0.30
    """Share of the query's rarity that a passage without a vector must cover."""
    rarest_words: int = 24
    """Words of a long query that are searched, rarest in the corpus first; numbers are left out of long queries."""
    near_identical: float = 0.9
    """Jaccard overlap of words at and above which a later passage is dropped."""
    token_budget: int = 2400
    """Words x 4/3 of all passages together; the best passage is always returned."""


class Searcher:
    """An open index. Safe to share between threads; holds vectors and word scores memory-mapped."""

    def __init__(
        self, store: PassageStore, dense: DenseIndex | None, lexical: LexicalIndex, encoder: TextEncoder | None,
        manifest: IndexManifest, settings: SearchSettings | None = None,
    ):  # fmt: skip
        self.store, self.dense, self.lexical = store, dense, lexical
        self.encoder, self.manifest = encoder, manifest
        self.settings = settings or SearchSettings()
        self._has_vector = np.zeros(len(store), dtype=bool)
        if dense is not None:
            self._has_vector[dense.rows] = True

    @classmethod
    def open(
        cls, index_dir: Path, models_dir: Path, *, encoder: TextEncoder | None = None,
        settings: SearchSettings | None = None, is_thorough: bool | None = None,
    ) -> "Searcher":  # fmt: skip
        """Raises SearchIndexError if the index is absent, damaged, or made by another encoder than the one given."""
        manifest = read_manifest(index_dir)
        if manifest.kind != "passages":
            raise SearchIndexError(f"this is an index of {manifest.kind}", where=str(index_dir), remedy=REPAIR)
        check_files(index_dir, manifest, is_thorough=is_thorough)
        store = PassageStore.load(index_dir)
        if len(store) != manifest.count:
            raise SearchIndexError(
                f"the index holds {len(store)} passages, not {manifest.count}", where=str(index_dir), remedy=REPAIR
            )
        dense = None
        if manifest.encoder is not None:
            encoder = encoder or open_encoder(models_dir, manifest.encoder.name)
            found = EncoderRecord(name=encoder.name, revision=encoder.revision, dim=encoder.dim)
            if found != manifest.encoder:
                raise SearchIndexError(
                    f"made by {_named(manifest.encoder)}, opened with {_named(found)}",
                    where=str(index_dir),
                    remedy=REPAIR,
                )
            dense = DenseIndex.load(index_dir / "dense")
            if dense.dim != encoder.dim or len(dense) != manifest.embedded:
                raise SearchIndexError("the vectors are not those of the manifest", where=str(index_dir), remedy=REPAIR)
        return cls(store, dense, LexicalIndex.load(index_dir / "lexical", manifest.count), encoder, manifest, settings)

    @property
    def manifest_id(self) -> str:
        return self.manifest.id

    def search(
        self, query: str, k: int = 4, *, image: Path | None = None, filters: Filters | None = None,
        token_budget: int | None = None,
    ) -> list[Evidence]:  # fmt: skip
        """At most k passages, best first; fewer, or none, if no more are relevant.

        `scores` holds `dense` (best cosine), `lexical` (BM25) and `covered` (share of the query's rarity found).
        An `image` belongs to `retrieval.images.ImageIndex`; this index has only text and does not look at it.
        """
        if k <= 0 or not query.strip():
            return []
        ranked, scores = self.ranking(query, filters=filters)
        wanted = set(self._words(make_query(query).words))
        budget = self.settings.token_budget if token_budget is None else token_budget
        found: list[Evidence] = []
        words_of: list[set[str]] = []
        spent = 0.0
        for start in range(0, len(ranked), 4 * k):
            batch = ranked[start : start + 4 * k]
            for (number, fused), passage in zip(batch, self.store.get([number for number, _ in batch]), strict=True):
                text = f"{passage.title} {passage.section} {passage.text}"
                own = set(tokens(text))
                covered = matched_rarity(self.lexical, sorted(wanted), own)
                if not self._is_relevant(number, scores[number].get("dense"), covered) or self._is_double(
                    own, words_of
                ):
                    continue
                cost = len(passage.text.split()) * 4 / 3
                if found and spent + cost > budget:
                    continue
                spent += cost
                words_of.append(own)
                found.append(_evidence(passage, {**scores[number], "covered": round(covered, 4)}, fused))
                if len(found) == k:
                    return found
        return found

    def ranking(
        self, query: str, *, filters: Filters | None = None, depth: int | None = None
    ) -> tuple[list[tuple[int, float]], dict[int, dict[str, float]]]:
        """Passage numbers with fused scores, best first, and each one's own scores; no floor, no deduplication."""
        depth = depth or self.settings.depth
        allowed = self.store.allowed(filters or Filters())
        if allowed is not None and not allowed.any():
            return [], {}
        parts = make_query(query)
        rankings: dict[str, Sequence[int]] = {}
        scores: dict[int, dict[str, float]] = {}
        if self.dense is not None and self.encoder is not None and parts.pieces:
            best: dict[int, float] = {}
            numbers, cosines = self.dense.search(
                self.encoder.encode(parts.pieces, is_query=True), depth, allowed=allowed
            )
            for number, cosine in zip(numbers.ravel().tolist(), cosines.ravel().tolist(), strict=True):
                if number >= 0:
                    best[number] = max(cosine, best.get(number, -1.0))
            rankings["dense"] = sorted(best, key=lambda number: (-best[number], number))[:depth]
            for number in rankings["dense"]:
                scores.setdefault(number, {})["dense"] = round(best[number], 4)
        numbers_found, values = self.lexical.search_words(self._words(parts.words), depth, allowed=allowed)
        rankings["lexical"] = numbers_found.tolist()
        for number, value in zip(rankings["lexical"], values.tolist(), strict=True):
            scores.setdefault(number, {})["lexical"] = round(value, 4)
        fused = reciprocal_rank_fusion(rankings, k=self.settings.rrf_k, weights=self.settings.weights)
        return fused, scores

    def as_retriever(self, k: int = 4, *, filters: Filters | None = None) -> "BaseRetriever":
        """A LangChain retriever over this index."""
        from retrieval.langchain import EvidenceRetriever

        return EvidenceRetriever(searcher=self, k=k, filters=filters)

    def get(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id, for a reader who opens a citation."""
        number = self.store.number(evidence_id)
        return None if number is None else _evidence(self.store.get([number])[0], {}, 0.0)

    def _words(self, text: str) -> list[str]:
        """The tokens that are searched: all of a short query, the rarest of a long one."""
        words = tokens(text)
        if len(set(words)) <= self.settings.rarest_words:
            return words
        telling = {word for word in words if not word[0].isdigit() and self.lexical.knows(word)}
        return sorted(telling, key=lambda word: (-self.lexical.rarity(word), word))[: self.settings.rarest_words]

    def _is_relevant(self, number: int, cosine: float | None, covered: float) -> bool:
        if self._has_vector[number]:
            return (cosine or 0.0) >= self.settings.dense_floor
        return covered >= self.settings.lexical_floor

    def _is_double(self, words: set[str], others: Iterable[set[str]]) -> bool:
        return any(len(words & other) >= self.settings.near_identical * max(1, len(words | other)) for other in others)


def build_index(
    passages: Iterable[Passage], index_dir: Path, models_dir: Path, *, encoder: TextEncoder | None = None,
    encoder_source: str | None = DEFAULT_ENCODER, embed: Callable[[Passage], bool] | None = None,
    progress: Progress | None = None, batch_size: int = 64,
) -> IndexManifest:  # fmt: skip
    """Build in a temporary folder, then take the place of whatever was there; after an error nothing has changed.

    `embed` says which passages get a vector (all by default); `encoder_source=None` with no encoder builds words only.
    The same passages and encoder give the same manifest id.
    """
    if encoder is None and encoder_source is not None:
        encoder = open_encoder(models_dir, encoder_source)
    with replaced_folder(index_dir) as folder:
        kept = list(passages)
        store, corpus = PassageStore.write(kept, folder)
        LexicalIndex.build(_lexical_text(passage) for passage in kept).save(folder / "lexical")
        rows = [
            number for number, passage in enumerate(kept) if encoder is not None and (embed is None or embed(passage))
        ]
        if encoder is not None and rows:
            known = _known_vectors(index_dir, encoder)
            vectors = _embedded([_dense_text(kept[row]) for row in rows], encoder, known, progress, batch_size)
            DenseIndex.build(vectors, rows).save(folder / "dense")
        licences: dict[str, int] = {}
        for passage in kept:
            licences[passage.licence] = licences.get(passage.licence, 0) + 1
        record = None
        if encoder is not None and rows:
            record = EncoderRecord(name=encoder.name, revision=encoder.revision, dim=encoder.dim)
        manifest = IndexManifest(
            count=len(store), embedded=len(rows), encoder=record, corpus=corpus, licences=dict(sorted(licences.items()))
        )
        return seal(folder, manifest)


def ensure_default_index(settings: Settings, progress: Progress | None = None, *, is_rebuilt: bool = False) -> Searcher:
    """The default index, built on first use, when damaged or of another encoder, or when `is_rebuilt` asks for it.

    Only prose is embedded; HPO entries are short or lists of terms, which words find better and faster.
    """
    folder = settings.indexes_dir / DEFAULT_INDEX
    try:
        if not is_rebuilt:
            return Searcher.open(folder, settings.models_dir)
    except SearchIndexError as error:
        logging.getLogger(__name__).info("the default index is built: %s", error)
    if True:
        build_index(
            default_corpus(settings.models_dir),
            folder,
            settings.models_dir,
            embed=is_worth_embedding,
            progress=progress,
        )
    return Searcher.open(folder, settings.models_dir)


def is_worth_embedding(passage: Passage) -> bool:
    """Prose, not the long lists of HPO annotations."""
    return not passage.section.startswith("HPO")


def _embedded(
    texts: list[str], encoder: TextEncoder, known: Mapping[str, Vectors], progress: Progress | None, batch_size: int
) -> Vectors:
    """Vectors of the texts, in their order; unknown ones are encoded longest first, so that a batch pads little."""
    vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    todo = []
    for number, text in enumerate(texts):
        if text in known:
            vectors[number] = known[text]
        else:
            todo.append(number)
    todo.sort(key=lambda number: -len(texts[number]))
    for start in range(0, len(todo), batch_size):
        numbers = todo[start : start + batch_size]
        made = encoder.encode([texts[number] for number in numbers])
        if made.shape != (len(numbers), encoder.dim):
            raise SearchIndexError(f"the encoder gave shape {made.shape}, not {(len(numbers), encoder.dim)}")
        vectors[numbers] = made
        if progress is not None:
            progress(min(start + batch_size, len(todo)), len(todo), "passages embedded")
    return vectors


def _known_vectors(index_dir: Path, encoder: TextEncoder) -> dict[str, Vectors]:
    """Text -> vector of the index that stands there, if the same encoder made it and it is whole."""
    try:
        manifest = read_manifest(index_dir)
        if manifest.encoder != EncoderRecord(name=encoder.name, revision=encoder.revision, dim=encoder.dim):
            return {}
        check_files(index_dir, manifest)
        dense, store = DenseIndex.load(index_dir / "dense"), PassageStore.load(index_dir)
        texts = [_dense_text(passage) for passage in store.get(dense.rows.tolist())]
    except SearchIndexError:
        return {}
    return dict(zip(texts, dense.vectors(), strict=True))


def _dense_text(passage: Passage) -> str:
    heading = passage.section.rsplit(" > ", 2)[-2:] if passage.section else []
    return ". ".join(part for part in (passage.title, " - ".join(heading), passage.text) if part)


def _lexical_text(passage: Passage) -> str:
    return f"{passage.title}\n{passage.section}\n{passage.text}"


def _evidence(passage: Passage, scores: Mapping[str, Any], fused: float) -> Evidence:
    title = f"{passage.title} | {passage.section}" if passage.section else passage.title
    return Evidence(
        id=passage.id, kind=EvidenceKind.PASSAGE, title=title, text=passage.text, media=passage.figures,
        source=passage.source, licence=passage.licence, published=passage.published, is_retracted=passage.is_retracted,
        scores=dict(scores), score=round(fused, 6),
    )  # fmt: skip


def _named(record: EncoderRecord) -> str:
    return f"{record.name}@{record.revision} ({record.dim} dimensions)"
