"""Is an answer right? The only place where a verdict meets its gold answer."""

import json
import re

from cases.case import Case, Record, TaskKind
from cases.errors import EvaluationError
from evaluation.metrics import is_same_set, is_same_text, label_set


class Score(Record):
    """`is_correct` is strict. `credit` in [0, 1] is the same for choices, and a share for counts."""

    is_correct: bool
    credit: float
    is_read: bool


SCORED = frozenset(
    {
        TaskKind.CHOICE,
        TaskKind.MULTI_CHOICE,
        TaskKind.YES_NO,
        TaskKind.PAIR_CHOICE,
        TaskKind.SHORT,
        TaskKind.OPEN_DIAGNOSIS,
        TaskKind.COUNT,
    }
)


def score(case: Case, answer: str | None) -> Score:
    """Score one answer against the case's gold.

    With options only labels count: no credit for text that resembles an option. Open answers must equal the gold text
    after normalisation. Counts are a JSON object or 'name: number' pairs; each must be exact, and `credit` is the mean
    of 1 - |p - g| / max(g, 1), floored at 0. Raises EvaluationError for a case without gold or of an unscored task.
    """
    if case.gold is None:
        raise EvaluationError("the case has no reference answer", where=case.id, remedy="score cases that have one")
    if case.task not in SCORED:
        raise EvaluationError(f"task {case.task} has no scorer", where=case.id, remedy="see docs/evaluation.md")
    if answer is None or not answer.strip():
        return Score(is_correct=False, credit=0.0, is_read=False)
    if case.options and case.gold.label:
        is_read = bool(label_set(answer)) and label_set(answer) <= set(case.options)
        right = is_read and is_same_set(answer, case.gold.label)
        return Score(is_correct=right, credit=float(right), is_read=is_read)
    if case.task is TaskKind.COUNT:
        return _score_counts(answer, case.gold.text or "", case.id)
    right = is_same_text(answer, case.gold.text or "")
    return Score(is_correct=right, credit=float(right), is_read=True)


def counts_of(text: str) -> dict[str, int] | None:
    """Named counts in a JSON object or as 'name: number' pairs, names in lower case; None where there are none."""
    braces = re.search(r"\{[^{}]*\}", text)
    if braces is not None:
        try:
            found = json.loads(braces[0])
        except ValueError:
            found = None
        if isinstance(found, dict) and found and all(type(value) is int for value in found.values()):
            return {name.strip().lower(): value for name, value in found.items()}
    pairs = re.findall(r"([A-Za-z][A-Za-z ]*?)\s*[:=]\s*(\d+)\b", text)
    return {name.strip().lower(): int(number) for name, number in pairs} or None


def _score_counts(answer: str, gold: str, case_id: str) -> Score:
    truth = counts_of(gold)
    if truth is None:
        raise EvaluationError(f"{gold!r} holds no counts", where=case_id, remedy='give gold as {"name": number}')
    given = counts_of(answer)
    if given is None:
        return Score(is_correct=False, credit=0.0, is_read=False)
    credits = [
        max(0.0, 1 - abs(given[name] - value) / max(value, 1)) if name in given else 0.0
        for name, value in truth.items()
    ]
    right = all(given.get(name) == value for name, value in truth.items())
    return Score(is_correct=right, credit=sum(credits) / len(credits), is_read=True)
