"""`wardround serve-model`: start vLLM's OpenAI-compatible server for a model."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer


def serve_model(
    model: Annotated[str, typer.Argument(help="Hub id or folder of a model.")],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    python: Annotated[
        Path | None,
        typer.Option(help="Python of the environment that vLLM is installed in; default: .venv-vllm, else this one."),
    ] = None,
    adapter: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a LoRA adapter; may be repeated.")] = None,
    images: Annotated[int, typer.Option(min=0, help="Images one request may hold.")] = 4,
    cpu: Annotated[bool, typer.Option("--cpu", help="Settings that vLLM needs without a GPU.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command and stop.")] = False,
) -> None:
    """Serve a model on the loopback interface; then use `vllm:MODEL@http://127.0.0.1:PORT/v1` as its spec."""
    from cases.errors import ModelUnavailable, SettingsError

    interpreter = python or (
        Path(".venv-vllm/bin/python") if Path(".venv-vllm/bin/python").exists() else Path(sys.executable)
    )
    if shutil.which(str(interpreter)) is None:
        raise SettingsError("there is no such Python", where=str(interpreter), remedy="name one with --python")
    bad = [text for text in adapter or [] if "=" not in text]
    if bad:
        raise SettingsError(f"--adapter {bad[0]!r} is not NAME=FOLDER")
    command = [
        str(interpreter), "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port),
        "--model", model, "--limit-mm-per-prompt", f'{{"image": {images}}}',
    ]  # fmt: skip
    if adapter:
        command += ["--enable-lora", "--lora-modules", *adapter]
    environment = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if cpu:
        command += ["--enforce-eager", "--dtype", "float32", "--block-size", "32"]
        environment |= {"TORCHDYNAMO_DISABLE": "1", "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    typer.echo(" ".join([*(f"{name}={value}" for name, value in environment.items()), *command]))
    if dry_run:
        return
    typer.echo(f"spec string: vllm:{model}@http://127.0.0.1:{port}/v1")
    if os.spawnl(
        os.P_WAIT,
        str(interpreter),
        str(interpreter),
        "-c",
        "import importlib.util as u,sys; sys.exit(u.find_spec('vllm') is None)",
    ):
        raise ModelUnavailable(
            "vLLM is not installed there", where=str(interpreter), remedy="see docs/models.md for its own environment"
        )
    os.execve(shutil.which(str(interpreter)) or str(interpreter), command, {**os.environ, **environment})
