"""`wardround evaluate` and `wardround compare`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    benchmark: Annotated[str, typer.Option(help="A benchmark's name, or all; an unknown name lists them.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; the same folder resumes it.")],
    strategy: Annotated[str | None, typer.Option(help="round, direct, self_consistency:samples=5 ...")] = None,
    model: Annotated[str | None, typer.Option(help="Spec string of the chat model.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many cases, drawn with a fixed seed.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder; without it a small fixture is run.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Cases at a time.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also ask again the cases that failed.")] = False,
) -> None:
    """Measure a strategy on a benchmark: accuracy with its interval, cost, baselines, calibration."""
    from cases.settings import load_settings
    from evaluation import benchmarks, runner
    from ui.progress import announce, progress
    from ui.wiring import House

    settings = load_settings(model=model, concurrency=concurrency, strategy=strategy)
    names = benchmarks.names() if benchmark == "all" else [benchmarks.spec_of(benchmark).name]
    loaded = [benchmarks.load(name, data, limit) for name in names]
    house = House(settings, announce)
    ward = house.ward(has_images=any(case.all_media for one in loaded for case in one.cases), is_exam=True)
    for notice in house.notices:
        typer.echo(f"note: {notice}", err=True)
    reports = []
    for one in loaded:
        folder = out / one.name if benchmark == "all" else out
        with progress(one.name, len(one.cases)) as advance:
            work = runner.evaluate(
                one, settings.strategy, ward, folder, concurrency=settings.concurrency, retry_failed=retry_failed,
                on_progress=advance,
            )  # fmt: skip
            try:
                reports.append(asyncio.run(work))
            except KeyboardInterrupt:
                typer.echo(f"\nstopped; what is done is in {folder}. The same command goes on from there.", err=True)
                raise typer.Exit(130) from None
    text = reports[0].markdown() if len(reports) == 1 else runner.overview(reports)
    if benchmark == "all":
        (out / runner.REPORT_TEXT).write_text(text, encoding="utf-8")
    typer.echo(text)
    raise typer.Exit(1 if any(report.failed for report in reports) else 0)


def compare(
    run_a: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    run_b: Annotated[Path, typer.Argument(help="Folder of another run of the same benchmark.")],
    shared_only: Annotated[bool, typer.Option("--shared-only", help="Compare the cases that both asked.")] = False,
) -> None:
    """Two runs of one benchmark, paired by case: difference, interval, exact test, and what each spent."""
    from evaluation.compare import compare as compare_runs

    typer.echo(compare_runs(run_a, run_b, shared_only=shared_only).markdown())
