"""Scripted wards and small cases for the tests of agents, graphs and whatever stands on them."""

from collections.abc import Sequence
from typing import Any

from scripted import scripted

from agents.ward import RoundSettings, Ward
from cases.case import Case, Gold
from cases.evidence import Evidence
from models.scripted import Rule

ASKS_LABEL = r"Reply with it alone"
"""Matches the last message of a call that wants one label."""


def form(
    answer: str,
    rationale: str = "because of the findings",
    findings: Sequence[str] = ("fever",),
    citations: Sequence[tuple[int, str]] | None = None,
    would_change: Sequence[str] = (),
) -> dict[str, Any]:
    """A filled opinion form; `citations` only where evidence was shown."""
    filled: dict[str, Any] = {"findings": list(findings)}
    if citations is not None:
        filled["citations"] = [{"evidence": number, "quote": quote} for number, quote in citations]
    return filled | {"rationale": rationale, "answer": answer, "would_change": list(would_change)}


SURE = {"A": 0.02, "B": 0.94, "C": 0.02, "D": 0.02}
UNSURE = {"A": 0.28, "B": 0.30, "C": 0.22, "D": 0.20}


def case(id: str = "case-1", **fields: Any) -> Case:
    """A made-up question with four options; its gold answer carries words that must never be seen."""
    return Case(
        **{
            "id": id,
            "question": "A 54-year-old woman has fever, cough and pleuritic pain. Which drug is given first?",
            "options": {"A": "aspirin", "B": "amoxicillin", "C": "insulin", "D": "warfarin"},
            "meta": {"note": "XYZZY-META"},
            "gold": Gold(label="B", text="XYZZY-GOLD", explanation="XYZZY-WHY"),
        }
        | fields
    )


class Shelf:
    """A search that always finds the same passages."""

    manifest_id = "shelf@1"

    def __init__(self, *texts: str):
        self.texts, self.queries = texts, list[str]()

    def search(self, query: str, k: int = 4) -> list[Evidence]:
        self.queries.append(query)
        return [
            Evidence(id=f"p{number}", title=f"Passage {number}", text=text, source="doi:10.0/test")
            for number, text in enumerate(self.texts[:k], start=1)
        ]


def ward(*rules: Rule, search: Any = None, settings: dict[str, Any] | None = None, **options: Any) -> Ward:
    """A ward with a scripted chat model; identifiers are not scrubbed unless the settings say so."""
    return Ward(
        chat=scripted(*rules),
        search=search,
        settings=RoundSettings(**{"deidentify": False} | (settings or {})),
        model_ids={"chat": "scripted@1"},
        **options,
    )


def answering(answer: str, probabilities: dict[str, float]) -> list[Rule]:
    """Rules of a model that gives every form this answer and every label call these probabilities."""
    return [
        Rule(pattern=ASKS_LABEL, probabilities=probabilities),
        Rule(has_schema=True, anywhere=r"\nEvidence:\n", reply=form(answer, citations=[])),
        Rule(has_schema=True, reply=form(answer)),
    ]
