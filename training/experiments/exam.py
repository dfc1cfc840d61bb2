"""A small exam whose rule can be learnt: each finding means one disease, a question shows one finding and four options.

Options stand in another order in every question, so position helps nobody. With more findings than options the
distractors change too, but then the right option is the one cell every question trains, which biases a null control.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cases.case import Case, Gold
from training.policy import Decision, TablePolicy

LABELS = "ABCD"
FORMATS = (
    "<think>{thought}</think><answer>{label}</answer>",
    "<answer>{label}</answer>",
    "<think>{thought}</think><answer>{label}</answer> I hope this helps.",
    "The answer is {label}",
)
"""Four ways to write a reply; only the first is a whole think-answer string."""


@dataclass(frozen=True)
class Question:
    finding: int
    diseases: tuple[int, ...]
    """The options in their order; `finding` is also the number of the disease it means."""

    @property
    def right(self) -> int:
        return self.diseases.index(self.finding)

    def case(self) -> Case:
        return Case(
            id=f"exam:{self.finding}:{'-'.join(map(str, self.diseases))}",
            question=f"The patient has finding {self.finding}. Which disease is it?",
            options={label: f"disease {d}" for label, d in zip(LABELS, self.diseases, strict=True)},
            gold=Gold(label=LABELS[self.right], text=f"disease {self.finding}"),
            split="train",
        )


def questions(count: int, findings: int, rng: np.random.Generator) -> list[Question]:
    """Questions with findings in turn and random distractors."""
    made = []
    for number in range(count):
        finding = number % findings
        others = rng.choice([d for d in range(findings) if d != finding], size=3, replace=False)
        made.append(Question(finding, tuple(int(d) for d in rng.permutation([finding, *others]))))
    return made


def size(findings: int) -> int:
    """Cells of the policy: one per format, one per pair of finding and disease."""
    return len(FORMATS) + findings * findings


def format_cells() -> tuple[tuple[int, ...], ...]:
    return tuple((index,) for index in range(len(FORMATS)))


def answer_cells(question: Question, findings: int) -> tuple[tuple[int, ...], ...]:
    start = len(FORMATS) + question.finding * findings
    return tuple((start + disease,) for disease in question.diseases)


def render(decisions: Sequence[Decision]) -> str:
    """The reply that a format decision and an answer decision stand for."""
    form, answer = decisions
    return FORMATS[form.chosen].format(thought="finding weighed", label=LABELS[answer.chosen])


def expected(policy: TablePolicy, held_out: Sequence[Question], findings: int) -> tuple[float, float]:
    """(probability of the right label, probability of the right format), a mean over questions; chance is 1/4."""
    right = np.mean([policy.probabilities(answer_cells(q, findings))[q.right] for q in held_out])
    return float(right), float(policy.probabilities(format_cells())[0])
