"""The summary of a batch counts what the records say."""

import json

from panel import ASKS_LABEL, SURE, UNSURE, Shelf, answering, case, form, ward

from graphs.batch import adjudicate_many
from graphs.summary import SUMMARY_JSON, SUMMARY_MD, draw, summarise, write_summary
from models.scripted import Rule


async def test_it_counts_outcomes_routes_citations_failures_and_cost(tmp_path):
    cites = [(1, "amoxicillin first"), (1, "never written anywhere at all")]
    rules = [
        Rule(anywhere="UNSURE", pattern=ASKS_LABEL, probabilities=UNSURE),
        Rule(anywhere="DEAD", fail="timeout"),
        Rule(anywhere=r"\nEvidence:\n", has_schema=True, reply=form("B", citations=cites)),
        *answering("B", SURE),
    ]
    cases = [case("a"), case("b", question="UNSURE which?"), case("c", question="DEAD which?")]
    house = ward(*rules, search=Shelf("Give amoxicillin first."), settings={"specialists": 1})
    await adjudicate_many(cases, strategy="round", ward=house, out=tmp_path)
    summary = summarise(tmp_path)
    assert (summary.cases, summary.ended, summary.failed) == (3, 2, 1)
    assert summary.outcomes == {"answered": 2}
    assert summary.routes == {"simple": 1, "complex": 1}
    assert summary.citations == {"exact": 1, "unverified": 1}
    assert sum(summary.confidence) == 2
    assert summary.errors == {"failed": 1}
    assert summary.baseline_usage.calls == 2 < summary.usage.calls
    assert json.loads((tmp_path / SUMMARY_JSON).read_text())["ended"] == 2
    page = (tmp_path / SUMMARY_MD).read_text()
    assert "| citation: unverified | 1 |" in page
    assert "3: 2 ended, 1 failed" in page


async def test_plots_are_drawn_on_demand(tmp_path):
    await adjudicate_many([case()], strategy="direct", ward=ward(*answering("B", SURE)), out=tmp_path)
    assert not list(tmp_path.glob("*.png"))
    write_summary(tmp_path, plots=True)
    assert {path.name for path in tmp_path.glob("*.png")} == {"outcomes.png", "confidence.png", "cost.png"}
    assert "![cost](cost.png)" in (tmp_path / SUMMARY_MD).read_text()
    assert draw(summarise(tmp_path), tmp_path)


async def test_an_empty_batch_has_a_summary_of_nothing(tmp_path):
    await adjudicate_many([], strategy="direct", ward=ward(), out=tmp_path)
    assert summarise(tmp_path).cases == 0
