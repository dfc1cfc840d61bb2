"""Triage: how urgent, how complex, and whom to ask. Rules first; a model only if the settings say so."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Literal

from agents import prompts
from agents.desk import Desk
from agents.structured import TriageForm, labels_of
from cases.case import Case, Record
from knowledge import specialties

Acuity = Literal["routine", "urgent", "emergency"]
Complexity = Literal["simple", "moderate", "complex"]
GENERALISTS = ("internal_medicine", "emergency_medicine", "basic_science")
"""Fill the seats that the words of a case leave empty."""
READERS = ("radiology", "pathology")
"""Who reads images for every other field."""


class TriagePlan(Record):
    """What triage decided, and why."""

    acuity: Acuity = "routine"
    complexity: Complexity = "simple"
    specialties: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def plan(case: Case, *, specialists: int, has_red_flag: bool = False) -> TriagePlan:
    """The plan by rules alone.

    complex: an open task, images, or several visits; moderate: a long record; simple: everything else. Specialties
    are suggested from the words of the case; whoever reads the case's imaging modality goes first.
    """
    reasons = []
    if not labels_of(case):
        reasons.append(f"open task ({case.task.value})")
    if case.all_media:
        reasons.append(f"{len(case.all_media)} media")
    if len(case.visits) > 1:
        reasons.append(f"{len(case.visits)} visits")
    words = len(prompts.case_text(case).split())
    complexity: Complexity = "complex" if reasons else "moderate" if words > 400 else "simple"
    if words > 400:
        reasons.append(f"{words} words")
    modalities = tuple(sorted({m.modality for m in case.all_media if m.modality}))
    return TriagePlan(
        acuity="emergency" if has_red_flag else "routine",
        complexity=complexity,
        specialties=choose(case, modalities, specialists),
        modalities=modalities,
        reasons=tuple(reasons),
    )


def choose(case: Case, modalities: Sequence[str], k: int) -> tuple[str, ...]:
    """Ids of k specialties: who reads the case's modalities, then by the words of the case, then generalists."""
    suggested = specialties.suggest(prompts.case_text(case), k, modalities=modalities)
    seats = [*_readers(modalities)[:1], *(specialty.id for specialty in suggested), *GENERALISTS]
    return tuple(dict.fromkeys(seats))[:k]


def _readers(modalities: Sequence[str]) -> list[str]:
    """Specialties that read such images: by whole name, else by its earliest word. Who reads for others is first."""
    for wanted in _names_and_words(modalities):
        kinds = {entry.id: {specialties.fold(name) for name in entry.modalities} for entry in specialties.catalogue()}
        found = [seat for seat, read in kinds.items() if wanted & read]
        if found:
            return sorted(found, key=lambda seat: seat not in READERS)
    return []


def _names_and_words(modalities: Sequence[str]) -> Iterator[set[str]]:
    names = [specialties.fold(modality) for modality in modalities]
    yield set(names)
    for words in zip_longest(*(name.split() for name in names)):
        yield {word for word in words if word}


async def refine(desk: Desk, case: Case, rules: TriagePlan) -> TriagePlan:
    """The plan after one small model call, which may raise acuity and complexity and reorder specialties, never lower.

    Raises a ModelError or BudgetExceeded; the caller keeps the plan by rules then.
    """
    known = {specialty.id: specialty for specialty in specialties.catalogue()}
    question = prompts.TRIAGE.format(specialties=", ".join(known))
    messages = [*prompts.case_messages(case), prompts.role_message(question)]
    reply = await desk.ask(messages, node="triage", role="triage", schema=TriageForm, max_tokens=80)
    form = reply.parsed
    assert isinstance(form, TriageForm)
    named = [name.strip().lower().replace(" ", "_") for name in form.specialties]
    order: tuple[Acuity, ...] = ("routine", "urgent", "emergency")
    grades: tuple[Complexity, ...] = ("simple", "moderate", "complex")
    return rules.model_copy(
        update={
            "acuity": max(rules.acuity, form.acuity, key=order.index),
            "complexity": max(rules.complexity, form.complexity, key=grades.index),
            "reasons": (*rules.reasons, f"triage model: {form.complexity}, {form.acuity}"),
            "specialties": tuple(dict.fromkeys([*(n for n in named if n in known), *rules.specialties]))[
                : max(1, len(rules.specialties))
            ],
        }
    )
