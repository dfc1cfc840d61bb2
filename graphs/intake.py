"""The door: what may enter a graph, what is looked at first, and when a person must act at once."""

import asyncio
from typing import Any

from agents import imaging
from agents.opinion import CriticNote, Outcome, Quorum, Verdict
from agents.ward import RoundSettings
from cases.case import Case
from graphs.run import Event, Run, node
from graphs.state import RunState
from knowledge.red_flags import Severity, find_red_flags


def admit(case: Case, settings: RoundSettings) -> Case:
    """The case as it may enter: without gold and `meta`, and without identifiers unless the settings allow them.

    It runs before the graph does, so that neither the log nor a checkpoint ever holds what it removes.
    """
    blinded = case.blinded()
    if not settings.deidentify:
        return blinded
    from cases.deidentify import deidentify_case

    return deidentify_case(blinded).blinded()


@node("intake")
async def intake(state: RunState, run: Run) -> dict[str, Any]:
    """Check the media, look for red flags, and release an emergency notice in the same step where one is due."""
    case = state["case"]
    settings = run.desk.ward.settings
    checks = await asyncio.to_thread(imaging.check_media, case)
    flags = find_red_flags(case)
    update: dict[str, Any] = {"checks": checks, "safety_flags": tuple(flag.message for flag in flags)}
    unreadable = [check for check in checks if not check.is_usable]
    update["notes"] = [CriticNote(kind="safety", message=f"{flag.message}. {flag.action}") for flag in flags]
    if unreadable:
        problems = "; ".join(f"image {check.number}: {check.problem}" for check in unreadable)
        update["notes"].append(CriticNote(kind="missing", message=f"not read: {problems}"))
    urgent = [flag for flag in flags if flag.severity is Severity.EMERGENCY]
    for flag in flags:
        run.emit(Event(node="intake", kind="note", text=flag.message, data=flag.model_dump(mode="json")))
    if urgent and settings.emergency_stops:
        update["route"] = "emergency"
        update["verdict"] = Verdict(
            case_id=case.id,
            strategy=run.strategy,
            outcome=Outcome.EMERGENCY,
            rationale=" ".join(f"{flag.message}. {flag.action}" for flag in urgent),
            safety_flags=update["safety_flags"],
            critic_notes=tuple(
                CriticNote(kind="safety", message=f"{flag.message} ({flag.source})", severity="critical")
                for flag in urgent
            ),
            quorum=Quorum(asked=0, answered=0),
            reason="a red flag needs a person now; no model was asked",
            route="emergency",
        )
        run.emit(Event(node="intake", kind="verdict", text=update["verdict"].rationale))
    return update


def is_released(state: RunState) -> bool:
    """True once a verdict stands, so that the graph ends early."""
    return state.get("verdict") is not None
