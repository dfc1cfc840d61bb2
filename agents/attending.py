"""The attending: a first look before anyone is called, and the decision after the panel has spoken."""

import math
from collections.abc import Mapping, Sequence

from agents import prompts
from agents.desk import Desk, Staff
from agents.opinion import CriticNote, Opinion
from agents.specialist import reasoned_opinion
from agents.structured import differential, is_single_choice, labels_of
from cases.case import Case
from cases.errors import ModelError, ModelReplyError
from cases.evidence import Evidence

ROLE = "attending"


async def first_look(
    desk: Desk,
    case: Case,
    evidence: Sequence[Evidence] = (),
    *,
    images: Sequence[str] = (),
    staff: Staff = "chat",
    node: str = "gate",
) -> Opinion:
    """One pass of one model: a single token over the options where one is to be chosen, else a short form.

    This is also the single-model baseline whose cost stands beside the panel's.
    """
    if not is_single_choice(case):
        return await reasoned_opinion(
            desk, case, evidence, prompts.DIRECT, node=node, role=ROLE, images=images, staff=staff
        )
    words = desk.ward.settings.evidence_words
    messages = [*prompts.case_messages(case, evidence, images=images, evidence_words=words), prompts.final_label(case)]
    try:
        scores = await desk.probabilities(messages, labels_of(case), node=node, role=ROLE, staff=staff)
    except ModelError as error:
        if error.is_retryable and not isinstance(error, ModelReplyError):
            raise
        # This engine gives no token probabilities: a written opinion then stands in for the first look.
        return await reasoned_opinion(
            desk, case, evidence, prompts.DIRECT, node=node, role=ROLE, images=images, staff=staff, weighs_options=False
        )
    shares = scores.probabilities
    answer = max(shares, key=lambda label: shares[label])
    return Opinion(
        role=ROLE,
        answer=answer,
        confidence=shares[answer],
        probabilities=shares,
        differential=differential(case, shares),
        parse_route="probabilities",
    )


async def decide(
    desk: Desk,
    case: Case,
    evidence: Sequence[Evidence],
    opinions: Sequence[Opinion] = (),
    notes: Sequence[CriticNote] = (),
    *,
    images: Sequence[str] = (),
    weighs_options: bool = True,
) -> Opinion:
    """The attending's own opinion after reading the anonymised panel; without a panel, a plain explanation."""
    question = prompts.EXPLAIN
    if opinions:
        question = prompts.ATTENDING.format(opinions=prompts.opinions_text(opinions), notes=prompts.notes_text(notes))
    return await reasoned_opinion(
        desk, case, evidence, question, node="attending", role=ROLE, images=images, may_use_held=True,
        weighs_options=weighs_options,
    )  # fmt: skip


def is_uncertain(probabilities: Mapping[str, float], *, entropy_above: float, margin_below: float) -> bool:
    """True where the probabilities are flat or the two leaders close; True also where there are none.

    Entropy is a share of its maximum log(n), so that thresholds mean the same for 2 and for 10 options.
    """
    values = sorted(probabilities.values(), reverse=True)
    if len(values) < 2:
        return True
    entropy = -math.fsum(p * math.log(p) for p in values if p > 0) / math.log(len(values))
    return entropy > entropy_above or values[0] - values[1] < margin_below


def calibrate(probabilities: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Temperature scaling of a distribution (Guo et al. 2017): log-probabilities divided by T, renormalised."""
    if not probabilities or temperature == 1.0:
        return dict(probabilities)
    powered = {label: p ** (1 / temperature) for label, p in probabilities.items()}
    total = math.fsum(powered.values())
    return {label: value / total for label, value in powered.items()} if total > 0 else dict(probabilities)
