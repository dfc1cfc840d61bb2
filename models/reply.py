"""What comes back from a call: a reply, or the probabilities of a choice."""

from typing import Any

from pydantic import Field, SerializeAsAny

from cases.case import Record
from models.usage import Usage


class Reply(Record):
    """A model's answer and what it cost.

    `logprobs[i]` belongs to `token_ids[i]` (natural logarithms); both are empty unless they were asked for and the
    engine gives them. `top[i]` maps the likeliest tokens' texts at position i to their log-probabilities.
    """

    text: str
    parsed: SerializeAsAny[Any] = Field(default=None, description="An instance of the schema that was asked for.")
    usage: Usage = Usage()
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    top: tuple[dict[str, float], ...] = ()
    finish_reason: str = ""
    is_from_cache: bool = False
    model: str = Field(default="", description="id@revision of the model that answered.")


class ChoiceScores(Record):
    """How a model distributes its next token over the labels of a choice."""

    probabilities: dict[str, float] = Field(description="Over the labels; sums to 1.")
    outside: float = Field(ge=0, le=1, description="Probability mass that the model gave to anything but a label.")
    is_vote: bool = Field(default=False, description="The engine has no probabilities: 1 stands for the label it said.")
    usage: Usage = Usage()
    is_from_cache: bool = False
    model: str = ""

    @property
    def best(self) -> str:
        """The likeliest label; of equals the first."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])
