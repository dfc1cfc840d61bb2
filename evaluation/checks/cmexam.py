"""CMExam: set accuracy for several right letters, weighted F1 against a hand count, options read line by line."""

import re
from typing import Any

from cases.answers import parse_answer
from evaluation.checks.expectation import Expectations
from evaluation.metrics import is_same_set, weighted_f1


def check() -> dict[str, Any]:
    seen = Expectations("hand cases; 40 rows")
    options = {label: f"选项{label}" for label in "ABCDE"}
    read = {reply: parse_answer(reply, options, "letters").value for reply in ("C、A", "AC", "A")}
    seen.that("C、A and AC", read, is_same_set(read["C、A"], "A,C") and is_same_set(read["AC"], "A,C"))
    seen.that("A for A,C", is_same_set(read["A"], "A,C"), not is_same_set(read["A"], "A,C"))
    parsed = read_options("A 维生素B缺乏\nB 无\nC A型血")
    seen.that("options with letters inside", parsed, parsed == {"A": "维生素B缺乏", "B": "无", "C": "A型血"})
    seen.near("character BLEU-1, identical", character_bleu_1("左肺清晰", "左肺清晰"), 1.0)
    seen.near("character BLEU-1, disjoint", character_bleu_1("左肺", "脾大"), 0.0)
    gold = (["A"] * 20) + (["B"] * 12) + (["C"] * 8)
    given = (["A"] * 15 + ["B"] * 5) + (["B"] * 9 + ["C"] * 3) + (["C"] * 4 + ["A"] * 4)
    seen.near("weighted F1, 40 rows", weighted_f1(gold, given), _by_hand(gold, given), 1e-9)
    return seen.outcome()


def read_options(text: str) -> dict[str, str]:
    """The released column: one option a line, letter first."""
    return {label: body.strip() for label, body in re.findall(r"^([A-E])[\s.、]+(.*)$", text, re.MULTILINE)}


def character_bleu_1(predicted: str, gold: str) -> float:
    """Clipped unigram precision over characters, with the brevity penalty."""
    import math
    from collections import Counter

    if not predicted:
        return 0.0
    shared = sum((Counter(predicted) & Counter(gold)).values())
    brevity = 1.0 if len(predicted) >= len(gold) else math.exp(1 - len(gold) / len(predicted))
    return brevity * shared / len(predicted)


def _by_hand(gold: list[str], given: list[str]) -> float:
    total = 0.0
    for label in "ABC":
        hits = sum(g == p == label for g, p in zip(gold, given, strict=True))
        total += gold.count(label) * 2 * hits / (gold.count(label) + given.count(label))
    return total / len(gold)
