"""Published rewards give their known answers, and no trick earns more than an honest right reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.case import Case, Gold
from cases.errors import TrainingError
from training.rewards import PRESETS, preset

CASE = Case(
    id="q",
    question="What does the film show?",
    options={"A": "Pneumothorax", "B": "Pleural effusion", "C": "Normal"},
    gold=Gold(label="B", text="Pleural effusion"),
)
HONEST = "<think>meniscus at the base</think><answer>B</answer>"

MEDVLTHINKER = [
    ("<think>x</think><answer>B</answer>", 1),
    ("<think>x</think><answer>B. Pleural effusion</answer>", 1),
    ("<think>x</think><answer>b</answer>", 1),
    ("<think>x</think><answer>pleural EFFUSION</answer>", 1),
    ("<think>x</think>\n<answer>\nB\n</answer>\n", 1),
    ("<think>x\ny</think><answer>Pleural\neffusion</answer>", 1),
    ("<answer>B</answer>", 0),
    ("<think>x</think><answer>B</answer> because", 0),
    ("Sure. <think>x</think><answer>B</answer>", 0),
    ("<think>x</think>B", 0),
    ("<think>x</think><answer>A</answer>", 0),
    ("<think>x</think><answer>B. Pneumothorax</answer>", 0),
    ("<think>x</think><answer></answer>", 0),
]

MMEDAGENT = [
    (HONEST, 1.5),
    ("<think>x</think><answer>A</answer>", 0.5),
    ("<answer>B</answer>", 1.0),
    ("B", 0.0),
]

HACKS = [
    "<think>x</think><answer>A</answer><answer>B</answer>",
    "<think>x</think><answer>A, B, C</answer>",
    "<think>x</think><answer>A or B</answer>",
    "<think>x</think><answer>A. Pneumothorax B. Pleural effusion C. Normal</answer>",
    "<think><answer>B</answer></think><answer>A</answer>",
    "<think>x</think><answer>A</answer><think>y</think><answer>B</answer>",
    "<think>x</think><answer><answer>B</answer></answer>",
    "<answer>A</answer><answer>B</answer><answer>C</answer>",
    "<think></think><answer>the answer</answer>",
    "<think>" * 50 + "B" + "</answer>" * 50,
    "<think>x</think><answer>{label}</answer>",
    "<answer>",
    "B" * 4000,
    "",
]


@pytest.mark.parametrize(("completion", "reward"), MEDVLTHINKER)
def test_medvlthinker_gives_its_known_answers(completion: str, reward: float) -> None:
    assert preset("medvlthinker").score(CASE, completion).total == reward


@pytest.mark.parametrize("name", ["mmedagent_triage", "mmedagent_attending"])
@pytest.mark.parametrize(("completion", "reward"), MMEDAGENT)
def test_mmedagent_adds_format_and_accuracy(name: str, completion: str, reward: float) -> None:
    assert preset(name).score(CASE, completion).total == reward


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize("hack", HACKS)
def test_no_hack_outranks_an_honest_right_reply(name: str, hack: str) -> None:
    reward = preset(name)
    assert reward.score(CASE, hack).total < reward.score(CASE, HONEST).total
    assert reward.score(CASE, hack).terms["accuracy"] == 0


@given(text=st.text(alphabet="ABC<>/thinkanswer \n", max_size=60))
def test_no_random_text_earns_the_format_without_the_tags(text: str) -> None:
    assert preset("medvlthinker").score(CASE, text).total == 0 or text.strip().startswith("<think>")


def test_a_shut_gate_is_named_and_leaves_no_term() -> None:
    score = preset("medvlthinker").score(CASE, "<answer>B</answer>")
    assert score.shut_gates == ("think_answer",)
    assert score.terms == {"accuracy": 0.0}


def test_a_group_is_scored_in_order() -> None:
    totals = [s.total for s in preset("medvlthinker").score_group(CASE, [HONEST, "B", HONEST])]
    assert totals == [1, 0, 1]


def test_a_case_without_gold_cannot_be_rewarded() -> None:
    with pytest.raises(TrainingError, match="no gold answer"):
        preset("medvlthinker").score(CASE.blinded(), HONEST)


def test_an_unknown_reward_lists_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="medvlthinker"):
        preset("nonsense")
