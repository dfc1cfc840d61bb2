"""A specialist: one blind, structured opinion from the view of one field."""

from collections.abc import Sequence
from contextlib import suppress

from agents import prompts
from agents.desk import Desk, Staff
from agents.opinion import Opinion
from agents.structured import form_for, is_single_choice, labels_of, read_form
from cases.answers import parse_answer
from cases.case import Case
from cases.errors import BudgetExceeded, ModelError, ModelReplyError
from cases.evidence import Evidence
from knowledge import specialties


async def opinion(
    desk: Desk, case: Case, evidence: Sequence[Evidence], specialty: str, *, images: Sequence[str] = ()
) -> Opinion:
    """What the specialist of this id thinks, with option probabilities from the engine.

    Raises KnowledgeError for an unknown specialty, a ModelError, or BudgetExceeded.
    """
    entry = specialties.specialty(specialty)
    question = prompts.SPECIALIST.format(name=entry.name.lower(), description=entry.description.rstrip(". "))
    return await reasoned_opinion(
        desk, case, evidence, question, node="specialist", role=specialty, images=images, is_brief=True
    )


async def reasoned_opinion(
    desk: Desk,
    case: Case,
    evidence: Sequence[Evidence],
    question: str,
    *,
    node: str,
    role: str,
    images: Sequence[str] = (),
    staff: Staff = "chat",
    temperature: float = 0.0,
    sample: int = 0,
    may_use_held: bool = False,
    weighs_options: bool = True,
    is_brief: bool = False,
) -> Opinion:
    """Two calls on one prefix: the filled form, then (single choice) one token that carries the probabilities.

    `weighs_options` False leaves the second call out: the answer is then the written one.
    """
    words = desk.ward.settings.evidence_words
    prompt = [
        *prompts.case_messages(case, evidence, images=images, evidence_words=words),
        prompts.role_message(question),
    ]
    try:
        reply = await desk.ask(
            prompt,
            node=node,
            role=role,
            schema=form_for(case, evidence, is_brief=is_brief),
            staff=staff,
            temperature=temperature,
            sample=sample,
            evidence_ids=tuple(piece.id for piece in evidence),
            may_use_held=may_use_held,
        )
    except ModelReplyError as error:
        return _from_free_text(error, case, role)
    assert reply.parsed is not None
    shares = None
    if weighs_options and is_single_choice(case):
        final = [*prompt, prompts.own_reply(reply.text), prompts.final_label(case)]
        # The written answer stands if the second call fails: the failed call is in the log, the opinion is not lost.
        with suppress(ModelError, BudgetExceeded):
            scores = await desk.probabilities(
                final, labels_of(case), node=node, role=role, staff=staff, may_use_held=may_use_held
            )
            shares = scores.probabilities
    return read_form(reply.parsed, case, role, evidence, shares)


def _from_free_text(error: ModelReplyError, case: Case, role: str) -> Opinion:
    """The answer that a reply outside the form states plainly; raises the error again where it states none."""
    raw = str(getattr(error, "raw", ""))
    parsed = parse_answer(raw, case.options)
    if not labels_of(case) or parsed.value not in labels_of(case):
        raise error
    return Opinion(role=role, answer=parsed.value, rationale=raw.strip()[:400], parse_route=f"text:{parsed.route}")
