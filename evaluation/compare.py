"""Two runs side by side, case by case: what was gained, whether it could be noise, and what it cost."""

from pathlib import Path

from pydantic import Field

from cases.case import Record
from cases.errors import EvaluationError
from evaluation.report import ItemResult
from evaluation.runner import read_report, read_results
from evaluation.statistics import PairedComparison, paired_bootstrap
from models.usage import Usage


class Side(Record):
    """One of the two runs."""

    run: str
    strategy: str
    models: dict[str, str]
    accuracy: float
    unread: int
    withheld: int
    failed: int
    calls: float = Field(description="Per item, as are tokens and seconds.")
    tokens: float
    seconds: float


class Comparison(Record):
    """a beside b on the same cases. `accuracy.outcome` is a's."""

    benchmark: str
    is_fixture: bool
    a: Side
    b: Side
    accuracy: PairedComparison
    credit: PairedComparison | None = None

    @property
    def token_ratio(self) -> float:
        """Tokens of a for each token of b."""
        return self.a.tokens / self.b.tokens if self.b.tokens else float("nan")

    def markdown(self) -> str:
        """The comparison for a reader."""
        paired = self.accuracy
        verdicts = {"win": "a is better", "loss": "b is better", "tie": "no difference shown"}
        rows = [
            ("strategy", self.a.strategy, self.b.strategy),
            ("models", _names(self.a.models), _names(self.b.models)),
            ("accuracy", f"{self.a.accuracy:.3f}", f"{self.b.accuracy:.3f}"),
            ("right where the other is wrong", str(paired.a_only), str(paired.b_only)),
            ("unread / withheld / failed", _faults(self.a), _faults(self.b)),
            ("calls per item", f"{self.a.calls:.2f}", f"{self.b.calls:.2f}"),
            ("tokens per item", f"{self.a.tokens:.0f}", f"{self.b.tokens:.0f}"),
            ("seconds per item", f"{self.a.seconds:.2f}", f"{self.b.seconds:.2f}"),
        ]
        d = paired.difference
        text = [
            f"# {self.benchmark}: {self.a.run} beside {self.b.run}",
            "",
            *(["**Fixture: these numbers say that the runs work, nothing else.**", ""] if self.is_fixture else []),
            "| | a | b |",
            "|---|---|---|",
            *(f"| {name} | {left} | {right} |" for name, left, right in rows),
            "",
            f"Accuracy of a minus b on {paired.n} shared cases: {d.value:+.3f} (95 % paired bootstrap {d.low:+.3f} to "
            f"{d.high:+.3f}); equal on {paired.equal}; McNemar's exact p = {paired.p_value:.4f}: "
            f"{verdicts[paired.outcome]}.",
            f"a spends {self.token_ratio:.2f} tokens for each token of b.",
        ]
        if self.credit is not None:
            c = self.credit.difference
            text.append(f"Credit of a minus b: {c.value:+.3f} ({c.low:+.3f} to {c.high:+.3f}).")
        return "\n".join(text) + "\n"


def compare(run_a: Path, run_b: Path, *, shared_only: bool = False, seed: int = 0) -> Comparison:
    """Compare two finished runs of one benchmark, paired by case id.

    Raises EvaluationError when the runs are of different benchmarks, asked different cases (unless `shared_only`), or
    asked a case of one id in different words.
    """
    report_a, report_b = read_report(run_a), read_report(run_b)
    if (report_a.benchmark, report_a.is_fixture) != (report_b.benchmark, report_b.is_fixture):
        raise EvaluationError(
            f"{run_a} is of {report_a.benchmark}, {run_b} of {report_b.benchmark}",
            remedy="compare runs of one benchmark and one data folder",
        )
    items_a = {item.case_id: item for item in read_results(run_a)}
    items_b = {item.case_id: item for item in read_results(run_b)}
    shared = [name for name in items_a if name in items_b]
    missing = len(items_a) + len(items_b) - 2 * len(shared)
    if missing and not shared_only:
        raise EvaluationError(
            f"{missing} cases are in one of the runs only, {len(shared)} in both",
            remedy="run both with the same --limit, or compare the shared cases only",
        )
    if not shared:
        raise EvaluationError("the runs share no case", remedy="run both on the same cases")
    changed = [name for name in shared if items_a[name].case_hash != items_b[name].case_hash]
    if changed:
        raise EvaluationError(
            f"{len(changed)} cases were asked in different words", where=changed[0], remedy="use the same data file"
        )
    a, b = [items_a[name] for name in shared], [items_b[name] for name in shared]
    graded = any(item.credit not in (0.0, 1.0) for item in (*a, *b))
    return Comparison(
        benchmark=report_a.benchmark,
        is_fixture=report_a.is_fixture,
        a=_side(run_a, report_a.strategy, report_a.setup.get("models", {}), a),
        b=_side(run_b, report_b.strategy, report_b.setup.get("models", {}), b),
        accuracy=paired_bootstrap([float(i.is_correct) for i in a], [float(i.is_correct) for i in b], seed=seed),
        credit=paired_bootstrap([i.credit for i in a], [i.credit for i in b], seed=seed) if graded else None,
    )


def _side(run: Path, strategy: str, models: dict[str, str], items: list[ItemResult]) -> Side:
    total = sum((item.usage for item in items), Usage())
    return Side(
        run=run.name,
        strategy=strategy,
        models=models,
        accuracy=sum(item.is_correct for item in items) / len(items),
        unread=sum(item.is_unread for item in items),
        withheld=sum(item.is_withheld for item in items),
        failed=sum(bool(item.failure) for item in items),
        calls=total.calls / len(items),
        tokens=total.tokens / len(items),
        seconds=total.seconds / len(items),
    )


def _faults(side: Side) -> str:
    return f"{side.unread} / {side.withheld} / {side.failed}"


def _names(models: dict[str, str]) -> str:
    return ", ".join(f"{role}: {name}" for role, name in models.items()) or "not named"
