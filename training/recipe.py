"""The data recipe: collect, normalise, dedupe, decontaminate, sample, verify, keep all right, mix, export.

The skeleton of OctoMed (Ossowski 2025): many right traces per question, no difficulty filter, a format that matches
the task, classification balanced by label. Every stage is a pure function; `run` strings them together, and files are
touched by the sample file and by `write` alone.
"""

import json
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from cases.case import Case, Record
from cases.errors import CaseError, TrainingError
from cases.overlap import OverlapRules, text_of, words_of
from cases.poison import refuse_if_flagged, scan_answers
from training.decontaminate import OverlapReport, decontaminate
from training.sampling import Sample, SampleFile, Style, Teacher, prompt_of, sample


class RecipeSettings(Record):
    """What decides the mix."""

    samples: int = Field(default=16, ge=1, description="Replies per question; all right ones are kept.")
    max_traces: int | None = Field(default=None, ge=1, description="Right traces kept per question; None: all.")
    classification_rows: int | None = Field(
        default=None,
        description="Rows of each classification source, balanced by label; None: as many as balance allows.",
    )
    seed: int = 20
    concurrency: int = Field(default=4, ge=1)
    overlap: OverlapRules = OverlapRules()
    accepted_words: tuple[str, ...] = Field(
        default=(), description="Words that go with one answer and were looked at: no longer a reason to refuse."
    )


class TrainRow(Record):
    """A row with where it came from."""

    prompt: tuple[dict[str, Any], ...]
    completion: str
    case_id: str
    case_hash: str
    source: str
    licence: str
    modality: str
    style: Style
    label: str
    teacher: str
    sample: int
    tokens: int = Field(description="Of the completion, as the teacher counted; words where it did not.")


class Manifest(Record):
    """Every count of a recipe; `check` proves that they add up."""

    collected: int
    duplicates: int
    overlap: OverlapReport
    questions: int = Field(description="That were sampled.")
    samples: int
    missing_samples: int = Field(description="Calls that failed; a later run asks again.")
    right: int
    unreadable: int = Field(description="Samples whose answer the strict parser could not read.")
    questions_without_right: int
    dropped_by_cap: int
    dropped_by_balance: int
    rows: int
    tokens: int
    rows_by: dict[str, int] = Field(description="'source | modality | style' -> rows.")
    settings: RecipeSettings

    def check(self) -> None:
        """Raises TrainingError when the totals do not add up."""
        sums = {
            "collected": (self.collected, self.duplicates + len(self.overlap.removed) + self.questions),
            "samples": (self.questions * self.settings.samples, self.samples + self.missing_samples),
            "right": (self.right, self.rows + self.dropped_by_cap + self.dropped_by_balance),
            "rows": (self.rows, sum(self.rows_by.values())),
        }
        wrong = [f"{name}: {total} is not {parts}" for name, (total, parts) in sums.items() if total != parts]
        if wrong:
            raise TrainingError("the manifest does not add up: " + "; ".join(wrong))


def normalise(case: Case) -> Case:
    """Unicode NFC, spaces collapsed, in question, context and options."""

    def clean(text: str) -> str:
        return re.sub(r"[ \t ]+", " ", unicodedata.normalize("NFC", text)).strip()

    options = {label: clean(text) for label, text in case.options.items()} if case.options else None
    context = clean(case.context) if case.context else None
    return case.model_copy(update={"question": clean(case.question), "context": context, "options": options})


def dedupe(cases: Iterable[Case]) -> tuple[list[Case], int]:
    """(first of each question, how many were dropped): same words, option texts and images are one question."""
    seen: set[tuple[Any, ...]] = set()
    kept, dropped = [], 0
    for case in cases:
        options = tuple(sorted(" ".join(words_of(text)) for text in (case.options or {}).values()))
        images = tuple(medium.sha256 or medium.uri for medium in case.all_media)
        key = (" ".join(words_of(text_of(case))), options, images)
        dropped += key in seen
        if key not in seen:
            seen.add(key)
            kept.append(case)
    return kept, dropped


def style_of(case: Case) -> Style:
    """Classification answers directly, everything else with a think block (OctoMed: 65.46 against 63.33 points).

    A case is classification when its `meta` says `task: img_cls` or `classification`, or when it asks of an image with
    at most 40 words and no context (inferred).
    """
    named = str(case.meta.get("task", ""))
    if named in ("img_cls", "cxr_label", "classification"):
        return "direct"
    is_plain_image = bool(case.all_media) and not case.context and len(words_of(case.question)) <= 40
    return "direct" if is_plain_image else "reasoning"


def modality_of(case: Case) -> str:
    kinds = sorted({medium.modality or medium.kind.value for medium in case.all_media})
    return "+".join(kinds) if kinds else "text"


def keep_right(samples: Sequence[Sample], max_traces: int | None, seed: int) -> tuple[list[Sample], int]:
    """(right samples, how many the cap dropped); a capped question keeps a seeded choice of its right ones."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for made in samples:
        if made.is_right:
            groups[made.case_hash].append(made)
    rng = random.Random(seed)
    kept: list[Sample] = []
    for group in groups.values():
        if max_traces is not None and len(group) > max_traces:
            chosen = set(rng.sample(range(len(group)), max_traces))
            kept += [made for index, made in enumerate(group) if index in chosen]
        else:
            kept += group
    return kept, sum(map(len, groups.values())) - len(kept)


def stratified(rows: Sequence[TrainRow], total: int | None, seed: int) -> list[TrainRow]:
    """Rows whose label counts differ by at most 1; `total` caps them, None takes as many as the rarest label allows."""
    groups: dict[str, list[TrainRow]] = defaultdict(list)
    for row in rows:
        groups[row.label].append(row)
    if not groups:
        return []
    rng = random.Random(seed)
    labels = sorted(groups)
    for label in labels:
        rng.shuffle(groups[label])
    least = min(len(group) for group in groups.values())
    share, extra = (least, 0) if total is None else divmod(total, len(labels))
    if share >= least:
        share, extra = least, 0
    with_extra = set(rng.sample(labels, extra))
    return [row for label in labels for row in groups[label][: share + (label in with_extra)]]


def mix(rows: Sequence[TrainRow], settings: RecipeSettings) -> tuple[list[TrainRow], int]:
    """(shuffled rows, how many balance dropped): direct rows balanced by label per source, the rest kept whole."""
    sources: dict[str, list[TrainRow]] = defaultdict(list)
    mixed = [row for row in rows if row.style != "direct"]
    for row in rows:
        if row.style == "direct":
            sources[row.source].append(row)
    for source in sorted(sources):
        mixed += stratified(sources[source], settings.classification_rows, settings.seed)
    random.Random(settings.seed).shuffle(mixed)
    return mixed, len(rows) - len(mixed)


def to_row(case: Case, made: Sample) -> TrainRow:
    """A right sample as a training row. A direct row holds the label alone, whatever the teacher wrote around it."""
    label = str(made.answer)
    completion = label if made.style == "direct" else made.text.strip()
    text = case.options[label] if case.options else label
    return TrainRow(
        prompt=tuple(prompt_of(case, made.style)), completion=completion, case_id=case.id, case_hash=made.case_hash,
        source=case.source, licence=case.licence or "", modality=modality_of(case), style=made.style, label=text,
        teacher=made.teacher, sample=made.number, tokens=made.tokens or len(completion.split()),
    )  # fmt: skip


async def run(
    cases: Iterable[Case],
    benchmarks: Mapping[str, Sequence[Case]],
    teacher: Teacher,
    teacher_id: str,
    samples_path: Path,
    settings: RecipeSettings = RecipeSettings(),
) -> tuple[list[TrainRow], Manifest]:
    """The whole recipe. Samples already in `samples_path` are not asked again; the rest is computed anew.

    Raises TrainingError, before anything is sampled, for rows in which a word gives the answer's letter away.
    """
    collected = [normalise(case) for case in cases]
    unique, duplicates = dedupe(collected)
    clean, overlap = decontaminate(unique, {name: list(items) for name, items in benchmarks.items()}, settings.overlap)
    _refuse_poisoned(clean, settings.accepted_words)
    made = await sample(
        clean, teacher, teacher_id, SampleFile(samples_path), style=style_of, samples=settings.samples,
        concurrency=settings.concurrency,
    )  # fmt: skip
    right, capped = keep_right(made, settings.max_traces, settings.seed)
    by_hash = {case.blinded().content_hash: case for case in clean}
    rows, unbalanced = mix([to_row(by_hash[one.case_hash], one) for one in right], settings)
    manifest = Manifest(
        collected=len(collected),
        duplicates=duplicates,
        overlap=overlap,
        questions=len(clean),
        samples=len(made),
        missing_samples=len(clean) * settings.samples - len(made),
        right=sum(one.is_right for one in made),
        unreadable=sum(one.answer is None for one in made),
        questions_without_right=len(clean) - len({one.case_hash for one in made if one.is_right}),
        dropped_by_cap=capped,
        dropped_by_balance=unbalanced,
        rows=len(rows),
        tokens=sum(row.tokens for row in rows),
        rows_by=dict(Counter(f"{row.source} | {row.modality} | {row.style}" for row in rows)),
        settings=settings,
    )
    manifest.check()
    return rows, manifest


def _refuse_poisoned(cases: Sequence[Case], accepted: Sequence[str]) -> None:
    known = {word.casefold() for word in accepted}
    try:
        refuse_if_flagged([one for one in scan_answers(cases) if one.token not in known])
    except CaseError as error:
        raise TrainingError(error.what, remedy=error.remedy) from error


def write(rows: Sequence[TrainRow], manifest: Manifest, path: Path) -> None:
    """Write trl rows to `path`, lineage and manifest beside it. Raises TrainingError for no rows."""
    if not rows:
        raise TrainingError("the recipe kept no row", where=str(path), remedy="sample more, or use a stronger teacher")
    path.parent.mkdir(parents=True, exist_ok=True)
    data = [
        {"prompt": list(row.prompt), "completion": [{"role": "assistant", "content": row.completion}]} for row in rows
    ]
    lineage = [row.model_dump(mode="json", exclude={"prompt", "completion"}) | {"row": n} for n, row in enumerate(rows)]
    for target, lines in ((path, data), (path.with_name(path.stem + ".lineage.jsonl"), lineage)):
        target.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    manifest_path = path.with_name(path.stem + ".manifest.json")
    manifest_path.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
