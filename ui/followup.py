"""Questions about a verdict: the same case, the verdict and its evidence go before each of them."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Literal

from agents.opinion import Verdict
from cases.case import Case, Record

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from models.reply import Reply

MAX_TURNS = 12
"""Earlier turns that are shown to the model again; older ones are left out."""

TASK = (
    "The panel's verdict on this case:\n{verdict}\n\nA clinician asks about it. Answer briefly and to the point, from "
    "the case, the verdict and the numbered evidence only; name evidence as [n]. If they don't tell, say so. "
    "Don't advise on treating a real patient; a person decides."
)


class Turn(Record):
    """One thing said in the conversation about a case."""

    role: Literal["user", "model"]
    text: str


def messages_for(case: Case, verdict: Verdict, thread: Sequence[Turn], question: str) -> "list[BaseMessage]":
    """The prompt: the panel's own prefix (so that an engine's prefix cache pays for it once), the verdict, the talk."""
    from langchain_core.messages import AIMessage, HumanMessage

    from agents.prompts import case_messages, merge_user_messages

    said: list[BaseMessage] = [
        HumanMessage(turn.text) if turn.role == "user" else AIMessage(turn.text) for turn in thread[-MAX_TURNS:]
    ]
    return merge_user_messages(
        [
            *case_messages(case.blinded(), verdict.evidence),
            HumanMessage(TASK.format(verdict=verdict_text(verdict))),
            *said,
            HumanMessage(question),
        ]
    )


def verdict_text(verdict: Verdict) -> str:
    """What of the verdict a follow-up needs, as compact JSON."""
    shown = {
        "outcome": verdict.outcome.value,
        "answer": verdict.answer,
        "confidence": None if verdict.confidence is None else round(verdict.confidence, 2),
        "differential": [f"{line.name} {line.probability:.2f}" for line in verdict.differential[:6]],
        "rationale": verdict.rationale,
        "findings": list(verdict.findings),
        "dissent": [f"{view.answer}: {view.rationale}" for view in verdict.dissent],
        "would_change": list(verdict.would_change),
        "reason": verdict.reason,
    }
    return json.dumps({name: value for name, value in shown.items() if value}, ensure_ascii=False)


async def answer(
    model: "BaseChatModel", messages: "list[BaseMessage]", on_done: "Callable[[Reply], None]"
) -> AsyncIterator[str]:
    """The reply so far, longer each time. Raises ModelError."""
    from models.ask import stream_text

    text = ""
    async for piece in stream_text(model, messages, max_tokens=300, on_done=on_done):
        text += piece
        yield text
