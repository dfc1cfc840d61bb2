"""From a call to an engine's arguments, from an engine's message to a `Reply`, and the key that names both."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from models.profile import ModelProfile
from models.reply import Reply
from models.usage import Usage

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

TOP_LOGPROBS = {"llamacpp": 200, "transformers": 200, "scripted": 200}
"""How many likeliest tokens an engine lists at one position; others stop at the OpenAI protocol's 20."""

_OPENAI_PROTOCOL = ("llamacpp", "vllm", "openai", "transformers", "scripted")
_KEY_VERSION = 1


@dataclass(frozen=True)
class Call:
    """Everything about a call but its messages and its model."""

    max_tokens: int
    schema: type[BaseModel] | None = None
    temperature: float = 0.0
    seed: int | None = None
    sample: int = 0
    logprobs: bool = False
    top_logprobs: int = 0
    stop: tuple[str, ...] = ()

    @property
    def engine_seed(self) -> int | None:
        """The seed that the engine is given: another one for every sample."""
        return None if self.seed is None else (self.seed * 1_000 + self.sample) % 2**31


def cache_key(profile: ModelProfile, messages: "Sequence[BaseMessage]", call: Call) -> str:
    """SHA-256 (hex) of model identity, messages (image bytes included), every parameter, schema, seed and sample."""
    payload = {
        "version": _KEY_VERSION,
        "model": [profile.engine, profile.identity, profile.base_url if profile.engine in ("vllm", "openai") else ""],
        "messages": [[message.type, message.content] for message in messages],
        "schema": None if call.schema is None else call.schema.model_json_schema(),
        "parameters": [call.max_tokens, call.temperature, call.logprobs, call.top_logprobs, list(call.stop)],
        "seed": [call.seed, call.sample],
    }
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def prefill_of(messages: "Sequence[BaseMessage]") -> str:
    """The text of a last message of the assistant, which the model is to continue; '' if there is none."""
    last = messages[-1] if messages else None
    return last.content if last is not None and last.type == "ai" and isinstance(last.content, str) else ""


def build(
    profile: ModelProfile, messages: "Sequence[BaseMessage]", call: Call
) -> "tuple[list[BaseMessage], dict[str, Any]]":
    """The messages and keyword arguments for the model's `ainvoke`, in the engine's dialect."""
    sent = list(messages)
    arguments: dict[str, Any] = {"max_tokens": call.max_tokens, "temperature": call.temperature}
    if call.stop:
        arguments["stop"] = list(call.stop)
    if call.engine_seed is not None and profile.engine != "other":
        arguments["seed"] = call.engine_seed  # not every provider knows it, and some refuse what they do not know
    if profile.engine not in _OPENAI_PROTOCOL:
        if prefill_of(sent):
            sent = sent[:-1]
        if call.schema is not None:
            from langchain_core.messages import HumanMessage

            sent = [*sent, HumanMessage(asked_for(call.schema.model_json_schema()))]
        return sent, arguments
    if call.logprobs or call.top_logprobs:
        arguments["logprobs"] = True
        if call.top_logprobs:
            arguments["top_logprobs"] = call.top_logprobs
    body: dict[str, Any] = {}
    if call.schema is not None:
        # Through the raw body: the client's own response_format path validates on its side and loses the raw text.
        body |= _constraint(call.schema, profile.engine)
    if profile.engine == "llamacpp":
        body["cache_prompt"] = True
    if profile.engine == "vllm":
        if call.logprobs:
            body["return_token_ids"] = True
        if prefill_of(sent):
            body |= {"add_generation_prompt": False, "continue_final_message": True}
    if profile.engine == "openai" and prefill_of(sent):
        sent = sent[:-1]
    if body:
        arguments["extra_body"] = body
    return sent, arguments


def _constraint(schema: type[BaseModel], engine: str) -> dict[str, Any]:
    if engine == "llamacpp":
        from models.embedded import grammar_of

        return {"grammar": grammar_of(schema.model_json_schema())}
    wanted = {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": wanted}}


def read(message: "AIMessage", profile: ModelProfile, call: Call, seconds: float, prefill: str = "") -> Reply:
    """The reply in an engine's message. Tokens are the engine's counts; absent ones are 0."""
    details: dict[str, Any] = dict(message.response_metadata or {})
    tokens: dict[str, Any] = dict(message.usage_metadata or {})
    cached = (tokens.get("input_token_details") or {}).get("cache_read") or 0
    usage = Usage(
        calls=1,
        prompt_tokens=tokens.get("input_tokens") or 0,
        cached_tokens=min(cached, tokens.get("input_tokens") or 0),
        reply_tokens=tokens.get("output_tokens") or 0,
        seconds=seconds,
    )
    text = text_of(message)
    # llama.cpp repeats the prefill at the head of its reply, vLLM does not.
    text = text.removeprefix(prefill) if prefill and profile.engine == "llamacpp" else text
    content = (details.get("logprobs") or {}).get("content") or []
    return Reply(
        text=text,
        usage=usage.model_copy(update={"cost": profile.cost(usage)}),
        token_ids=tuple(entry["id"] for entry in content if isinstance(entry.get("id"), int)),
        logprobs=tuple(float(entry["logprob"]) for entry in content),
        top=tuple(_distribution(entry) for entry in content if entry.get("top_logprobs")),
        finish_reason=str(details.get("finish_reason") or ""),
        model=profile.identity,
    )


def asked_for(schema: dict[str, Any]) -> str:
    """The request that stands in for a grammar where the engine has none."""
    return f"Answer with one JSON object that follows this JSON schema:\n{json.dumps(schema)}"


def schema_in(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema among a call's arguments, for models that read them in this process."""
    asked = (arguments.get("extra_body") or {}).get("response_format")
    return asked["json_schema"]["schema"] if asked else None


def text_of(message: "BaseMessage") -> str:
    """A message's text, with the text blocks of a list of blocks joined."""
    if isinstance(message.content, str):
        return message.content
    return "".join(
        block if isinstance(block, str) else block.get("text", "")
        for block in message.content
        if isinstance(block, str) or block.get("type") == "text"
    )


def _distribution(entry: dict[str, Any]) -> dict[str, float]:
    """Token text -> log-probability; the likelier of two tokens with one text."""
    found: dict[str, float] = {}
    for candidate in entry["top_logprobs"]:
        token, logprob = str(candidate["token"]), float(candidate["logprob"])
        found[token] = max(logprob, found.get(token, logprob))
    return found
