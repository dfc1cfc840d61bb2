"""A run opened: who was asked what, what came back, at what cost, and how it ended."""

import json

from graphs.trajectory import Header, Step, Trajectory
from ui.panels.timeline import NODE_WORDS
from ui.render import Html, count, join, plural, role_name, seconds, tag

_LONGEST = 12_000


def run_label(header: Header) -> str:
    """One line for a list of runs."""
    return f"{header.started:%Y-%m-%d %H:%M} · {header.case_id} · {header.strategy}"


def render(trajectory: Trajectory) -> Html:
    """The whole run: header, steps with prompts and replies, outcome, feedback."""
    header, result = trajectory.header, trajectory.result
    rows = [
        ("Run", header.id),
        ("Case", header.case_id),
        ("Strategy", header.strategy),
        ("Models", ", ".join(f"{role}: {name}" for role, name in header.models.items())),
        ("Index", header.index_manifest or "none"),
        ("Code", header.code_version),
        ("De-identified", "yes" if header.is_deidentified else "no"),
        ("Started", f"{header.started:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    if result is None:
        rows.append(("Outcome", "cut off before it ended"))
    else:
        verdict = result.verdict
        rows.append(
            ("Outcome", f"{verdict.outcome.value}: {verdict.answer or verdict.reason}" if verdict else result.error)
        )
        for feedback in result.feedback:
            said = [f"thumb {feedback.thumb}" if feedback.thumb else "", feedback.correction, feedback.comment]
            rows.append(("Feedback", "; ".join(part for part in said if part)))
    return tag(
        "article",
        tag(
            "section",
            tag("dl", join(join((tag("dt", name), tag("dd", value))) for name, value in rows if value), cls="wr-facts"),
            cls="wr-card",
        ),
        tag(
            "section",
            tag("h3", plural(len(trajectory.steps), "step"), cls="wr-eyebrow"),
            *(_step(step, trajectory) for step in trajectory.steps),
            cls="wr-card wr-steplist",
        ),
        cls="wr-trajectory",
    )


def _step(step: Step, trajectory: Trajectory) -> Html:
    name = NODE_WORDS.get(step.node, (role_name(step.node), ""))[0]
    who = f"{name}: {role_name(step.role)}" if step.role and step.role != step.node else name
    usage = step.usage
    cost = f"{count(usage.tokens)} tokens · {seconds(usage.seconds)}" if usage.calls else ""
    body = [_message(trajectory, id_, is_reply=False) for id_ in step.prompt]
    if step.reply:
        body.append(_message(trajectory, step.reply, is_reply=True))
    if step.output:
        output = json.dumps(step.output, indent=1, ensure_ascii=False)[:_LONGEST]
        body.append(
            tag("details", tag("summary", "Structured result"), tag("pre", output, cls="wr-json"), cls="wr-more")
        )
    if step.evidence_ids:
        body.append(tag("p", "Evidence: ", ", ".join(step.evidence_ids), cls="wr-muted"))
    return tag(
        "details",
        tag(
            "summary", tag("span", str(step.index), cls="wr-muted"), tag("span", who), tag("span", cost, cls="wr-muted")
        ),
        tag("p", "Failed: ", step.error, cls="wr-failure") if step.error else None,
        *(body or [tag("p", "No model was asked.", cls="wr-muted")]),
        cls="wr-step" if step.prompt else "wr-step wr-step-quiet",
    )


def _message(trajectory: Trajectory, id_: str, *, is_reply: bool) -> Html:
    message = trajectory.messages.get(id_)
    if message is None:
        return tag("p", f"message {id_} is not in the store", cls="wr-failure")
    images = f" · {plural(len(message.images), 'image')}" if message.images else ""
    text = message.content
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + f"\n… {len(text) - _LONGEST} characters more; export the run to read them"
    return tag(
        "div",
        tag("h4", ("Reply" if is_reply else message.role) + images),
        tag("pre", text),
        cls="wr-message wr-message-reply" if is_reply else "wr-message",
    )
