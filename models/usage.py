"""What a call costs: calls, tokens, seconds, money. Usages add up."""

from pydantic import Field

from cases.case import Record


class Usage(Record):
    """The cost of one or more model calls. Tokens are the engine's own counts."""

    calls: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0, description="Prompt tokens that the engine took from its prefix cache.")
    reply_tokens: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    cost: float = Field(default=0.0, ge=0, description="In the unit of the price table; 0 for a local model.")

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.reply_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})
