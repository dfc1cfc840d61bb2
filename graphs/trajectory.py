"""The record of a run: who was asked what, what came back, at what cost, and how it ended.

Messages are kept once in a table by content hash; steps refer to them, so a shared prefix costs its text once.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from agents.opinion import Verdict
from cases.case import Record
from models.usage import Usage


class Message(Record):
    """One chat message. `images` are paths or content hashes of media, never pixels."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """First 32 hex digits of the SHA-256 of role, content and images."""
        payload = json.dumps([self.role, self.content, list(self.images)], ensure_ascii=False)
        return hashlib.sha256(payload.encode()).hexdigest()[:32]


class ToolCall(Record):
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    result: str = ""
    error: str = ""


class Header(Record):
    """What a run was made from: enough to run it again."""

    id: str
    case_id: str
    case_hash: str
    split: str = ""
    source: str = ""
    strategy: str
    settings: dict[str, Any] = Field(default_factory=dict)
    models: dict[str, str] = Field(default_factory=dict, description="Role of the model (chat, vision) -> id@revision.")
    index_manifest: str = ""
    code_version: str = ""
    seed: int | None = None
    is_deidentified: bool = False
    has_consent: bool | None = None
    started: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Step(Record):
    """One completed turn of one node. `parent` is the step whose output this one was given."""

    trajectory_id: str
    index: int = Field(ge=0)
    node: str
    role: str = ""
    prompt: tuple[str, ...] = Field(default=(), description="Ids of the messages sent, in order.")
    reply: str | None = Field(default=None, description="Id of the message that came back.")
    is_copied_context: bool = Field(default=False, description="True: never trained on, its text is another step's.")
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    evidence_ids: tuple[str, ...] = ()
    output: dict[str, Any] = Field(default_factory=dict, description="The node's structured result.")
    usage: Usage = Usage()
    error: str = ""
    finished: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Feedback(Record):
    """What a person said of a verdict."""

    thumb: Literal["up", "down"] | None = None
    correction: str = ""
    comment: str = ""
    given: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Result(Record):
    """How a run ended. `is_correct` is set only by an evaluation that holds the gold answer."""

    verdict: Verdict | None = None
    parsed_answer: str | None = None
    is_correct: bool | None = None
    rewards: dict[str, float] = Field(default_factory=dict)
    feedback: tuple[Feedback, ...] = ()
    error: str = ""


class Trajectory(Record):
    header: Header
    messages: dict[str, Message] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    result: Result | None = None
