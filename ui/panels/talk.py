"""The conversation about a case."""

from collections.abc import Sequence

from ui.followup import Turn
from ui.render import Html, prose, tag


def thread(turns: Sequence[Turn], live: str | None = None) -> Html:
    """What was said; `live` is the answer that is being written ('' before its first word)."""
    items = [_turn(turn.role, turn.text) for turn in turns]
    if live is not None:
        items.append(_turn("model", live or "…"))
    if not items:
        return Html("")
    return tag("ol", *items, cls="wr-thread", role="log", aria_live="polite", aria_label="Conversation about the case")


def asked(question: str) -> Turn:
    """A question as the visitor typed it, before anything is done with it."""
    return Turn(role="user", text=question.strip())


def _turn(role: str, text: str) -> Html:
    if role == "user":
        return tag("li", text, cls="wr-said-user")
    by = tag("span", "Model, from the case, the verdict and its evidence", cls="wr-by")
    return tag("li", by, prose(text), cls="wr-said-model")
