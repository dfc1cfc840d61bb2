"""The registry of benchmarks: one file each in `evaluation/benchmarks/`, one fixture each in `evaluation/fixtures/`.

A benchmark names a data file by its path below a data folder. Without a data folder the fixture of the same layout is
loaded: a few rows of our own writing, enough to try a run, never a result.
"""

import random
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from cases.case import Case, Record, TaskKind
from cases.errors import EvaluationError

SPECS = Path(__file__).parent / "benchmarks"
FIXTURES = Path(__file__).parent / "fixtures"


class BenchmarkSpec(Record):
    """One benchmark's file."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str = Field(min_length=1)
    citation: str = Field(min_length=1)
    path: str = Field(description="The data file below the data folder; the fixture lies at the same path.")
    task: TaskKind
    metrics: tuple[str, ...] = ("accuracy",)
    licence: str = Field(min_length=1)
    licence_state: Literal["open", "gated", "fixture"] = Field(
        description="open: may be redistributed; gated: only to be measured by whoever has it; fixture: ours alone."
    )
    provenance: str = Field(min_length=1)
    strata: tuple[str, ...] = Field(default=(), description="Fields of `Case.meta` by which accuracy is broken down.")


class Benchmark(Record):
    """A loaded benchmark. `left_out` counts the rows that aren't asked, by reason."""

    spec: BenchmarkSpec
    cases: tuple[Case, ...]
    is_fixture: bool
    left_out: dict[str, int] = {}

    @property
    def name(self) -> str:
        return self.spec.name


@cache
def specs() -> tuple[BenchmarkSpec, ...]:
    """All benchmarks, by name. Raises EvaluationError naming the file that is wrong."""
    found = []
    for path in sorted(SPECS.glob("*.toml")):
        try:
            spec = BenchmarkSpec.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise EvaluationError(str(error), where=str(path), remedy="see docs/evaluation.md") from error
        if spec.name != path.stem:
            raise EvaluationError(f"the file names {spec.name!r}", where=str(path), remedy="give both the same name")
        found.append(spec)
    return tuple(found)


def names() -> list[str]:
    """The names of all benchmarks, sorted."""
    return [spec.name for spec in specs()]


def spec_of(name: str) -> BenchmarkSpec:
    """The benchmark with this name. Raises EvaluationError that lists the known ones."""
    for spec in specs():
        if spec.name == name:
            return spec
    raise EvaluationError(f"no benchmark is called {name!r}", remedy=f"one of: all, {', '.join(names())}")


def load(name: str, data_dir: Path | None = None, limit: int | None = None, *, seed: int = 0) -> Benchmark:
    """Load a benchmark from `data_dir`, or its fixture where that is None.

    `limit` draws that many cases at random with `seed`, kept in file order: the same cases for every system, so that
    runs can be paired, and no file's first topic stands for the whole. Raises EvaluationError for an unknown name, a
    missing file, or a file without a single case that can be scored.
    """
    from cases.loading import load_cases

    spec = spec_of(name)
    path = (data_dir or FIXTURES) / spec.path
    if not path.is_file():
        raise EvaluationError(
            f"{spec.title} is not in the data folder",
            where=str(path),
            remedy=f"put the file there (licence: {spec.licence}), or leave out the data folder to run the fixture",
        )
    kept: list[Case] = []
    left_out: Counter[str] = Counter()
    for case in load_cases(path).cases:
        reason = _why_left_out(case, spec)
        if reason:
            left_out[reason] += 1
        else:
            kept.append(case)
    if not kept:
        raise EvaluationError(
            "no row can be scored", where=str(path), remedy="check that the file has the benchmark's layout"
        )
    if limit is not None and limit < len(kept):
        chosen = sorted(random.Random(seed).sample(range(len(kept)), limit))
        kept = [kept[i] for i in chosen]
    return Benchmark(spec=spec, cases=tuple(kept), is_fixture=data_dir is None, left_out=dict(left_out))


def _why_left_out(case: Case, spec: BenchmarkSpec) -> str:
    """'' for a case that the benchmark asks."""
    if case.gold is None:
        return "no reference answer"
    if spec.task is TaskKind.CHOICE and not (case.options and case.gold.label):
        return "no options"
    if spec.task is not TaskKind.CHOICE and case.task is not spec.task:
        return f"a {case.task.value} task"
    return ""
