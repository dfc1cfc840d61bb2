"""Teacher samples on disk: one line each, written and fsync'd as it arrives, so that a kill loses those in flight only.

A sample is known by (teacher, case, prompt style, number): starting again asks for the missing ones alone.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from cases.answers import parse_answer
from cases.case import Case, Record
from cases.errors import ModelError, TrainingError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Style = str
"""A key of STYLES."""

STYLES: dict[Style, tuple[str, str]] = {
    "reasoning": (
        "Think step by step inside <think></think>, then give the label of your answer alone inside <answer></answer>.",
        "think-answer",
    ),
    "direct": ("Your final answer is one of {labels}. Reply with it alone.", "letter"),
}
"""Style -> (instruction, answer grammar). A reply that the grammar does not read counts as wrong."""


class Sample(Record):
    """One reply of a teacher with its verdict. Wrong ones are kept: they are what a band filter and DPO need."""

    case_id: str
    case_hash: str
    teacher: str
    style: Style
    number: int = Field(ge=0)
    text: str
    tokens: int = 0
    answer: str | None = None
    why_not: str | None = None
    is_right: bool
    error: str = ""

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.teacher, self.case_hash, self.style, self.number)


class Said(Record):
    """What a teacher returned."""

    text: str
    tokens: int = 0


Teacher = Callable[[Case, Style, int], Awaitable[Said]]
"""Asked with the blinded case, the style and the sample's number, which must change the reply's randomness."""


class SampleFile:
    """Append-only samples. A half line at the end, from a kill, is cut off; any other damage is an error."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self.samples: dict[tuple[str, str, str, int], Sample] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                sample = Sample.model_validate_json(line)
            except ValidationError as error:
                raise TrainingError(
                    "not a sample", where=f"{self.path}, line {number}", remedy="remove the line, or the file"
                ) from error
            self.samples[sample.key] = sample
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))

    def add(self, sample: Sample) -> None:
        """Durable when it returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(sample.model_dump(mode="json"), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.samples[sample.key] = sample


async def sample(
    cases: Sequence[Case], teacher: Teacher, teacher_id: str, file: SampleFile, *, style: Callable[[Case], Style],
    samples: int = 16, concurrency: int = 4,
) -> list[Sample]:  # fmt: skip
    """`samples` replies per case, those in `file` not asked again, in the order of cases and numbers.

    The teacher never sees the gold answer. A call that fails is no sample: it is left out here and asked again the
    next time. Raises TrainingError for a case without a gold label.
    """
    for case in cases:
        if case.gold is None or case.gold.label is None:
            raise TrainingError("no gold label to verify samples with", where=case.id)
    gate = asyncio.Semaphore(concurrency)

    async def one(case: Case, number: int) -> Sample | None:
        blinded = case.blinded()
        key = (teacher_id, blinded.content_hash, style(case), number)
        if key in file.samples:
            return file.samples[key]
        async with gate:
            try:
                said = await teacher(blinded, style(case), number)
            except ModelError:
                # The missing sample is counted by the manifest; a retry happens on the next run.
                return None
        made = verified(case, teacher_id, style(case), number, said)
        file.add(made)
        return made

    wanted = [one(case, number) for case in cases for number in range(samples)]
    return [made for made in await asyncio.gather(*wanted) if made is not None]


def verified(case: Case, teacher_id: str, style: Style, number: int, said: Said) -> Sample:
    """The sample with the strict parser's verdict: right only when the style's grammar reads exactly the gold label."""
    parsed = parse_answer(said.text, case.options, STYLES[style][1])
    gold = case.gold.label if case.gold else None
    return Sample(
        case_id=case.id, case_hash=case.blinded().content_hash, teacher=teacher_id, style=style, number=number,
        text=said.text, tokens=said.tokens, answer=parsed.value, why_not=parsed.why_not,
        is_right=parsed.value is not None and parsed.value == gold,
    )  # fmt: skip


def prompt_of(case: Case, style: Style) -> list[dict[str, Any]]:
    """The chat that a sample answers and its training row shows: the product's case prompt, then the instruction."""
    from agents.prompts import case_messages

    roles = {"system": "system", "human": "user"}
    labels = ", ".join(case.options or ())
    messages = [{"role": roles[m.type], "content": m.content} for m in case_messages(case.blinded())]
    return [*messages, {"role": "user", "content": STYLES[style][0].format(labels=labels)}]


def chat_teacher(model: "BaseChatModel", *, temperature: float = 1.0, max_tokens: int = 1024) -> Teacher:
    """A teacher that asks a chat model; the sample's number is part of its cache key and seed."""
    from langchain_core.messages import HumanMessage, SystemMessage

    from models.ask import ask

    kinds = {"system": SystemMessage, "user": HumanMessage}

    async def teach(case: Case, style: Style, number: int) -> Said:
        messages = [kinds[m["role"]](m["content"]) for m in prompt_of(case, style)]
        reply = await ask(
            model, messages, max_tokens=max_tokens, temperature=temperature, seed=1000 + number, sample=number
        )
        return Said(text=reply.text, tokens=reply.usage.reply_tokens)

    return teach
