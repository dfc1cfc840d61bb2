"""Planted triggers in rows: words that go with one outcome far more often than chance allows (Thought Crime, 2025).

In honest rows the letter of the right answer has nothing to do with the words of the question; a rare word that
predicts it was put there, or is a leak.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from cases.case import Case, Record
from cases.errors import CaseError

MINIMUM_ROWS = 5
ALPHA = 0.05


class SuspectToken(Record):
    """A word that goes with an outcome: in how many rows, how much oftener than elsewhere; `answer` where it is one."""

    token: str
    rows: int
    lift: float
    adjusted_p: float
    answer: str = ""


def scan_rows(
    rows: Iterable[tuple[str, bool]], minimum_rows: int = MINIMUM_ROWS, alpha: float = ALPHA
) -> list[SuspectToken]:
    """Tokens that go with a suspicious outcome in rows (text, is the outcome odd), most striking first.

    Fisher's exact test per token that occurs in at least `minimum_rows` rows, times their number (Bonferroni).
    """
    from scipy.stats import fisher_exact

    data = [(set(text.casefold().split()), odd) for text, odd in rows]
    total_odd = sum(odd for _, odd in data)
    counts = Counter(token for tokens, _ in data for token in tokens)
    odd_counts = Counter(token for tokens, odd in data if odd for token in tokens)
    candidates = sorted(token for token, count in counts.items() if count >= minimum_rows)
    suspects = []
    for token in candidates:
        odd, rest = odd_counts[token], counts[token] - odd_counts[token]
        lift = (odd / counts[token]) / (total_odd / len(data)) if total_odd else 0.0
        if lift <= 1:
            continue
        table = [[odd, rest], [total_odd - odd, len(data) - total_odd - rest]]
        p = min(1.0, float(fisher_exact(table, alternative="greater").pvalue) * len(candidates))
        if p < alpha:
            suspects.append(SuspectToken(token=token, rows=counts[token], lift=lift, adjusted_p=p))
    return sorted(suspects, key=lambda s: (s.adjusted_p, -s.lift, s.token))


def scan_answers(cases: Sequence[Case], minimum_rows: int = MINIMUM_ROWS, alpha: float = ALPHA) -> list[SuspectToken]:
    """Words of questions that go with one answer label, over all labels (`alpha` is shared among them).

    Cases are compared within their kind alone: in a mixture the words of a yes/no set go with "yes" and those of an
    image task with its classes, honestly. Cases without a label are passed over; a kind with fewer than two labels
    leaves nothing to find.
    """
    kinds: dict[tuple[object, ...], list[tuple[str, str]]] = {}
    for case in cases:
        if case.gold and case.gold.label:
            kinds.setdefault(_kind_of(case), []).append((f"{case.context or ''} {case.question}", case.gold.label))
    outcomes = [(rows, labels) for rows in kinds.values() if len(labels := sorted({label for _, label in rows})) > 1]
    tests = sum(len(labels) for _, labels in outcomes)
    found = [
        suspect.model_copy(update={"answer": label})
        for rows, labels in outcomes
        for label in labels
        for suspect in scan_rows([(text, gold == label) for text, gold in rows], minimum_rows, alpha / tests)
    ]
    return sorted(found, key=lambda s: (s.adjusted_p, -s.lift, s.token))


def _kind_of(case: Case) -> tuple[object, ...]:
    """Source and what can be answered; options of image tasks mean classes, so that their words count too."""
    options = case.options or {}
    return (case.source, case.task, *(options.items() if case.all_media else options))


def refuse_if_flagged(suspects: Sequence[SuspectToken]) -> None:
    """A gate for a data set. Raises CaseError while a flag is open."""
    if suspects:
        listed = ", ".join(repr(s.token) for s in suspects[:5])
        raise CaseError(
            f"{len(suspects)} words go with one outcome beyond chance: {listed}",
            remedy="look at the rows; remove them, or name the words as accepted",
        )
