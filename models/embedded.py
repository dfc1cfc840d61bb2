"""The embedded engine: llama.cpp inside this process, spoken to over the OpenAI protocol on loopback.

One server per model and adapter; it starts with the first request and ends with the process. Its HTTP client knows
no address beforehand: the transport starts the engine and then sends the request to it.
"""

import asyncio
import atexit
import os
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from cases.case import Record
from cases.errors import ModelUnavailable

if TYPE_CHECKING:
    import httpx

BASE_URL = "http://embedded.invalid/v1"
"""A name that no resolver knows: a request that did not pass our transport cannot leave the machine."""


class EngineSettings(Record):
    """How the embedded engine is run."""

    context_tokens: int = Field(default=16_384, ge=256, description="Shared by all slots (one key-value store).")
    slots: int = Field(default=0, ge=0, le=64, description="Requests decoded at a time, others wait; 0: `auto_slots`.")
    threads: int = Field(default=0, ge=0, description="0: `auto_threads`.")
    batch_tokens: int = Field(default=512, ge=32, description="Prompt tokens that are read at a time.")
    prompt_cache_mib: int = Field(default=1024, ge=0, description="Memory for the prefixes of cases seen before.")


class EmbeddedEngine:
    """A llama.cpp server for one model file and, at most, one LoRA adapter (GGUF)."""

    def __init__(self, model: Path, adapter: Path | None, settings: EngineSettings):
        self.model, self.adapter, self.settings = model, adapter, settings
        self._lock = threading.Lock()
        self._server: Any = None

    @property
    def is_running(self) -> bool:
        return self._server is not None

    def start(self) -> str:
        """The engine's address; starts it when it does not run. Raises ModelUnavailable."""
        with self._lock:
            if self._server is None:
                self._server = self._load()
            return str(self._server.listening_address)

    def stop(self) -> None:
        """End the server and free its memory; the next request starts it again."""
        with self._lock:
            self._server = None

    def _load(self) -> Any:
        try:
            import xllamacpp
        except ImportError as error:
            raise ModelUnavailable(
                f"the embedded engine cannot be imported: {error}", where="xllamacpp", remedy="pip install xllamacpp"
            ) from error
        params = xllamacpp.CommonParams()
        params.model.path = str(self.model)
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.n_ctx = self.settings.context_tokens
        params.n_parallel = self.settings.slots or auto_slots()
        params.kv_unified = True
        params.n_ubatch = self.settings.batch_tokens
        params.cache_prompt = True
        params.cache_ram_mib = self.settings.prompt_cache_mib
        params.verbosity = -1
        params.ui = False
        threads = self.settings.threads or auto_threads()
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        if self.adapter is not None:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(self.adapter), 1.0)]
        try:
            return xllamacpp.Server(params)
        except (RuntimeError, OSError, ValueError) as error:
            raise ModelUnavailable(
                f"the embedded engine did not start: {error}",
                where=str(self.model),
                remedy="wardround models verify, and look at free memory with `wardround doctor`",
            ) from error


@cache
def physical_cores() -> int:
    """Cores that this process may use, hyper-threads not counted twice."""
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    siblings = [Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in cpus]
    return max(1, len({path.read_text() if path.is_file() else str(path) for path in siblings}))


def auto_threads() -> int:
    """One thread per physical core that is idle now, at least one.

    llama.cpp's threads wait for each other at every layer: on two cores with four other busy processes, two threads
    decode 0.5 token/s and one thread 5 (benchmarks/results/engine.md).
    """
    cores = physical_cores()
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, min(cores, round(cores - busy)))


def auto_slots() -> int:
    """One slot per four cores: on few cores the calls of a case run one after the other and share its prefix."""
    return max(1, min(8, physical_cores() // 4))


def grammar_of(schema: dict[str, Any]) -> str:
    """A grammar for one line of JSON after the schema.

    The engine's own response_format leaves whitespace free, and small models fill it with line breaks until their
    tokens are spent.
    """
    import xllamacpp

    spacing = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    return str(xllamacpp.json_schema_to_grammar({**schema, "x-guidance": spacing}))


@cache
def engine_for(model: Path, adapter: Path | None, settings: EngineSettings) -> EmbeddedEngine:
    """The one engine of this process for a model, adapter and settings."""
    engine = EmbeddedEngine(model, adapter, settings)
    atexit.register(engine.stop)
    return engine


def clients(engine: EmbeddedEngine) -> "tuple[httpx.Client, httpx.AsyncClient]":
    """HTTP clients whose transport starts the engine and sends every request to it.

    Connections are not kept: llama.cpp closes idle ones, and an event loop must not inherit another's sockets.
    """
    import httpx

    limits = httpx.Limits(max_keepalive_connections=0)

    class Local(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            _redirect(request, engine.start())
            return super().handle_request(request)

    class AsyncLocal(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            _redirect(request, await asyncio.to_thread(engine.start))
            return await super().handle_async_request(request)

    return (
        httpx.Client(transport=Local(limits=limits, retries=3), trust_env=False),
        httpx.AsyncClient(transport=AsyncLocal(limits=limits, retries=3), trust_env=False),
    )


def _redirect(request: "httpx.Request", address: str) -> None:
    import httpx

    target = httpx.URL(address)
    request.url = request.url.copy_with(scheme=target.scheme, host=target.host, port=target.port)
    request.headers["host"] = f"{target.host}:{target.port}"
