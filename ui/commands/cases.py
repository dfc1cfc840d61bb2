"""`wardround cases`: look at a file of cases before it is run."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Files of cases.")


@app.callback()
def group() -> None:
    """Keeps `show` a subcommand."""


@app.command("show")
def show(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl or .csv file, or a folder.")],
    limit: Annotated[int, typer.Option(min=1, help="So many cases at most.")] = 3,
    gold: Annotated[bool, typer.Option("--gold", help="Show the reference answers as well.")] = False,
) -> None:
    """The first cases as agents will see them, and every record that cannot be read. Exit code 1 if there is one."""
    from agents.prompts import case_text
    from cases.loading import load_cases

    report = load_cases(path, on_error="collect")
    for case in report.cases[:limit]:
        typer.echo(f"--- {case.id} ({case.task.value}, {case.source or path.name}, split {case.split or 'unknown'})")
        typer.echo(case_text(case.blinded()))
        if gold and case.gold is not None:
            typer.echo(f"Reference answer: {case.gold.label or ''} {case.gold.text or ''}".rstrip())
    typer.echo(f"{len(report.cases)} cases, {len(report.errors)} records that cannot be read")
    for error in report.errors:
        typer.echo(f"  {error}", err=True)
    raise typer.Exit(1 if report.errors else 0)
