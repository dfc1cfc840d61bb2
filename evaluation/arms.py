"""What does a model answer from? The same cases without their images, without their words, or with a false hint."""

from collections.abc import Sequence

from cases.case import Case, Patient, Record
from cases.errors import EvaluationError
from evaluation.statistics import Interval, PairedComparison, exact_interval, paired_bootstrap

NEUTRAL = "Which answer fits what is shown?"


class ModalityReport(Record):
    """Accuracy per arm, the paired gain of the images over the words alone, and what may be concluded."""

    text: Interval
    image: Interval
    both: Interval
    gain: PairedComparison
    chance: float
    conclusion: str


def without_images(case: Case) -> Case:
    """The text arm."""
    visits = tuple(visit.model_copy(update={"media": ()}) for visit in case.visits)
    return case.model_copy(update={"media": (), "visits": visits})


def without_text(case: Case, question: str = NEUTRAL) -> Case:
    """The image arm: options stay, the history goes."""
    return case.model_copy(update={"question": question, "context": None, "patient": Patient(), "visits": ()})


def with_hint(case: Case, hint: str) -> Case:
    """The misleading arm: a sentence added in front of the question."""
    return case.model_copy(update={"question": f"{hint} {case.question}"})


def modality_report(text: Sequence[bool], image: Sequence[bool], both: Sequence[bool], chance: float) -> ModalityReport:
    """Compare the three arms on the same items, in the same order. `chance`: expected accuracy of a blind guess."""
    if not len(text) == len(image) == len(both):
        raise EvaluationError("the arms differ in length", remedy="ask the same cases in every arm")
    n = len(both)
    gain = paired_bootstrap([float(x) for x in both], [float(x) for x in text])
    alone = exact_interval(sum(image), n)
    if gain.outcome == "win":
        conclusion = "images add to the text"
    elif alone.low > chance:
        conclusion = "images are read, but add nothing to the text"
    else:
        conclusion = "no image contribution"
    return ModalityReport(
        text=exact_interval(sum(text), n),
        image=alone,
        both=exact_interval(sum(both), n),
        gain=gain,
        chance=chance,
        conclusion=conclusion,
    )


def flipped(plain: Sequence[bool], misled: Sequence[bool]) -> Interval:
    """Of the items answered right without the hint, how many are wrong with it."""
    right = [m for p, m in zip(plain, misled, strict=True) if p]
    return exact_interval(sum(not m for m in right), len(right))
