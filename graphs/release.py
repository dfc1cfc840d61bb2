"""The end every strategy shares: locate the citations of the final opinion, conclude, and say so."""

from typing import Any

from agents import critic
from agents.conclude import conclude
from agents.opinion import AgentFailure, FailureKind
from cases.case import Case
from cases.evidence import Evidence
from graphs.run import Event, Run, node
from graphs.state import RunState
from models.usage import Usage


@node("verify")
async def verify(state: RunState, run: Run) -> dict[str, Any]:
    """Locate what the final opinion quotes, and check its numbers."""
    del run
    final = state.get("final")
    if final is None:
        return {}
    evidence = state.get("evidence", ())
    checked = critic.verified(final, evidence)
    return {"final": checked, "notes": list(critic.review_final(state["case"], checked, evidence))}


@node("release")
async def release(state: RunState, run: Run) -> dict[str, Any]:
    """The verdict from what is there; whoever failed is named in it."""
    verdict = conclude(
        state["case"],
        run.strategy,
        run.desk.ward.settings,
        final=state.get("final"),
        panel=state.get("panel", ()),
        first=state.get("first"),
        evidence=state.get("evidence", ()),
        asked=state.get("asked", ()),
        failures=state.get("failures", ()),
        notes=state.get("notes", ()),
        safety_flags=state.get("safety_flags", ()),
        route=state.get("route", ""),
    )
    usage = state.get("usage", Usage())
    verdict = verdict.model_copy(update={"usage": usage, "baseline_usage": state.get("baseline_usage", usage)})
    run.emit(
        Event(
            node="release", kind="verdict", text=verdict.answer or verdict.reason, data=verdict.model_dump(mode="json")
        )
    )
    return {"verdict": verdict}


async def find_evidence(run: Run, case: Case) -> tuple[tuple[Evidence, ...], list[AgentFailure]]:
    """Passages for the case's question from the ward's search; a search that fails is a typed failure."""
    import asyncio

    from agents.prompts import shorten

    ward, settings = run.desk.ward, run.desk.ward.settings
    if ward.search is None or settings.evidence_k == 0 or settings.retrieve == "never":
        return (), []
    query = shorten(" ".join(filter(None, [case.context, case.question])), 300)
    found, failure = await run.attempt("search", asyncio.to_thread(ward.search.search, query, settings.evidence_k))
    if failure is not None:
        return (), [failure.model_copy(update={"kind": FailureKind.TOOL})]
    for piece in found:
        run.emit(
            Event(
                node="search", kind="evidence", text=piece.title, data=piece.model_dump(mode="json", exclude={"media"})
            )
        )
    return tuple(found), []
