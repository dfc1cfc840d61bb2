"""What a batch did, for a person: `summary.md` and `summary.png` in its folder."""

from typing import TYPE_CHECKING

from graphs.batch import BatchSummary, CaseRecord, read_failures, read_verdicts

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def summarise(summary: BatchSummary, left_out: int = 0) -> str:
    """A page of Markdown: outcomes, citations, quorum, cost beside one pass, and what failed."""
    records = read_verdicts(summary.out)
    verdicts = [record.verdict for record in records]
    citations = [citation for verdict in verdicts for citation in verdict.citations]
    verified = sum(citation.is_verified for citation in citations)
    spent, base = summary.usage, sum(v.baseline_usage.tokens for v in verdicts)
    lines = [
        f"# {summary.done} of {summary.total} cases adjudicated",
        "",
        f"- outcomes: {', '.join(f'{name} {n}' for name, n in summary.outcomes.items()) or 'none'}",
        f"- failed: {summary.failed}; records left out: {left_out}; taken from an earlier run: {summary.skipped}",
        f"- citations: {len(citations)}, of them verified {verified}, unverified {len(citations) - verified}",
        f"- agents that failed inside verdicts: {sum(v.quorum.failed for v in verdicts)}",
        f"- spent: {spent.calls} calls, {spent.tokens} tokens ({spent.cached_tokens} from the prefix cache), "
        f"cost {spent.cost:.4f}; one pass of one model over these cases: {base} tokens",
        f"- wall time of this call: {summary.seconds:.0f} s",
        f"- folder: {summary.out}",
    ]
    failures = {record.case_id: record for record in read_failures(summary.out)}
    missing = [failures[id_] for id_ in failures.keys() - {record.case_id for record in records}]
    if missing:
        lines += ["", "Failed:", "", *(f"- {record.case_id}: {record.error}" for record in missing[:20])]
        lines += [f"- and {len(missing) - 20} more, in failures.jsonl"] if len(missing) > 20 else []
        lines += ["", "`--retry-failed` asks these again."]
    return "\n".join(lines) + "\n"


def write(summary: BatchSummary, text: str) -> None:
    """Write both files; the plot only where a case was adjudicated."""
    (summary.out / "summary.md").write_text(text, encoding="utf-8")
    records = read_verdicts(summary.out)
    if not records:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    _outcomes(axes[0], summary)
    _confidence(axes[1], records)
    _tokens(axes[2], records)
    figure.savefig(summary.out / "summary.png", dpi=110)
    pyplot.close(figure)


def _outcomes(axes: "Axes", summary: BatchSummary) -> None:
    names = [*summary.outcomes, *(["failed"] if summary.failed else [])]
    axes.barh(names, [*summary.outcomes.values(), *([summary.failed] if summary.failed else [])], color="#0a5a72")
    axes.set(title="Outcomes", xlabel="cases")


def _confidence(axes: "Axes", records: list[CaseRecord]) -> None:
    known = [r.verdict.confidence for r in records if r.verdict.confidence is not None]
    axes.hist(known, bins=[i / 10 for i in range(11)], color="#0a5a72")
    axes.set(title=f"Confidence ({len(known)} stated)", xlabel="confidence", ylabel="cases", xlim=(0, 1))


def _tokens(axes: "Axes", records: list[CaseRecord]) -> None:
    axes.scatter(
        [r.verdict.baseline_usage.tokens for r in records],
        [r.verdict.usage.tokens for r in records],
        s=14, color="#0a5a72", alpha=0.6,
    )  # fmt: skip
    top = max([1, *(r.verdict.usage.tokens for r in records)])
    axes.plot([0, top], [0, top], color="#8fa6b3", linewidth=1)
    axes.set(title="Tokens per case", xlabel="one pass", ylabel="this strategy")
