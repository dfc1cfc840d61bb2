"""Arabic tasks: three models vote, a tie goes to the priority model, and letters are read in any of their forms."""

import random
from typing import Any

from agents.voter import Ballot, tally
from cases.answers import parse_answer
from evaluation.arms import flipped
from evaluation.checks.expectation import Expectations

OPTIONS = {"A": "القلب", "B": "الرئة", "C": "الكبد", "D": "الكلية", "E": "الطحال"}
REPLIES = {
    "الإجابة: ب": "B",
    "الإجابة الصحيحة هي أ": "A",
    "الجواب: د": "D",
    "الإجابة: هـ": "E",
    "الإجابة: ه": "E",
    "الإجابة: إ": "A",
    "الإجابة: ج\u200f": "C",
    "لا أستطيع الإجابة": None,
}


def check() -> dict[str, Any]:
    seen = Expectations("8 replies, 30,000 simulated votes of three models")
    read = {reply: parse_answer(reply, OPTIONS).value for reply in REPLIES}
    wrong = {reply: value for reply, value in read.items() if value != REPLIES[reply]}
    seen.that("replies read as written", len(read) - len(wrong), not wrong)
    votes = {"A, A, B": _vote("AAB"), "A, B, C": _vote("ABC")}
    seen.that("votes, first model has priority", votes, votes == {"A, A, B": "A", "A, B, C": "A"})
    rng = random.Random(0)
    trials = 30_000
    right = sum(_vote("".join("R" if rng.random() < 0.7 else "W" for _ in range(3))) == "R" for _ in range(trials))
    seen.near("three voters right with 0.7", right / trials, 0.784, 0.01)
    plain = [True] * 50
    seen.near("robust stub loses under bias", flipped(plain, plain).value, 0.0)
    seen.near("sycophantic stub loses under bias", flipped(plain, [False] * 50).value, 1.0)
    return seen.outcome()


def _vote(answers: str) -> str:
    """Plurality; without one, the first model's answer."""
    result = tally([Ballot(voter=str(i), answer=answer) for i, answer in enumerate(answers)])
    return result.winner or answers[0]
