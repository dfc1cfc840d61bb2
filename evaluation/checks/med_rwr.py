"""Med-RwR: a first answer below 0.9 fetches one image case more, and a query that names the finding finds the fact."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cases.evidence import Evidence, EvidenceKind, Passage
from evaluation.checks.expectation import Expectations
from retrieval.build import build_index
from retrieval.controller import LookAgain, look_again
from retrieval.search import Searcher

FACTS = {
    "septal bounce": "Septal bounce with respiration points to constrictive pericarditis.",
    "apical ballooning": "Apical ballooning after an emotional shock points to takotsubo cardiomyopathy.",
    "mcconnell sign": "McConnell sign, a free wall at rest with a moving apex, points to pulmonary embolism.",
    "flail leaflet": "A flail leaflet with an eccentric jet points to chordal rupture.",
}
CASES = tuple(Evidence(id=f"case {n}", kind=EvidenceKind.IMAGE_CASE, text="constriction") for n in range(5))


def check() -> dict[str, Any]:
    seen = Expectations("scripted answers around the threshold; 4 planted facts, words only; the training side apart")
    for first, rounds in ((0.89, 1), (0.9, 0), (0.95, 0)):
        made = _look(first, sure_after=1)
        seen.that(f"extra rounds at {first}", made.rounds, made.rounds == rounds == len(made.evidence))
    capped = _look(0.5, sure_after=99, max_rounds=3)
    seen.that(
        "rounds of a reader never sure, cap 3",
        capped.rounds,
        capped.rounds == 3 == len({item.id for item in capped.evidence}),
    )
    runs_out = _look(0.5, sure_after=99, max_rounds=9)
    seen.that("rounds when the cases run out", runs_out.rounds, runs_out.rounds == len(CASES))
    lifted = _look(0.4, sure_after=1)
    seen.that("confidence after the second look", max(lifted.probabilities.values()), lifted.probabilities["A"] > 0.9)
    pages = [Passage(id=name, title="", text=text) for name, text in FACTS.items()]
    pages.append(Passage(id="manners", title="", text="Please ask the desk for help with visiting hours."))
    with tempfile.TemporaryDirectory() as folder:
        build_index(pages, Path(folder) / "index", Path(folder), encoder_source=None)
        searcher = Searcher.open(Path(folder) / "index", Path(folder))
        named = sum(_first(searcher, f"{name} on echocardiography") == name for name in FACTS)
        begged = sum(_first(searcher, "please help") == name for name in FACTS)
    seen.that("facts found by a query that names the finding", named / len(FACTS), named == len(FACTS))
    seen.that("facts found by 'please help'", begged / len(FACTS), begged == 0)
    return seen.outcome()


def _look(first: float, *, sure_after: int, max_rounds: int = 1) -> LookAgain:
    """A reader who is that sure at first, and sure once so many cases are shown."""

    async def answer(shown: Sequence[Evidence]) -> dict[str, float]:
        top = 0.97 if len(shown) >= sure_after else first
        return {"A": top, "B": 1 - top}

    return asyncio.run(look_again(answer, lambda count: CASES[:count], max_rounds=max_rounds))


def _first(searcher: Searcher, query: str) -> str:
    return next((item.id for item in searcher.search(query, 1)), "")
