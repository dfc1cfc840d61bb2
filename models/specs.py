"""One string names a chat model: `embedded`, `embedded+ADAPTER`, `vllm:MODEL@URL`, `openai:MODEL`, `hf:ID` ...

`open_chat_model` turns it into a LangChain chat model that carries its identity and policy (`models.profile`).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cases.case import Record
from cases.errors import ModelError, SettingsError
from cases.settings import Settings
from models import manifest, prices
from models.profile import Engine, ModelProfile, attach, profile_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

EMBEDDED_MODEL = "qwen2.5-coder-1.5b-instruct"
TINY_MODEL = "smollm2-135m-instruct"
_FORMS = (
    "embedded, embedded+ADAPTER, embedded-tiny, embedded-vlm, vllm:MODEL@http://HOST:PORT/v1, openai:MODEL[@URL], "
    "langchain:PROVIDER:MODEL, hf:ID-OR-FOLDER, scripted:FILE"
)


class Spec(Record):
    """A parsed spec string."""

    kind: str
    name: str = ""
    url: str = ""
    adapter: str = ""


def parse_spec(text: str) -> Spec:
    """Parse a spec string. Raises SettingsError saying what is wrong with it and which forms there are."""
    kind, colon, rest = text.strip().partition(":")
    if not colon:
        base, plus, adapter = kind.partition("+")
        if base not in ("embedded", "embedded-tiny", "embedded-vlm"):
            raise _bad(text, "no such model")
        if plus and not adapter:
            raise _bad(text, "no adapter after '+'")
        if adapter and base == "embedded-vlm":
            raise _bad(text, "embedded-vlm takes no adapter")
        return Spec(kind=base, adapter=adapter)
    if kind not in _OPENERS:
        raise _bad(text, f"no such engine {kind!r}")
    if not rest.strip():
        raise _bad(text, "nothing after ':'")
    if kind == "langchain" and not all(rest.partition(":")):
        raise _bad(text, "write langchain:PROVIDER:MODEL, for example langchain:ollama:llama3.1")
    if kind in ("hf", "scripted", "langchain"):
        return Spec(kind=kind, name=rest)
    name, _, url = rest.partition("@")
    if not name:
        raise _bad(text, "no model name")
    if kind == "vllm" and not url:
        raise _bad(text, "no address: write vllm:MODEL@http://127.0.0.1:8000/v1")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise _bad(text, f"{url!r} is not an http(s) address")
    return Spec(kind=kind, name=name, url=url.rstrip("/"))


def open_chat_model(spec: str, settings: Settings, **overrides: Any) -> "BaseChatModel":
    """Open the chat model that a spec names. Weights are loaded with the first call, not here.

    `overrides`: for embedded models the fields of `EngineSettings`; else keyword arguments of the LangChain class.
    Raises SettingsError for a malformed spec, WeightsError for absent weights, ModelError otherwise.
    """
    parsed = parse_spec(spec)
    model, profile = _OPENERS[parsed.kind](parsed, settings, overrides)
    is_remote = profile.engine in ("openai", "other") and not is_loopback(parsed.url)
    price = prices.price_of(parsed.name or parsed.kind, is_remote=is_remote, own=prices.own_prices(settings.home))
    return attach(
        model,
        profile.model_copy(
            update={
                "spec": spec,
                "cache_path": settings.cache_path if settings.cache and profile.engine != "scripted" else None,
                "timeout_s": settings.request_timeout_s,
                "prompt_price": price.prompt,
                "cached_price": price.cached,
                "reply_price": price.reply,
            }
        ),
    )


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def model_identity(model: "BaseChatModel | str", settings: Settings | None = None) -> str:
    """id@revision of an opened model, or of the one that a spec names (without opening it)."""
    if not isinstance(model, str):
        return profile_of(model).identity
    parsed = parse_spec(model)
    if parsed.kind in ("embedded", "embedded-tiny"):
        return _embedded_files(parsed, (settings or Settings()).models_dir, is_checked=False)[2]
    if parsed.kind == "hf":
        from models.in_process import identity_of

        return identity_of(parsed.name)
    if parsed.kind == "scripted":
        return _script_identity(Path(parsed.name))
    return f"{parsed.name or parsed.kind}@{parsed.url or 'unversioned'}"


def _embedded(spec: Spec, settings: Settings, overrides: dict[str, Any]) -> "tuple[BaseChatModel, ModelProfile]":
    from langchain_openai import ChatOpenAI

    from models.embedded import BASE_URL, EngineSettings, auto_slots, clients, engine_for

    model, adapter, identity = _embedded_files(spec, settings.models_dir, is_checked=True)
    engine = EngineSettings(**overrides)
    client, async_client = clients(engine_for(model, adapter, engine))
    chat = ChatOpenAI(
        model=identity, base_url=BASE_URL, api_key=lambda: "none", http_client=client, http_async_client=async_client,
        max_retries=2, timeout=None, stream_usage=True, stream_chunk_timeout=None,
    )  # fmt: skip
    return chat, ModelProfile(identity=identity, engine="llamacpp", parallel=engine.slots or auto_slots())


def _embedded_files(spec: Spec, models_dir: Path, *, is_checked: bool) -> tuple[Path, Path | None, str]:
    base = manifest.entry_of(TINY_MODEL if spec.kind == "embedded-tiny" else EMBEDDED_MODEL, models_dir)
    identity = f"{base.id}@{base.revision}"
    folder = manifest.resolve(base.id, models_dir) if is_checked else base.folder(models_dir)
    if not spec.adapter:
        return folder / base.files[0].path, None, identity
    adapter = manifest.entry_of(spec.adapter, models_dir)
    if adapter.format != "gguf-lora" or adapter.base != base.id:
        raise ModelError(
            f"{adapter.id} is {adapter.format or adapter.role} for {adapter.base or 'no base'}, not a GGUF adapter "
            f"for {base.id}",
            remedy="convert it with training.adapters and register it",
        )
    place = manifest.resolve(adapter.id, models_dir) if is_checked else adapter.folder(models_dir)
    file = next(f.path for f in adapter.files if f.path.endswith(".gguf"))
    return folder / base.files[0].path, place / file, f"{identity}+{adapter.id}@{adapter.revision}"


def _embedded_vlm(spec: Spec, settings: Settings, overrides: dict[str, Any]) -> "tuple[BaseChatModel, ModelProfile]":
    from models.embedded_vlm import EmbeddedVLM

    model = EmbeddedVLM.from_weights(settings.models_dir, **overrides)
    return model, ModelProfile(identity=getattr(model, "identity", "embedded-vlm@shipped"), engine="vlm")


def _served(spec: Spec, settings: Settings, overrides: dict[str, Any]) -> "tuple[BaseChatModel, ModelProfile]":
    import httpx
    from langchain_openai import ChatOpenAI

    engine: Engine = "vllm" if spec.kind == "vllm" else "openai"
    url = spec.url or os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    is_local = is_loopback(url)
    key = os.environ.get("VLLM_API_KEY" if engine == "vllm" else "OPENAI_API_KEY", "none" if spec.url else "")
    if not key:
        raise ModelError("no key", where=f"openai:{spec.name}", remedy="set OPENAI_API_KEY, or name a server: @URL")
    limits = httpx.Limits(max_keepalive_connections=0)  # an event loop must not inherit another's sockets
    chat = ChatOpenAI(
        model=spec.name, base_url=url, api_key=lambda: key,
        http_client=httpx.Client(limits=limits, trust_env=not is_local),
        http_async_client=httpx.AsyncClient(limits=limits, trust_env=not is_local),
        max_retries=1, timeout=settings.request_timeout_s, stream_usage=True, stream_chunk_timeout=None, **overrides,
    )  # fmt: skip
    return chat, ModelProfile(identity=f"{spec.name}@{url}", engine=engine, base_url=url)


def _any_provider(spec: Spec, settings: Settings, overrides: dict[str, Any]) -> "tuple[BaseChatModel, ModelProfile]":
    from langchain.chat_models import init_chat_model

    try:
        model = init_chat_model(spec.name, **overrides)
    except ImportError as error:
        raise ModelError(str(error), where=f"langchain:{spec.name}", remedy="install it beside wardround") from error
    except ValueError as error:
        first = str(error).splitlines()[0]
        remedy = "use one of LangChain's providers, and set the key that it reads"
        raise ModelError(first, where=f"langchain:{spec.name}", remedy=remedy) from error
    return model, ModelProfile(identity=f"{spec.name}@unversioned", engine="other")


def _transformers(spec: Spec, settings: Settings, overrides: dict[str, Any]) -> "tuple[BaseChatModel, ModelProfile]":
    from models.in_process import open_transformers

    return open_transformers(spec.name, **overrides)


def _scripted(spec: Spec, settings: Settings, overrides: dict[str, Any]) -> "tuple[BaseChatModel, ModelProfile]":
    from models.scripted import ScriptedChat

    path = Path(spec.name).expanduser()
    return ScriptedChat.from_file(path), ModelProfile(identity=_script_identity(path), engine="scripted")


def _script_identity(path: Path) -> str:
    revision = manifest.file_hash(path)[:12] if path.is_file() else "absent"
    return f"scripted:{path.name}@{revision}"


def _bad(text: str, what: str) -> SettingsError:
    return SettingsError(f"model spec {text!r}: {what}", where="model", remedy=f"one of: {_FORMS}")


_OPENERS: dict[str, Callable[[Spec, Settings, dict[str, Any]], "tuple[BaseChatModel, ModelProfile]"]] = {
    "embedded": _embedded,
    "embedded-tiny": _embedded,
    "embedded-vlm": _embedded_vlm,
    "vllm": _served,
    "openai": _served,
    "langchain": _any_provider,
    "hf": _transformers,
    "scripted": _scripted,
}
