"""A verdict can always be made, and says what it rests on."""

import pytest
from panel import case

from agents.attending import calibrate, is_uncertain
from agents.conclude import conclude
from agents.opinion import AgentFailure, CriticNote, FailureKind, Opinion, Outcome
from agents.ward import RoundSettings
from cases.evidence import Citation

SETTINGS = RoundSettings()


def opinion(answer: str | None, top: float | None = None, role: str = "x", **fields) -> Opinion:
    rest = {"A": "B", "B": "A"}.get(answer or "", "A")
    shares = {answer: top, rest: 1 - top} if top is not None else {}
    return Opinion(role=role, answer=answer, probabilities=shares, rationale=f"for {answer}", **fields)


def release(final=None, panel=(), settings=SETTINGS, **fields):
    return conclude(case(), "round", settings, final=final, panel=panel, **fields)


def test_the_attending_decides_and_who_disagrees_is_kept():
    verdict = release(opinion("B", 0.7), [opinion("A", 0.9, role="neurology"), opinion("B", 0.6)])
    assert (verdict.answer, verdict.confidence, verdict.outcome) == ("B", 0.7, Outcome.ANSWERED)
    assert [(d.role, d.answer, d.rationale) for d in verdict.dissent] == [("neurology", "A", "for A")]


def test_without_the_attending_the_pooled_vote_stands_and_a_tie_abstains():
    verdict = release(None, [opinion("A", 0.9), opinion("B", 0.6), opinion("B", 0.6)])
    assert verdict.answer == "A", "0.9 + 0.4 + 0.4 > 0.1 + 0.6 + 0.6"
    tied = release(None, [opinion("A"), opinion("B")])
    assert (tied.outcome, tied.answer) == (Outcome.ABSTAINED, None)
    assert "tied: A, B" in tied.reason
    first = release(None, [opinion("A"), opinion("B")], settings=RoundSettings(ties="first"))
    assert (first.outcome, first.answer) == (Outcome.ANSWERED, "A")
    assert "tied" in first.reason


def test_failures_are_counted_and_never_agree():
    failures = [AgentFailure(role="neurology", kind=FailureKind.TIMEOUT, message="slow")]
    verdict = release(
        opinion("B", 0.7), [opinion("B")], asked=["gate", "x", "neurology", "attending"], failures=failures
    )
    assert (verdict.quorum.asked, verdict.quorum.answered, verdict.quorum.failed) == (4, 3, 1)
    none = release(
        opinion("B", 0.7),
        asked=["neurology", "x"],
        failures=failures * 1 + [failures[0].model_copy(update={"role": "x"})],
    )
    assert none.outcome is Outcome.ABSTAINED
    assert "quorum" in none.reason


def test_it_abstains_below_the_threshold_and_shows_the_differential_all_the_same():
    verdict = release(opinion("B", 0.55), settings=RoundSettings(abstain_below=0.6))
    assert (verdict.outcome, verdict.answer, verdict.confidence) == (Outcome.ABSTAINED, None, 0.55)
    assert verdict.differential[0].label == "B"
    assert "0.55 is below 0.60" in verdict.reason


def test_a_critical_safety_note_escalates_and_another_note_does_not():
    note = CriticNote(kind="safety", message="dose too high", severity="critical")
    verdict = release(opinion("B", 0.9), notes=[note])
    assert (verdict.outcome, verdict.answer, verdict.reason) == (Outcome.ESCALATED, "B", "dose too high")
    mild = release(opinion("B", 0.9), notes=[note.model_copy(update={"severity": "warning"})])
    assert mild.outcome is Outcome.ANSWERED


def test_nobody_answering_is_a_failure_with_its_cause():
    verdict = release(
        failures=[AgentFailure(role="gate", kind=FailureKind.UNAVAILABLE, message="engine down")], asked=["gate"]
    )
    assert (verdict.outcome, verdict.answer) == (Outcome.FAILED, None)
    assert "engine down" in verdict.reason


def test_citations_are_the_attendings_and_those_of_who_agrees_each_once():
    one, two, three = (Citation(evidence_id=f"p{n}", quote=f"q{n}") for n in (1, 2, 3))
    verdict = release(
        opinion("B", citations=(one,)), [opinion("B", citations=(one, two)), opinion("A", citations=(three,))]
    )
    assert verdict.citations == (one, two)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({"A": 0.97, "B": 0.01, "C": 0.01, "D": 0.01}, False),
        ({"A": 0.5, "B": 0.45, "C": 0.05}, True),
        ({"A": 0.25, "B": 0.25, "C": 0.25, "D": 0.25}, True),
        ({"A": 1.0}, True),
        ({}, True),
    ],
)
def test_uncertainty_is_flatness_or_a_close_second(probabilities, expected):
    assert is_uncertain(probabilities, entropy_above=0.6, margin_below=0.25) is expected


def test_temperature_softens_confidence_and_keeps_the_order():
    hot = calibrate({"A": 0.9, "B": 0.1}, 2.0)
    assert hot["A"] == pytest.approx(0.75)
    assert sum(hot.values()) == pytest.approx(1)
    assert calibrate({"A": 0.9, "B": 0.1}, 1.0) == {"A": 0.9, "B": 0.1}
    assert release(opinion("B", 0.9), settings=RoundSettings(calibration_temperature=2.0)).confidence == pytest.approx(
        0.75
    )
