"""`wardround trajectories`: list, show and export what was logged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from graphs.store import Filter, TrajectoryStore

Kind = TypeVar("Kind", bound="BaseModel")

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
        for header in found.list(_filter(_pairs(where)), limit=limit):
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
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="FIELD=VALUE, may be repeated: as for list, and correct_only, thumbs_up_only, min_confidence, roles, "
            "per, is_own_data.",
        ),
    ] = None,
) -> None:
    """Training rows from the runs that match; identifiers are scrubbed, and evaluation splits are refused."""
    from cases.errors import SettingsError
    from training.export import Where as Which
    from training.export import export as write_rows
    from training.formats import FORMATS

    if format not in FORMATS:
        raise SettingsError(f"no export format {format!r}", remedy=f"one of {', '.join(FORMATS)}")
    values = _pairs(where)
    of_rows: dict[str, Any] = {name: values.pop(name) for name in list(values) if name in Which.model_fields}
    if "outcome" in values:
        of_rows["outcomes"] = values["outcome"]
    for name in ("outcomes", "roles"):
        if isinstance(of_rows.get(name), str):
            of_rows[name] = tuple(of_rows[name].split(","))
    which = _valid(Which, of_rows)
    with _opened(store) as found:
        report = write_rows(found.iterate(_filter(values)), out, format, where=which)
    typer.echo(f"{report.rows} rows from {report.trajectories_used} of {report.trajectories_read} runs: {report.path}")
    for name in ("refused", "filtered", "skipped_turns"):
        for reason, number in getattr(report, name).items():
            typer.echo(f"  {name.replace('_', ' ')}: {number} ({reason})")


def _opened(store: Path | None) -> "TrajectoryStore":
    from cases.errors import TrajectoryError
    from cases.settings import load_settings
    from graphs.store import TrajectoryStore

    path = load_settings().trajectories_path if store is None else store
    path = path / "trajectories.sqlite" if path.is_dir() else path
    if not path.exists():
        raise TrajectoryError("there is no trajectory store", where=str(path), remedy="run a case, or name --store")
    return TrajectoryStore(path)


def _pairs(where: list[str] | None) -> dict[str, str]:
    from cases.errors import SettingsError

    values = {}
    for text in where or []:
        name, sign, value = text.partition("=")
        if not sign:
            raise SettingsError(f"--where {text!r} is not FIELD=VALUE", remedy="e.g. --where outcome=answered")
        values[name.strip()] = value.strip()
    return values


def _filter(values: dict[str, str]) -> "Filter":
    from graphs.store import Filter

    return _valid(Filter, values)


def _valid(record: "type[Kind]", values: dict[str, Any]) -> "Kind":
    """The record with these values. Raises SettingsError naming the field and the known ones."""
    from pydantic import ValidationError

    from cases.errors import SettingsError

    try:
        return record.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"--where {place}: {first['msg']}", remedy=f"fields: {', '.join(record.model_fields)}"
        ) from error


def _full_id(store: "TrajectoryStore", start: str) -> str:
    from cases.errors import TrajectoryError

    found = [header.id for header in store.list() if header.id.startswith(start)]
    if len(found) > 1:
        raise TrajectoryError(f"{len(found)} runs begin with {start!r}", remedy="give more of the id")
    return found[0] if found else start
