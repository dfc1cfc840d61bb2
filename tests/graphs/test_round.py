"""The ward round with a scripted model: routes, panel, failures, order."""

import time

from panel import ASKS_LABEL, SURE, UNSURE, Shelf, answering, case, form, ward

from agents.opinion import FailureKind, Outcome
from graphs.strategies import adjudicate_case, mermaid, names, stream_case
from models.scripted import Rule


async def test_a_sure_first_look_takes_the_simple_route_and_is_explained():
    house = ward(*answering("B", SURE))
    verdict = await adjudicate_case(case(), "round", house)
    assert (verdict.outcome, verdict.answer, verdict.route) == (Outcome.ANSWERED, "B", "simple")
    assert verdict.confidence is not None
    assert abs(verdict.confidence - 0.94) < 1e-6
    assert verdict.rationale == "because of the findings"
    assert next(d.label for d in verdict.differential) == "B"
    assert verdict.usage.calls == 2
    assert verdict.baseline_usage.calls == 1


async def test_an_unsure_first_look_convenes_the_panel_and_keeps_dissent():
    rules = [
        Rule(pattern=f"pulmonology specialist.*{ASKS_LABEL}", probabilities={"D": 0.8, "A": 0.2}),
        Rule(pattern=f"You are the.*{ASKS_LABEL}", probabilities=SURE),
        Rule(pattern=ASKS_LABEL, probabilities=UNSURE),
        Rule(pattern="pulmonology specialist", reply=form("D", "argues for D")),
        Rule(has_schema=True, reply=form("B", "pneumonia")),
    ]
    house = ward(*rules, settings={"specialists": 2})
    verdict = await adjudicate_case(case(), "round", house)
    assert verdict.route == "complex"
    assert verdict.answer == "B"
    assert [d.role for d in verdict.dissent] == ["pulmonology"]
    assert verdict.dissent[0].answer == "D"
    assert verdict.quorum.asked == verdict.quorum.answered == 4
    assert verdict.baseline_usage.calls == 1 < verdict.usage.calls


async def test_the_attending_reads_numbered_doctors_and_no_specialty():
    house = ward(*answering("B", UNSURE), settings={"specialists": 2})
    await adjudicate_case(case(), "round", house)
    prompts = [
        call.messages[-1].content for call in house.chat.calls if "The panel answered" in call.messages[-1].content
    ]
    assert prompts
    assert all("Doctor 1: B" in text and "Doctor 2: B" in text and "pulmon" not in text for text in prompts)


async def test_a_failing_specialist_is_a_typed_failure_and_no_agreement():
    rules = [Rule(pattern="pulmonology specialist", fail="timeout"), *answering("B", UNSURE)]
    verdict = await adjudicate_case(case(), "round", ward(*rules, settings={"specialists": 3}))
    assert verdict.answer == "B"
    (failure,) = verdict.quorum.failures
    assert (failure.role, failure.kind) == ("pulmonology", FailureKind.TIMEOUT)
    assert verdict.quorum.answered == verdict.quorum.asked - 1


async def test_without_a_quorum_the_round_abstains_and_says_why():
    rules = [Rule(pattern="specialist of the panel", fail="unavailable"), *answering("B", UNSURE)]
    verdict = await adjudicate_case(case(), "round", ward(*rules, settings={"specialists": 2}))
    assert verdict.outcome is Outcome.ABSTAINED
    assert verdict.answer is None
    assert "quorum" in verdict.reason
    assert verdict.quorum.failed == 2


async def test_when_the_attending_fails_the_panel_votes():
    rules = [Rule(pattern="You are the attending", fail="timeout"), *answering("B", UNSURE)]
    verdict = await adjudicate_case(case(), "round", ward(*rules))
    assert verdict.answer == "B"
    assert [f.role for f in verdict.quorum.failures] == ["attending"]


async def test_when_nobody_answers_the_verdict_is_failed_and_names_the_cause():
    verdict = await adjudicate_case(case(), "round", ward(Rule(fail="timeout")))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.answer is None
    assert "the script says: timeout" in verdict.reason


async def test_specialists_work_at_the_same_time():
    def rules(delay: float) -> list[Rule]:
        asked = "specialist of the panel"
        return [
            Rule(pattern=f"{asked}.*{ASKS_LABEL}", probabilities=SURE, delay_s=delay),
            Rule(pattern=asked, reply=form("B"), delay_s=delay),
            *answering("B", UNSURE),
        ]

    started = time.perf_counter()
    await adjudicate_case(case(), "round", ward(*rules(0.0), settings={"specialists": 4}))
    bare = time.perf_counter() - started
    started = time.perf_counter()
    verdict = await adjudicate_case(case(), "round", ward(*rules(0.5), settings={"specialists": 4}))
    one_after_another = 4 * 2 * 0.5
    assert verdict.quorum.asked == 6
    assert time.perf_counter() - started - bare < 0.6 * one_after_another


async def test_quotes_are_located_or_marked_unverified_and_none_is_dropped():
    cites = [(1, "amoxicillin is the first choice"), (2, "words that nobody wrote anywhere")]
    rules = [Rule(pattern=ASKS_LABEL, probabilities=UNSURE), Rule(has_schema=True, reply=form("B", citations=cites))]
    shelf = Shelf("In pneumonia amoxicillin is the first choice.", "Warfarin thins the blood.")
    verdict = await adjudicate_case(case(), "round", ward(*rules, search=shelf))
    assert {(c.evidence_id, c.is_verified) for c in verdict.citations} == {("p1", True), ("p2", False)}
    assert any(note.kind == "citation" for note in verdict.critic_notes)
    assert [e.id for e in verdict.evidence] == ["p1", "p2"]


async def test_a_search_that_fails_is_shown_and_does_not_stop_the_round():
    class Broken:
        def search(self, query: str, k: int = 4):
            raise OSError("index unreadable")

    verdict = await adjudicate_case(case(), "round", ward(*answering("B", UNSURE), search=Broken()))
    assert verdict.answer == "B"
    assert [(f.role, f.kind) for f in verdict.quorum.failures] == [("search", FailureKind.TOOL)]


async def test_all_calls_of_a_case_share_the_system_text_and_the_case():
    house = ward(*answering("B", UNSURE))
    await adjudicate_case(case(), "round", house)
    assert len({call.messages[0].content for call in house.chat.calls}) == 1
    assert len({call.messages[1].content for call in house.chat.calls}) == 1
    with_evidence = ward(*answering("B", UNSURE), search=Shelf("x y z"))
    await adjudicate_case(case(), "round", with_evidence)
    first, *rest = [call.messages[1].content for call in with_evidence.chat.calls]
    assert len(set(rest)) == 1
    assert rest[0].startswith(first)


async def test_a_planted_fact_reaches_the_answer_only_through_the_panel():
    """Knowledge split across two experts: one model alone is wrong, the panel is right; clones add nothing."""

    def model(cardiology: str, pulmonology: str) -> list[Rule]:
        return [
            Rule(pattern=ASKS_LABEL, anywhere="drug eluting.*lung is clear", probabilities={"C": 0.9, "A": 0.1}),
            Rule(pattern=ASKS_LABEL, probabilities={"A": 0.4, "B": 0.3, "C": 0.2, "D": 0.1}),
            Rule(pattern="pulmonology specialist", reply=form("B", pulmonology)),
            Rule(pattern="specialist of the panel", reply=form("A", cardiology)),
            Rule(pattern="drug eluting.*lung is clear", reply=form("C", "both facts together")),
            Rule(has_schema=True, reply=form("A", "a guess")),
        ]

    asked = case(question="Fever, cough and chest pain after a stent. Which drug?")
    alone = await adjudicate_case(asked, "direct", ward(*model("drug eluting", "lung is clear")))
    team = await adjudicate_case(asked, "round", ward(*model("drug eluting", "lung is clear")))
    clones = await adjudicate_case(asked, "round", ward(*model("drug eluting", "drug eluting")))
    assert (alone.answer, team.answer, clones.answer) == ("A", "C", "A")


async def test_streaming_tells_who_said_what_and_ends_with_the_verdict():
    house = ward(*answering("B", UNSURE), search=Shelf("a passage"), settings={"specialists": 2})
    events = [event async for event in stream_case(case(), "round", house)]
    kinds = [event.kind for event in events]
    assert kinds[-1] == "verdict"
    assert kinds.count("verdict") == 1
    assert events[-1].data["answer"] == "B"
    assert kinds.count("opinion") == 4
    assert "evidence" in kinds
    assert {"intake", "triage", "look", "gate", "specialist", "critic", "attending"} <= {event.node for event in events}


def test_every_strategy_can_be_drawn():
    for name in names():
        assert "intake" in mermaid(name)
