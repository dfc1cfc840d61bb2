"""The critic: what can be checked is checked by rules; a model is asked only if the settings say so."""

import re
from collections.abc import Sequence
from typing import Literal

from rapidfuzz import fuzz

from agents import prompts
from agents.desk import Desk
from agents.opinion import CriticNote, Opinion
from agents.structured import CriticForm
from cases.case import Case
from cases.evidence import Evidence
from retrieval.citations import verify

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w]*\d)")
RESTATED = 85
"""Token-set similarity (0-100) from which two rationales count as one text. Inferred."""
BORROWED = 0.75
"""Share of a finding's words that one passage must have for the finding to count as taken from it. Inferred."""
SURE = 0.97
"""Mean probability from which a panel without an alternative counts as closed. Inferred."""


def verified(opinion: Opinion, evidence: Sequence[Evidence]) -> Opinion:
    """The opinion with each citation located in its evidence, or marked unverified; none is dropped."""
    return opinion.model_copy(update={"citations": tuple(verify(cite, evidence) for cite in opinion.citations)})


def review(
    case: Case, opinions: Sequence[Opinion], evidence: Sequence[Evidence], first: Opinion | None = None
) -> tuple[CriticNote, ...]:
    """Notes on opinions whose citations were verified: citations, numbers, self-contradiction, anchoring, closure."""
    notes: list[CriticNote] = []
    for number, opinion in enumerate(opinions, start=1):
        notes += _notes_on(f"Doctor {number}", opinion, case, evidence)
    return (*notes, *_anchoring(opinions, first), *_closure(opinions))


def review_final(case: Case, final: Opinion, evidence: Sequence[Evidence]) -> tuple[CriticNote, ...]:
    """The same checks of one opinion, for the one who answers."""
    return tuple(_notes_on("The final opinion", final, case, evidence))


def _notes_on(who: str, opinion: Opinion, case: Case, evidence: Sequence[Evidence]) -> list[CriticNote]:
    notes = _citation_notes(who, opinion, evidence) + _number_notes(who, opinion, case, evidence)
    notes += _borrowed_findings(who, opinion, case, evidence)
    if opinion.parse_route == "probabilities!=form":
        message = f"{who} argues in writing for another option than {opinion.answer}, which its probabilities favour."
        notes.append(CriticNote(kind="contradiction", message=message))
    return notes


async def criticise(
    desk: Desk, case: Case, evidence: Sequence[Evidence], opinions: Sequence[Opinion]
) -> CriticNote | None:
    """One weakness that a model sees, or None; a critical one is a matter of safety and escalates the verdict.

    Raises a ModelError or BudgetExceeded.
    """
    words = desk.ward.settings.evidence_words
    question = prompts.CRITIC.format(opinions=prompts.opinions_text(opinions))
    messages = [*prompts.case_messages(case, evidence, evidence_words=words), prompts.role_message(question)]
    reply = await desk.ask(messages, node="critic", role="critic", schema=CriticForm, max_tokens=96)
    form = reply.parsed
    assert isinstance(form, CriticForm)
    if form.weakness.strip().lower().rstrip(".") in ("none", ""):
        return None
    kind: Literal["safety", "missing"] = "safety" if form.severity == "critical" else "missing"
    return CriticNote(kind=kind, message=form.weakness.strip(), severity=form.severity)


def _citation_notes(who: str, opinion: Opinion, evidence: Sequence[Evidence]) -> list[CriticNote]:
    retracted = {piece.id for piece in evidence if piece.is_retracted}
    notes = []
    for cite in opinion.citations:
        if not cite.is_verified:
            notes.append(
                CriticNote(kind="citation", message=f"{who} quotes words not found in the evidence: '{cite.quote}'.")
            )
        if cite.evidence_id in retracted:
            notes.append(CriticNote(kind="citation", message=f"{who} cites a retracted source.", severity="critical"))
    return notes


def _number_notes(who: str, opinion: Opinion, case: Case, evidence: Sequence[Evidence]) -> list[CriticNote]:
    """Numbers above ten (100 apart: per cent) in the reasoning that neither the case nor the evidence contains."""
    sources = " ".join(f"{piece.title} {piece.published or ''} {piece.text}" for piece in evidence)
    known = {"100", *_NUMBER.findall(f"{prompts.case_text(case)} {sources}")}
    stated = _NUMBER.findall(" ".join([*opinion.findings, opinion.rationale]))
    values = {float(text) for text in known}
    odd = [text for text in dict.fromkeys(stated) if float(text) > 10 and float(text) not in values]
    if not odd:
        return []
    message = f"{who} states {', '.join(odd)}, which neither the case nor the evidence contains."
    return [CriticNote(kind="contradiction", message=message)]


def _borrowed_findings(who: str, opinion: Opinion, case: Case, evidence: Sequence[Evidence]) -> list[CriticNote]:
    """Findings whose words a source has and the case has not: what a book says was taken for what the patient has."""
    said = _stems(prompts.case_text(case))
    passages = [_stems(f"{piece.title} {piece.text}") for piece in evidence if piece.kind == "passage"]
    borrowed = []
    for finding in opinion.findings:
        words = _stems(finding)
        if len(words) < 2 or len(words & said) * 2 >= len(words):
            continue
        if any(len(words & passage) >= BORROWED * len(words) for passage in passages):
            borrowed.append(finding)
    if not borrowed:
        return []
    listed = "; ".join(f"'{finding}'" for finding in borrowed)
    message = f"{who} lists as findings what a source says and the case does not: {listed}."
    return [CriticNote(kind="contradiction", message=message)]


def _stems(text: str) -> set[str]:
    """First five letters of each word of four letters or more: enough to meet inflected forms."""
    return {word[:5] for word in re.findall(r"[^\W\d_]{4,}", text.casefold())}


def _anchoring(opinions: Sequence[Opinion], first: Opinion | None) -> list[CriticNote]:
    """The whole panel gives the first view back in nearly the same words."""
    if len(opinions) < 2 or any(opinion.answer != opinions[0].answer for opinion in opinions):
        return []
    if first is not None and first.answer != opinions[0].answer:
        return []
    reasons = [opinion.rationale for opinion in opinions]
    pairs = [(a, b) for i, a in enumerate(reasons) for b in reasons[i + 1 :]]
    if all(fuzz.token_set_ratio(a, b) >= RESTATED for a, b in pairs):
        return [
            CriticNote(
                kind="anchoring",
                message="All doctors restate the first view in the same words: count them as one voice.",
                severity="info",
            )
        ]
    return []


def _closure(opinions: Sequence[Opinion]) -> list[CriticNote]:
    """Everyone is all but sure and nobody says what would change their mind."""
    tops = [max(opinion.probabilities.values()) for opinion in opinions if opinion.probabilities]
    is_closed = len(tops) >= 2 and sum(tops) / len(tops) >= SURE and not any(opinion.requests for opinion in opinions)
    if not is_closed:
        return []
    return [
        CriticNote(
            kind="premature_closure",
            message="Nobody names an alternative or what would change the answer.",
            severity="info",
        )
    ]
