"""What the critic finds by rule, and what it leaves alone."""

from panel import Shelf, case, form, ward

from agents import critic
from agents.desk import Desk
from agents.opinion import Opinion, Request
from cases.evidence import Citation, CitationStatus, Evidence
from models.scripted import Rule

SOURCE = Evidence(id="p1", text="Give amoxicillin 500 mg first.")


def opinion(**fields) -> Opinion:
    return Opinion(**{"role": "x", "answer": "B", "rationale": "fits"} | fields)


def kinds(*opinions: Opinion, first: Opinion | None = None) -> list[str]:
    checked = [critic.verified(o, [SOURCE]) for o in opinions]
    return [note.kind for note in critic.review(case(), checked, [SOURCE], first)]


def test_a_located_quote_is_verified_and_a_made_up_one_is_noted_and_kept():
    cites = (
        Citation(evidence_id="p1", quote="amoxicillin 500 mg"),
        Citation(evidence_id="p1", quote="never said so here"),
    )
    checked = critic.verified(opinion(citations=cites), [SOURCE])
    assert [c.status for c in checked.citations] == [CitationStatus.EXACT, CitationStatus.UNVERIFIED]
    notes = critic.review(case(), [checked], [SOURCE])
    assert [n.kind for n in notes] == ["citation"]
    assert "never said so here" in notes[0].message


def test_a_retracted_source_is_critical():
    source = SOURCE.model_copy(update={"is_retracted": True})
    cited = critic.verified(opinion(citations=(Citation(evidence_id="p1", quote="amoxicillin 500 mg"),)), [source])
    assert [n.severity for n in critic.review(case(), [cited], [source])] == ["critical"]


def test_numbers_that_nobody_gave_are_noted_and_given_ones_are_not():
    assert kinds(opinion(rationale="At 54 years amoxicillin 500 mg; 2 doses.")) == []
    assert kinds(opinion(rationale="A sodium of 118.5 decides.")) == ["contradiction"]
    assert kinds(opinion(findings=("pulse 140",))) == ["contradiction"]


def test_a_finding_that_only_a_source_has_is_told_from_one_that_the_case_has():
    source = Evidence(id="p2", text="Persistent positive CSF cultures and worsening pleocytosis call for new imaging.")
    patient = case().model_copy(update={"context": "A woman with purulent nasal discharge and facial pressure."})

    def noted(*findings: str, evidence=(source,)) -> list[str]:
        return [note.message for note in critic.review(patient, [opinion(findings=findings)], evidence)]

    messages = noted("persistent positive CSF cultures", "facial pressure", "purulent discharges")
    assert len(messages) == 1
    assert "'persistent positive CSF cultures'" in messages[0]
    assert "facial" not in messages[0]
    assert noted("chronic inflammation of the sinuses") == []
    reading = source.model_copy(update={"kind": "image_case"})
    assert noted("persistent positive CSF cultures", evidence=(reading,)) == []


def test_one_text_from_everyone_who_shares_the_first_view_is_anchoring():
    same = [
        opinion(rationale="Fever and cough suggest pneumonia."),
        opinion(rationale="fever and cough suggest pneumonia"),
    ]
    assert kinds(*same, first=opinion()) == ["anchoring"]
    assert kinds(*same, first=opinion(answer="C")) == []
    assert kinds(same[0], opinion(rationale="The pleuritic pain fits a lobar infection.")) == []
    assert kinds(same[0], opinion(answer="D", rationale="Fever and cough suggest pneumonia.")) == []


def test_sure_doctors_without_an_alternative_are_closed_unless_one_names_what_would_change_it():
    sure = {"A": 0.01, "B": 0.99}
    closed = [opinion(probabilities=sure, rationale=text) for text in ("one", "another")]
    assert "premature_closure" in kinds(*closed)
    open_minded = closed[0].model_copy(update={"requests": (Request(kind="ask", what="a culture"),)})
    assert "premature_closure" not in kinds(open_minded, closed[1])


async def test_the_critic_model_is_heard_unless_it_has_nothing_to_say():
    house = ward(Rule(pattern="You are the critic", reply={"weakness": "Allergy overlooked.", "severity": "critical"}))
    note = await critic.criticise(Desk.open(house), case(), [], [opinion()])
    assert (note.message, note.severity) == ("Allergy overlooked.", "critical")
    silent = ward(Rule(pattern="You are the critic", reply={"weakness": "None.", "severity": "info"}))
    assert await critic.criticise(Desk.open(silent), case(), [], [opinion()]) is None


async def test_the_round_asks_the_critic_model_only_by_setting():
    from panel import UNSURE, answering

    from graphs.strategies import adjudicate_case

    rules = [
        Rule(pattern="You are the critic", reply={"weakness": "Dose unclear.", "severity": "warning"}),
        *answering("B", UNSURE),
    ]
    plain = await adjudicate_case(case(), "round", ward(*rules, search=Shelf("x")))
    asked = await adjudicate_case(case(), "round", ward(*rules, settings={"asks_critic_model": True}))
    assert "Dose unclear." not in [n.message for n in plain.critic_notes]
    assert "Dose unclear." in [n.message for n in asked.critic_notes]
    assert asked.quorum.asked == 5
    assert form("B")
