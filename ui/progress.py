"""A progress bar for batches: cases done, failed, tokens, cost, time left."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.usage import Usage

Advance = Callable[[int, int, int, "Usage", float | None], None]


@contextmanager
def progress(noun: str, total: int) -> Iterator[Advance]:
    """A bar on standard error; yields the callback that batches take (done, total, failed, usage, seconds left)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}{task.fields[tokens]:,} tokens{task.fields[cost]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task(noun, total=total, failed="", tokens=0, cost="", left="")

        def advance(done: int, total: int, failed: int, usage: "Usage", left_s: float | None) -> None:
            bar.update(
                task,
                completed=done + failed,
                total=total,
                failed=f"{failed} failed, " if failed else "",
                tokens=usage.tokens,
                cost=f", cost {usage.cost:.4f}" if usage.cost else "",
                left="" if left_s is None else f"{_duration(left_s)} left",
            )

        yield advance


def announce(done: int, total: int, what: str) -> None:
    """The search index that is built on first use: one line that grows on a terminal, a line per tenth elsewhere."""
    is_terminal = sys.stderr.isatty()
    if is_terminal or done == total or done * 10 // max(1, total) != (done - 1) * 10 // max(1, total):
        end = "" if is_terminal and done < total else "\n"
        print(
            f"{chr(13) if is_terminal else ''}search index: {done} of {total} {what}",
            end=end,
            file=sys.stderr,
            flush=True,
        )


def _duration(value: float) -> str:
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
