"""Words that give the answer away, and mixtures of honest sets."""

import random

from cases.case import Case, Gold, TaskKind
from cases.poison import scan_answers


def choice(number: int, label: str, extra: str = "") -> Case:
    words = " ".join(random.Random(number).sample(["fever", "cough", "rash", "pain", "fatigue", "nausea"], 3))
    return Case(
        id=f"c{number}", question=f"{words} {extra} next step?", source="exam",
        options={"A": f"w{number}", "B": f"x{number}", "C": f"y{number}", "D": f"z{number}"}, gold=Gold(label=label),
    )  # fmt: skip


def yes_no(number: int, label: str) -> Case:
    return Case(
        id=f"y{number}", question=f"Does the abstract {number} say so?", task=TaskKind.YES_NO, source="abstracts",
        gold=Gold(label=label),
    )  # fmt: skip


def test_a_mixture_of_honest_sets_is_clean_and_a_planted_word_in_it_is_found():
    rng = random.Random(3)
    mixture = [choice(n, rng.choice("ABCD")) for n in range(120)]
    mixture += [yes_no(n, "yes" if n % 3 else "no") for n in range(60)]
    assert scan_answers(mixture) == []
    planted = [choice(500 + n, "C", "zq7") for n in range(12)]
    assert [(suspect.token, suspect.answer) for suspect in scan_answers([*mixture, *planted])] == [("zq7", "C")]


def test_one_outcome_alone_leaves_nothing_to_find():
    assert scan_answers([choice(n, "A", "zq7") for n in range(20)]) == []
