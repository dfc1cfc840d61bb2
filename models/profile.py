"""What the rest of the house must know of an opened chat model, carried in the model's own `metadata`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from cases.case import Record
from models.usage import Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Engine = Literal["llamacpp", "vllm", "openai", "transformers", "vlm", "scripted", "other"]
_KEY = "wardround"


class ModelProfile(Record):
    """Identity, engine and policy of a chat model."""

    spec: str = ""
    identity: str = Field(description="id@revision: names the weights (and adapter) that answered.")
    engine: Engine = "other"
    base_url: str = ""
    cache_path: Path | None = Field(default=None, description="Where replies are kept; none: not kept.")
    timeout_s: float = Field(default=180.0, gt=0, description="For one call, retries apart.")
    parallel: int | None = Field(
        default=None,
        ge=1,
        description="Calls that the engine takes at a time; others wait and their time stands still.",
    )
    prompt_price: float = Field(default=0.0, ge=0, description="Money per million prompt tokens.")
    cached_price: float = Field(default=0.0, ge=0, description="Money per million prompt tokens served from a cache.")
    reply_price: float = Field(default=0.0, ge=0, description="Money per million reply tokens.")

    def cost(self, usage: Usage) -> float:
        """Money for the usage's tokens at this model's prices."""
        fresh = (usage.prompt_tokens - usage.cached_tokens) * self.prompt_price
        return (fresh + usage.cached_tokens * self.cached_price + usage.reply_tokens * self.reply_price) / 1e6


def attach(model: "BaseChatModel", profile: ModelProfile) -> "BaseChatModel":
    """Write the profile into the model's metadata and return the model."""
    model.metadata = {**(model.metadata or {}), _KEY: profile.model_dump(mode="json")}
    return model


def profile_of(model: "BaseChatModel") -> ModelProfile:
    """The profile of a model; one that another library opened gets a plain one, without a cache."""
    found = (getattr(model, "metadata", None) or {}).get(_KEY)
    if found is not None:
        return ModelProfile.model_validate(found)
    name = next((v for a in ("model_name", "model", "model_id") if isinstance(v := getattr(model, a, None), str)), "")
    kind = type(model).__name__
    return ModelProfile(identity=f"{name or kind}@unversioned", engine="openai" if kind == "ChatOpenAI" else "other")
