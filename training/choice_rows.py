"""Choice cases as training rows in the very words of the product: same prompt, options shuffled, the label alone.

The prompt is made by `agents.prompts`, the reply is what `models.ask.choice_probabilities` scores: one label. Direct
replies suit what is read off in one step; reasoning belongs into rows with a think block (OctoMed 2025).
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cases.case import Case, Gold, TaskKind
from cases.errors import TrainingError

ROLES = {"system": "system", "human": "user", "ai": "assistant"}


def direct_row(case: Case) -> dict[str, Any]:
    """{"prompt": messages, "completion": [the label], "case_id": id} for a case with one gold label.

    Raises TrainingError when the case is no single choice or has no gold label.
    """
    from agents.prompts import case_messages, final_label

    if case.task not in (TaskKind.CHOICE, TaskKind.YES_NO, TaskKind.PAIR_CHOICE) or not case.options:
        raise TrainingError("not a single-choice case", where=case.id)
    if case.gold is None or case.gold.label is None or case.gold.label not in case.options:
        raise TrainingError("no gold label to learn", where=case.id)
    messages = [*case_messages(case.blinded()), final_label(case)]
    prompt = [{"role": ROLES[message.type], "content": message.content} for message in messages]
    return {
        "prompt": prompt,
        "completion": [{"role": "assistant", "content": case.gold.label}],
        "case_id": case.id,
    }


def place_gold(case: Case, position: int, rng: random.Random) -> Case:
    """The same case with its options in another order: the right one at `position`, the others shuffled by `rng`."""
    if case.options is None or case.gold is None or case.gold.label is None:
        raise TrainingError("options and a gold label are needed to shuffle", where=case.id)
    labels = list(case.options)
    others = [case.options[label] for label in labels if label != case.gold.label]
    rng.shuffle(others)
    texts = [*others[:position], case.options[case.gold.label], *others[position:]]
    gold = Gold(label=labels[position], text=case.gold.text, explanation=case.gold.explanation)
    return case.model_copy(update={"options": dict(zip(labels, texts, strict=True)), "gold": gold})


def balanced(cases: Sequence[Case], seed: int) -> list[Case]:
    """Cases in a seeded order, each position being right equally often (counts differ by at most 1 per option count).

    So a position can carry no information: a model that learns "mostly C" loses.
    """
    rng = random.Random(seed)
    shuffled = list(cases)
    rng.shuffle(shuffled)
    turn: Counter[int] = Counter()
    placed = []
    for case in shuffled:
        size = len(case.options or {})
        placed.append(place_gold(case, turn[size] % size, rng))
        turn[size] += 1
    rng.shuffle(placed)
    return placed


def direct_rows(cases: Iterable[Case], seed: int) -> list[dict[str, Any]]:
    """Balanced, shuffled direct rows of all single-choice cases with a gold label."""
    usable = [case for case in cases if case.options and case.gold and case.gold.label in case.options]
    return [direct_row(case) for case in balanced(usable, seed)]
