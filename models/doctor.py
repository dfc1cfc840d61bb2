"""`wardround doctor`: what works on this machine, and how to mend the rest. Each check is a small function."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path

from cases.case import Record
from cases.errors import WardroundError
from cases.settings import Settings
from models import manifest
from models.served import check_served
from models.specs import Spec, parse_spec

ROOMS = ("cases", "models", "knowledge", "retrieval", "agents", "graphs", "training", "evaluation", "ui")
_NEEDED_MB = 2_000
_TRUE = ("1", "true", "yes", "on")


class Check(Record):
    """One thing that was looked at. `remedy` is a command or a setting where there is one."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def diagnose(settings: Settings, *, with_engine: bool = False) -> list[Check]:
    """Look at everything that a run needs. `with_engine` also loads the chat model and asks it for one token."""
    checks: list[Callable[[], list[Check]]] = [
        _python,
        _torch,
        _torchvision,
        lambda: _home(settings),
        lambda: _weights(settings),
        _embedded_engine,
        lambda: _models(settings, with_engine),
        _import_names,
        _telemetry,
        lambda: _port(settings),
        _chromium,
    ]
    return [check for look in checks for check in look()]


def _python() -> list[Check]:
    found = platform.python_version()
    return [Check(name="python", ok=sys.version_info >= (3, 11), detail=found, remedy="use Python 3.11 or newer")]


def _torch() -> list[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Check(name="torch", ok=False, detail=str(error), remedy="run `make demo` again: it installs torch")]
    has_nvidia = shutil.which("nvidia-smi") is not None
    if torch.cuda.is_available():
        devices = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return [Check(name="torch", ok=True, detail=f"{torch.__version__}, {devices}")]
    detail = f"{torch.__version__}, no GPU in use"
    if has_nvidia:
        remedy = "an NVIDIA driver is here: install a CUDA build of torch of the version in constraints.txt"
        return [Check(name="torch", ok=False, detail=f"{detail}, though nvidia-smi is found", remedy=remedy)]
    return [Check(name="torch", ok=True, detail=detail)]


def _torchvision() -> list[Check]:
    from models import torchvision_guard

    try:
        is_guarded = torchvision_guard.install()
        import torchvision
    except (ImportError, RuntimeError, OSError) as error:
        remedy = "install the torchvision that belongs to this torch; text cases work without it"
        return [Check(name="torchvision", ok=False, detail=str(error).splitlines()[0], remedy=remedy)]
    note = " (a CUDA build beside a CPU torch: guarded)" if is_guarded else ""
    return [Check(name="torchvision", ok=True, detail=f"{torchvision.__version__}{note}")]


def _home(settings: Settings) -> list[Check]:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e6
    return [
        Check(
            name="home",
            ok=os.access(place, os.W_OK),
            detail=str(settings.home),
            remedy="make it writable, or set WARDROUND_HOME",
        ),
        Check(
            name="disk",
            ok=free >= _NEEDED_MB,
            detail=f"{free / 1000:.1f} GB free",
            remedy=f"free {_NEEDED_MB / 1000:.0f} GB, or set WARDROUND_HOME to another disk",
        ),
    ]


def _weights(settings: Settings) -> list[Check]:
    """Presence and size of what `make demo` needs; `wardround models verify` hashes them."""
    try:
        wanted = {entry.id: entry for entry in manifest.select("default", settings.models_dir)}
        for text in (settings.model, settings.vision_model):
            adapter = parse_spec(text).adapter if text else ""
            if adapter:
                wanted[adapter] = manifest.entry_of(adapter, settings.models_dir)
    except WardroundError as error:
        return [Check(name="manifest", ok=False, detail=error.what, remedy=error.remedy or "")]
    checks = []
    for entry in wanted.values():
        problems = manifest.verify(entry.id, settings.models_dir, is_quick=True)
        detail = problems[0].what if problems else f"{entry.bytes / 1e6:.0f} MB, {entry.licence}"
        remedy = (problems[0].remedy or "") if problems else ""
        checks.append(Check(name=f"weights {entry.id}", ok=not problems, detail=detail, remedy=remedy))
    return checks


def _embedded_engine() -> list[Check]:
    try:
        import xllamacpp
    except (ImportError, OSError) as error:
        remedy = "pip install xllamacpp; or name a server: WARDROUND_MODEL=vllm:MODEL@URL"
        return [Check(name="embedded engine", ok=False, detail=str(error), remedy=remedy)]
    from models.embedded import auto_slots, auto_threads, physical_cores

    detail = (
        f"xllamacpp {version('xllamacpp')}, {physical_cores()} cores, {auto_threads()} idle, {auto_slots()} slot(s)"
    )
    return [Check(name="embedded engine", ok=bool(xllamacpp), detail=detail)]


def _models(settings: Settings, with_engine: bool) -> list[Check]:
    checks = []
    for name, text in (("model", settings.model), ("vision model", settings.vision_model)):
        if text is None:
            continue
        try:
            spec = parse_spec(text)
            checks.append(_model(name, text, spec, settings, with_engine, needs_images=name == "vision model"))
        except WardroundError as error:
            checks.append(Check(name=name, ok=False, detail=error.what, remedy=error.remedy or ""))
    return checks


def _model(
    name: str, text: str, spec: Spec, settings: Settings, with_engine: bool, *, needs_images: bool
) -> Check:  # fmt: skip
    if spec.url:
        return Check(name=name, ok=True, detail=check_served(spec, needs_images=needs_images))
    if not with_engine:
        return Check(name=name, ok=True, detail=f"{text} (not loaded)")
    import asyncio

    from langchain_core.messages import HumanMessage

    from models.ask import ask
    from models.specs import open_chat_model

    reply = asyncio.run(
        ask(open_chat_model(text, settings), [HumanMessage("Say yes.")], max_tokens=4, use_cache=False)
    )  # fmt: skip
    return Check(name=name, ok=True, detail=f"{reply.model} answered in {reply.usage.seconds:.1f} s")


def _import_names() -> list[Check]:
    """Our rooms are top-level import names: another distribution that provides one would shadow it or be shadowed."""
    owners = packages_distributions()
    clashes = [
        f"{room} ({', '.join(others)})"
        for room in ROOMS
        if (others := sorted({name for name in owners.get(room, []) if name.lower() != "wardround"}))
    ]
    ours = Path(__file__).resolve().parents[1]
    strays = [room for room in ROOMS if room in sys.modules and not _lies_in(sys.modules[room], ours)]
    if not clashes and not strays:
        return [Check(name="import names", ok=True, detail="no other distribution provides one of ours")]
    detail = "; ".join(
        [f"also provided: {clash}" for clash in clashes] + [f"imported from elsewhere: {stray}" for stray in strays]
    )
    return [Check(name="import names", ok=False, detail=detail, remedy="use an environment of its own: `make demo`")]


def _lies_in(module: object, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is None or Path(file).resolve().is_relative_to(folder)


def _telemetry() -> list[Check]:
    """Anything that would send case text or usage to someone else."""
    tracing = [name for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING") if _is_true(name)]
    if tracing:
        detail = f"{', '.join(tracing)} is on: prompts with case text would be sent to a tracing service"
        return [Check(name="telemetry", ok=False, detail=detail, remedy=f"unset {' '.join(tracing)}")]
    return [Check(name="telemetry", ok=True, detail="no tracing service is switched on")]


def _is_true(name: str) -> bool:
    return os.environ.get(name, "").lower() in _TRUE


def _port(settings: Settings) -> list[Check]:
    where = f"{settings.host}:{settings.port}"
    is_loopback = settings.host in ("127.0.0.1", "localhost", "::1")
    checks = [
        Check(
            name="listening address",
            ok=is_loopback,
            detail=f"{where}{'' if is_loopback else ' can be reached from other machines'}",
            remedy="" if is_loopback else "set WARDROUND_HOST=127.0.0.1 unless a proxy with log-in stands before it",
        )
    ]
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            remedy = "stop what listens there, or set WARDROUND_PORT"
            checks.append(Check(name="port", ok=False, detail=f"{where}: {error.strerror}", remedy=remedy))
        else:
            checks.append(Check(name="port", ok=True, detail=f"{where} is free"))
    return checks


def _chromium() -> list[Check]:
    found = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    detail = found or "absent; only the browser tests need it (scripts/chromium.sh)"
    return [Check(name="chromium", ok=True, detail=detail)]
