"""`wardround trajectories`: list, show and export what was logged."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from graphs.store import Filter, TrajectoryStore

app = typer.Typer(no_args_is_help=True, help="Runs as they were logged: list, show, export for training.")

Store = Annotated[Path | None, typer.Option("--store", help="A trajectories.sqlite, or the folder of a run.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", help="FIELD=VALUE, may be repeated: strategy, outcome, is_correct, split, source, case_id."
    ),
]


@app.command("list")
def list_runs(
    store: Store = None,
    where: Where = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most, newest first.")] = 50,
) -> None:
    """One line per run, newest first."""
    with _opened(store) as found:
        for header in found.list(_filter(where), limit=limit):
            typer.echo(f"{header.id}  {header.started:%Y-%m-%d %H:%M}  {header.strategy:<17} {header.case_id}")


@app.command("show")
def show(
    run: Annotated[str, typer.Argument(help="Id of the run; its beginning is enough.")], store: Store = None
) -> None:
    """A run: each step with its prompts and its reply, and how it ended."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    with _opened(store) as found:
        trajectory = found.get(_full_id(found, run))
    header = trajectory.header
    console.print(
        f"[bold]{escape(header.case_id)}[/]  {header.strategy}  {header.started:%Y-%m-%d %H:%M:%S}  {header.id}"
    )
    shown: set[str] = set()
    for step in trajectory.steps:
        usage = f"  {step.usage.tokens} tokens, {step.usage.seconds:.1f} s" if step.usage.calls else ""
        console.print(f"\n[bold]{step.index}. {escape(step.node)} {escape(step.role)}[/]{usage}")
        if step.error:
            console.print(f"[red]failed: {escape(step.error)}[/]")
        for id_ in step.prompt:
            message = trajectory.messages[id_]
            text = "(as above)" if id_ in shown else message.content
            shown.add(id_)
            console.print(f"[dim]{message.role}:[/] {escape(text)}")
        if step.reply:
            console.print(f"[cyan]reply:[/] {escape(trajectory.messages[step.reply].content)}")
    result = trajectory.result
    if result is None:
        console.print("\ncut off before it ended")
    elif result.verdict is not None:
        verdict = result.verdict
        console.print(f"\n[bold]{verdict.outcome.value}[/]: {escape(verdict.answer or verdict.reason)}")
        for feedback in result.feedback:
            console.print(f"feedback: {feedback.thumb or ''} {escape(feedback.correction)}")
    else:
        console.print(f"\nno verdict: {escape(result.error)}")


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    format: Annotated[str, typer.Option(help="trl, openai or sharegpt.")] = "trl",
    store: Store = None,
    where: Where = None,
) -> None:
    """Training rows from the runs that match; identifiers are scrubbed, and evaluation splits are refused."""
    from cases.errors import SettingsError
    from training.export import export as write_rows

    if format not in ("trl", "openai", "sharegpt"):
        raise SettingsError(f"no export format {format!r}", remedy="one of trl, openai, sharegpt")
    with _opened(store) as found:
        report = write_rows(found, out, format, where=_filter(where))
    typer.echo(str(report))


def _opened(store: Path | None) -> "TrajectoryStore":
    from cases.errors import TrajectoryError
    from cases.settings import load_settings
    from graphs.store import TrajectoryStore

    path = load_settings().trajectories_path if store is None else store
    path = path / "trajectories.sqlite" if path.is_dir() else path
    if not path.exists():
        raise TrajectoryError("there is no trajectory store", where=str(path), remedy="run a case, or name --store")
    return TrajectoryStore(path)


def _filter(where: list[str] | None) -> "Filter":
    from pydantic import ValidationError

    from cases.errors import SettingsError
    from graphs.store import Filter

    values: dict[str, Any] = {}
    for text in where or []:
        name, sign, value = text.partition("=")
        if not sign:
            raise SettingsError(f"--where {text!r} is not FIELD=VALUE", remedy="e.g. --where outcome=answered")
        values[name.strip()] = datetime.fromisoformat(value) if name in ("since", "until") else value.strip()
    try:
        return Filter.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            f"--where {'.'.join(map(str, first['loc']))}: {first['msg']}",
            remedy=f"fields: {', '.join(Filter.model_fields)}",
        ) from error


def _full_id(store: "TrajectoryStore", start: str) -> str:
    from cases.errors import TrajectoryError

    found = [header.id for header in store.list() if header.id.startswith(start)]
    if len(found) > 1:
        raise TrajectoryError(f"{len(found)} runs begin with {start!r}", remedy="give more of the id")
    return found[0] if found else start
