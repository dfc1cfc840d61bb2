"""One way to ask a chat model: typed replies, typed errors, retries, a disk cache, honest usage.

Callers put what the calls of a case share (system text, case, evidence) first and the role and its question last,
so that an engine's prefix cache pays for the shared part once.
"""

import asyncio
import json
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ValidationError

from cases.errors import ModelError, ModelReplyError, ModelTimeout, ModelUnavailable
from models import requests
from models.cache import ReplyCache
from models.failures import translate
from models.profile import ModelProfile, profile_of
from models.reply import ChoiceScores, Reply
from models.usage import Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

ATTEMPTS = 3
"""How often a call is tried when the engine cannot be reached or is overloaded; a timeout is never tried again."""

_FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")

__all__ = ["ChoiceScores", "Reply", "ask", "choice_probabilities", "stream_text"]


async def ask(
    model: "BaseChatModel",
    messages: "Sequence[BaseMessage]",
    *,
    schema: type[BaseModel] | None = None,
    max_tokens: int = 512,
    temperature: float = 0.0,
    seed: int | None = None,
    sample: int = 0,
    timeout_s: float | None = None,
    logprobs: bool = False,
    top_logprobs: int = 0,
    stop: list[str] | None = None,
    on_token: Callable[[str], None] | None = None,
    use_cache: bool = True,
) -> Reply:
    """Ask once and return the reply.

    `schema` constrains the reply (response_format json_schema) and is validated: `Reply.parsed`. `sample` numbers
    independent samples of one prompt: it is part of the cache key and, with `seed`, of the engine's seed.
    A last message of the assistant is continued (prefill) where the engine can. `timeout_s` is per attempt, from the
    moment when the engine takes the call; None: the model's own. `on_token` receives text as it arrives; a reply from
    the cache arrives at once.

    Raises ModelUnavailable, ModelTimeout, ModelReplyError (raw text in `.raw`) or ModelError.
    """
    profile = profile_of(model)
    call = requests.Call(
        schema=schema, max_tokens=max_tokens, temperature=temperature, seed=seed, sample=sample, logprobs=logprobs,
        top_logprobs=top_logprobs, stop=tuple(stop or ()),
    )  # fmt: skip
    reply = await _answer(model, profile, messages, call, timeout_s or profile.timeout_s, on_token, use_cache)
    return reply if schema is None else reply.model_copy(update={"parsed": _parse(reply, schema, profile, max_tokens)})


async def choice_probabilities(
    model: "BaseChatModel",
    messages: "Sequence[BaseMessage]",
    labels: Sequence[str],
    *,
    timeout_s: float | None = None,
    use_cache: bool = True,
) -> ChoiceScores:
    """The probabilities of the labels as the reply's first token, from one call of one token.

    A model with a method `score_with_usage(messages, labels) -> (probabilities, token counts)` (the embedded VLM)
    scores the labels itself, in a thread.
    " A" and "A" are the same label. Probabilities are renormalised over the labels; what the model gave to other
    tokens is `outside`. A label below the engine's list of likeliest tokens counts as 0.

    Raises ModelReplyError when no label is in that list, ModelError for an engine without token probabilities.
    """
    profile = profile_of(model)
    if hasattr(model, "score_with_usage"):
        return await _scored_in_process(model, profile, messages, labels, timeout_s or profile.timeout_s)
    call = requests.Call(
        max_tokens=1, temperature=0.0, logprobs=True, top_logprobs=requests.TOP_LOGPROBS.get(profile.engine, 20)
    )
    reply = await _answer(model, profile, messages, call, timeout_s or profile.timeout_s, None, use_cache)
    if not reply.top and profile.engine == "other":
        return _vote(reply, labels, profile)
    if not reply.top:
        raise ModelError(
            "the engine gives no token probabilities",
            where=profile.identity,
            remedy="use embedded, vllm: or openai: models, or ask for a labelled reply instead",
        )
    mass = dict.fromkeys(labels, 0.0)
    for token, logprob in reply.top[0].items():
        if token.strip() in mass:
            mass[token.strip()] += math.exp(logprob)
    total = sum(mass.values())
    if total <= 0:
        seen = list(reply.top[0])[:5]
        raise ReplyError(f"none of {list(labels)} is among the likeliest tokens {seen}", reply.text, profile)
    return ChoiceScores(
        probabilities={label: p / total for label, p in mass.items()},
        outside=min(1.0, max(0.0, 1.0 - total)),
        usage=reply.usage,
        is_from_cache=reply.is_from_cache,
        model=reply.model,
    )


def _vote(reply: Reply, labels: Sequence[str], profile: ModelProfile) -> ChoiceScores:
    said = reply.text.strip().rstrip(".")
    if said not in labels:
        raise ReplyError(f"none of {list(labels)} but {said!r}", reply.text, profile)
    return ChoiceScores(
        probabilities={label: float(label == said) for label in labels}, outside=0.0, is_vote=True,
        usage=reply.usage, is_from_cache=reply.is_from_cache, model=reply.model,
    )  # fmt: skip


async def _scored_in_process(
    model: Any, profile: ModelProfile, messages: "Sequence[BaseMessage]", labels: Sequence[str], timeout_s: float
) -> ChoiceScores:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            probabilities, tokens = await asyncio.to_thread(model.score_with_usage, list(messages), list(labels))
    except TimeoutError as error:
        raise ModelTimeout(f"no answer within {timeout_s:.0f} s", where=profile.identity) from error
    usage = Usage(
        calls=1, prompt_tokens=tokens["input_tokens"], reply_tokens=tokens["output_tokens"],
        seconds=time.perf_counter() - started,
    )  # fmt: skip
    return ChoiceScores(probabilities=probabilities, outside=0.0, usage=usage, model=profile.identity)


async def stream_text(
    model: "BaseChatModel", messages: "Sequence[BaseMessage]", *, on_done: Callable[[Reply], None] | None = None,
    **options: Any,
) -> AsyncIterator[str]:  # fmt: skip
    """The reply's text in pieces as they arrive. `options` as in `ask`; `on_done` receives the whole reply."""
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    async def run() -> Reply:
        try:
            return await ask(model, messages, on_token=pieces.put_nowait, **options)
        finally:
            pieces.put_nowait(None)

    task = asyncio.ensure_future(run())
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        reply = await task
    finally:
        task.cancel()
    if on_done is not None:
        on_done(reply)


class ReplyError(ModelReplyError):
    """A reply not in the form that was asked for; `raw` is the text that came."""

    def __init__(self, what: str, raw: str, profile: ModelProfile, remedy: str | None = None):
        super().__init__(what, where=profile.identity, remedy=remedy)
        self.raw = raw

    def __reduce__(self) -> tuple:
        return _rebuild_reply_error, (self.what, self.raw, self.where, self.remedy)


def _rebuild_reply_error(what: str, raw: str, where: str, remedy: str | None) -> ReplyError:
    return ReplyError(what, raw, ModelProfile(identity=where), remedy)


async def _answer(
    model: "BaseChatModel", profile: ModelProfile, messages: "Sequence[BaseMessage]", call: requests.Call,
    timeout_s: float, on_token: Callable[[str], None] | None, use_cache: bool,
) -> Reply:  # fmt: skip
    cache = ReplyCache.at(profile.cache_path) if use_cache and profile.cache_path is not None else None
    key = requests.cache_key(profile, messages, call)
    if cache is not None and (found := await asyncio.to_thread(cache.get, key)) is not None:
        if on_token is not None:
            on_token(found.text)
        return found
    reply = await _with_retries(model, profile, messages, call, timeout_s, on_token)
    if cache is not None:
        await asyncio.to_thread(cache.put, key, reply)
    return reply


async def _with_retries(
    model: "BaseChatModel", profile: ModelProfile, messages: "Sequence[BaseMessage]", call: requests.Call,
    timeout_s: float, on_token: Callable[[str], None] | None,
) -> Reply:  # fmt: skip
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

    sent, arguments = requests.build(profile, messages, call)
    pieces = _Pieces(on_token) if on_token is not None else None
    policy = AsyncRetrying(
        retry=retry_if_exception(
            lambda error: isinstance(error, ModelUnavailable) and (pieces is None or not pieces.has_begun)
        ),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential_jitter(initial=0.3, max=4, jitter=0.3),
        reraise=True,
    )
    async for attempt in policy:
        with attempt:
            try:
                async with _turn(profile):
                    started = time.perf_counter()
                    async with asyncio.timeout(timeout_s):
                        message = await _invoke(model, sent, arguments, pieces)
            except Exception as error:  # every client has its own classes: typed here, or raised again
                typed = translate(error, profile, timeout_s)
                if typed is None or typed is error:
                    raise
                raise typed from error
            return requests.read(message, profile, call, time.perf_counter() - started, requests.prefill_of(messages))
    raise AssertionError("tenacity returns or raises")


_turns: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]]" = WeakKeyDictionary()


def _turn(profile: ModelProfile) -> AbstractAsyncContextManager[Any]:
    """Waits until the engine can take the call. A small engine works calls off in turn: without this, a call's
    timeout would run while others are served."""
    if profile.parallel is None:
        return nullcontext()
    queues = _turns.setdefault(asyncio.get_running_loop(), {})
    return queues.setdefault(profile.identity, asyncio.Semaphore(profile.parallel))


class _Pieces:
    """Passes text on and remembers whether any was: what a reader has seen cannot be asked for again."""

    def __init__(self, on_token: Callable[[str], None]):
        self._on_token, self.has_begun = on_token, False

    def add(self, text: str) -> None:
        if text:
            self.has_begun = True
            self._on_token(text)


async def _invoke(
    model: "BaseChatModel", messages: "list[BaseMessage]", arguments: dict[str, Any], pieces: _Pieces | None
) -> "AIMessage":
    if pieces is None:
        return await model.ainvoke(messages, **arguments)
    whole: Any = None
    async for chunk in model.astream(messages, **arguments):
        pieces.add(requests.text_of(chunk))
        whole = chunk if whole is None else whole + chunk
    if whole is None:
        raise ModelUnavailable("the stream ended before it began", remedy="ask again")
    return whole


def _parse(reply: Reply, schema: type[BaseModel], profile: ModelProfile, max_tokens: int) -> BaseModel:
    fenced = _FENCE.fullmatch(reply.text)  # unconstrained models put JSON into a code block
    text = _CONTROL.sub(" ", fenced[1] if fenced else reply.text)  # some grammars let them into strings; JSON does not
    try:
        return schema.model_validate_json(text)
    except ValidationError as error:
        if reply.finish_reason == "length":
            raise ReplyError(
                f"the {schema.__name__} was cut off after {max_tokens} tokens", reply.text, profile,
                "raise max_tokens or bound the schema's strings and lists",
            ) from error  # fmt: skip
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the reply"
        raise ReplyError(
            f"not a {schema.__name__}: {place}: {first['msg']}; the reply begins {json.dumps(reply.text[:200])}",
            reply.text, profile, "use an engine that obeys response_format, or another model",
        ) from error  # fmt: skip
