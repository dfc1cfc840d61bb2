"""`wardround systems`: the published systems, and their executable checks."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(invoke_without_command=True, help="Published systems: what each claims, what was measured here.")


@app.callback()
def default(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_systems()


@app.command("list")
def list_systems() -> None:
    """Every system with its status here: works, protocol only, or not yet."""
    from cases.settings import load_settings
    from evaluation.systems import line, presets, recorded

    results = recorded(load_settings().home)
    for preset in presets():
        typer.echo(line(preset, results.get(preset.id)))


@app.command("check")
def check(
    name: Annotated[str | None, typer.Argument(help="A system's id or name.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every system that has a check.")] = False,
    results: Annotated[Path | None, typer.Option(help="Also record the results in this file.")] = None,
) -> None:
    """Run a system's executable check. Exit code 1 when a check fails."""
    from cases.errors import SettingsError
    from cases.settings import load_settings
    from evaluation.systems import checkable, line, preset, record, run_check

    if (name is None) != all_:
        raise SettingsError("name one system, or --all", remedy="`wardround systems list` shows them")
    wanted = checkable() if all_ else (preset(name or ""),)
    done = []
    for system in wanted:
        result = run_check(system.id)
        done.append(result)
        typer.echo(line(system, result))
    record(done, load_settings().home / "systems.json")
    if results is not None:
        record(done, results)
    raise typer.Exit(0 if all(result.passed for result in done) else 1)


@app.command("docs")
def docs(path: Annotated[Path | None, typer.Option(help="Where the page is written.")] = None) -> None:
    """Write docs/systems.md from the presets and the recorded results."""
    from evaluation.systems_page import write_docs

    typer.echo(write_docs() if path is None else write_docs(path))
