"""`wardround serve-model`: start vLLM's OpenAI-compatible server for a model."""

from pathlib import Path
from typing import Annotated

import typer


def serve_model(
    model: Annotated[str, typer.Argument(help="Hub id or folder of a model.")],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    python: Annotated[
        Path | None, typer.Option(help="Python that vLLM is installed in; default: that of .venv-vllm, else this one.")
    ] = None,
    adapter: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a LoRA adapter; may be repeated.")] = None,
    images: Annotated[int, typer.Option(min=0, help="Images one request may hold.")] = 4,
    context: Annotated[int | None, typer.Option(min=64, help="Longest prompt and reply, in tokens.")] = None,
    log: Annotated[Path | None, typer.Option(help="Where the server's output goes.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command and stop.")] = False,
) -> None:
    """Serve a model on the loopback interface until Ctrl-C; prints the spec string to use it by."""
    from cases.errors import SettingsError
    from cases.settings import load_settings
    from models.serve import plan, running

    adapters = {}
    for text in adapter or []:
        name, sign, folder = text.partition("=")
        if not sign:
            raise SettingsError(f"--adapter {text!r} is not NAME=FOLDER", remedy="e.g. --adapter night=runs/night")
        adapters[name] = Path(folder)
    server = plan(model, port=port, python=python, adapters=adapters, images=images, context_tokens=context)
    typer.echo(str(server))
    if dry_run:
        return
    place = log or load_settings().home / "logs" / "vllm.log"
    typer.echo(f"starting; its output goes to {place}", err=True)
    with running(server, log=place, say=lambda line: typer.echo(line, err=True)) as process:
        typer.echo(f"ready: --model {server.spec}  (Ctrl-C stops it)")
        code = process.wait()
    raise typer.Exit(1 if code else 0)
