"""Self-BioRAG: the published score by hand, when retrieval is called for, and true beside contradicting evidence."""

from typing import Any

from cases.evidence import Evidence
from evaluation.checks.expectation import Expectations
from retrieval.controller import (
    Candidate,
    Reflection,
    RetrieveMode,
    choose_answer,
    decide_retrieval,
    reflection_score,
)

PASSAGES = {
    "true": "Warfarin is reversed with vitamin K and prothrombin complex concentrate.",
    "contradictory": "Warfarin is reversed with protamine.",
    "off topic": "Ward visits end at eight in the evening.",
}
ANSWERS = {"true": "vitamin K", "contradictory": "protamine", "off topic": "protamine"}
UTILITY = {"true": (0.0, 0.0, 0.1, 0.3, 0.6), "contradictory": (0.3, 0.3, 0.3, 0.1, 0.0)}


def check() -> dict[str, Any]:
    seen = Expectations("hand scores; three passages, a critic of planted readings; 40 questions, half of them known")
    by_hand = Reflection(
        relevant=0.8, irrelevant=0.2, full_support=0.6, partial_support=0.3, no_support=0.1,
        utility=(0.1, 0.1, 0.0, 0.2, 0.6),
    )  # fmt: skip
    seen.near("score by hand", reflection_score(-0.5, by_hand), 2.7065, 5e-5)
    seen.that("retrieves at 0.6", decide_retrieval(0.6, 0.4).retrieves, decide_retrieval(0.6, 0.4).retrieves)
    seen.that("retrieves at 0.4", decide_retrieval(0.4, 0.6).retrieves, not decide_retrieval(0.4, 0.6).retrieves)
    forced = [
        decide_retrieval(0.0, 1.0, mode=RetrieveMode.ALWAYS).retrieves,
        decide_retrieval(1.0, 0.0, mode=RetrieveMode.NEVER).retrieves,
    ]
    seen.that("always and never obey", forced, forced == [True, False])
    chosen = choose_answer([_candidate(name) for name in PASSAGES])
    seen.that("answer of three passages", chosen.answer, chosen.answer == "vitamin K" and chosen.has_support)
    without = choose_answer([_candidate(name) for name in PASSAGES if name != "true"])
    seen.that("support without the true passage", without.has_support, not without.has_support)
    runs = {mode: _run(mode) for mode in RetrieveMode}
    seen.that("accuracy by mode", {mode.value: run[0] for mode, run in runs.items()}, _is_spared(runs))
    seen.that("retrievals by mode", {mode.value: run[1] for mode, run in runs.items()}, _is_spared(runs))
    return seen.outcome()


def _candidate(name: str) -> Candidate:
    """What an honest critic says of that passage and the answer drawn from it."""
    is_true, is_off = name == "true", name == "off topic"
    return Candidate(
        answer=ANSWERS[name], evidence=Evidence(id=name, text=PASSAGES[name]), mean_logprob=-0.4,
        reflection=Reflection(
            relevant=0.05 if is_off else 0.9, irrelevant=0.95 if is_off else 0.1,
            full_support=0.8 if is_true else 0.02, partial_support=0.1 if is_true else 0.08,
            no_support=0.1 if is_true else 0.9, utility=UTILITY.get(name, UTILITY["contradictory"]),
        ),
    )  # fmt: skip


def _run(mode: RetrieveMode) -> tuple[float, int]:
    """Accuracy and retrievals on questions of which the model knows every other one, and says so."""
    right = calls = 0
    for number in range(40):
        is_known = number % 2 == 0
        decision = decide_retrieval(0.2 if is_known else 0.8, 0.8 if is_known else 0.2, mode=mode)
        calls += decision.retrieves
        right += is_known or (decision.retrieves and choose_answer([_candidate("true")]).answer == "vitamin K")
    return right / 40, calls


def _is_spared(runs: dict[RetrieveMode, tuple[float, int]]) -> bool:
    """Adaptive asks less than always, is no worse, and beats never."""
    adaptive, always, never = (runs[mode] for mode in (RetrieveMode.ADAPTIVE, RetrieveMode.ALWAYS, RetrieveMode.NEVER))
    return adaptive[1] < always[1] and adaptive[0] >= always[0] and adaptive[0] > never[0] and never[1] == 0
