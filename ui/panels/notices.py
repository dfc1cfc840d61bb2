"""What stays in view: the intended-use notice, the mode label, and messages about a request that cannot be done."""

from cases.errors import WardroundError
from ui.render import Html, join, tag

INTENDED_USE = "Research decision support. Not a medical device. A person decides."


def header(mode: Html) -> Html:
    """The bar at the top of the page."""
    return tag(
        "header",
        tag(
            "div",
            tag("span", "wardround", cls="wr-brand"),
            tag("span", "A panel of clinical agents that shows its evidence", cls="wr-tagline"),
            cls="wr-brandline",
        ),
        tag(
            "div",
            mode,
            tag("p", tag("strong", "Research decision support."), " Not a medical device. A person decides."),
            cls="wr-notice",
            role="note",
            aria_label="Intended use",
        ),
        cls="wr-header",
    )


def mode_label(has_images: bool) -> Html:
    """Text-only and image mode are different functions to a regulator; the page says which one is on."""
    if has_images:
        return tag(
            "span", "Image mode", cls="wr-mode wr-mode-image", title="A model reads images: never use it for care"
        )
    return tag("span", "Text-only mode", cls="wr-mode", title="No image is analysed")


def error_notice(error: WardroundError) -> Html:
    """What was wrong, where, and the remedy."""
    return tag(
        "section",
        tag("h3", "This could not be done"),
        tag("p", error.what),
        tag("p", "Where: ", error.where, cls="wr-muted") if error.where else None,
        tag("p", tag("strong", "What to do: "), error.remedy) if error.remedy else None,
        cls="wr-card wr-error",
        role="alert",
    )


def empty_state() -> Html:
    """Shown before the first case."""
    steps = (
        ("Give a case", "Type or paste it, add images or DICOM, or load an example."),
        ("Watch the panel", "Triage, specialists, a critic and an attending, each with its evidence, live."),
        ("Check the verdict", "Open every citation, read the dissent, see what would change the answer."),
    )
    return tag(
        "section",
        tag("h2", "No case yet"),
        tag("ol", *(tag("li", tag("strong", name), tag("span", text)) for name, text in steps), cls="wr-steps"),
        cls="wr-card wr-empty",
    )


def saved(thumb: str | None, correction: str) -> Html:
    """Feedback was stored, and what of it."""
    said = {"up": "You agreed", "down": "You disagreed"}.get(thumb or "", "Noted")
    return tag("p", f"{said}. Saved with the run", " with your correction." if correction else ".", cls="wr-saved",
               role="status")  # fmt: skip


def no_runs() -> Html:
    """Shown where there is no run to open."""
    return tag(
        "section",
        tag("h2", "No run opened"),
        tag("p", "Runs of this session are listed here with every prompt and reply.", cls="wr-muted"),
        cls="wr-card",
    )


def about(rows: list[tuple[str, str]]) -> Html:
    """The page that says what this is for, what it is not for, and what is in force."""
    return tag(
        "div",
        tag(
            "section",
            tag("h2", "What this is for"),
            tag(
                "ul",
                tag("li", "Research on clinical reasoning with open models, by people who can check the answer."),
                tag("li", "A second reading whose every claim can be opened at its source."),
            ),
            tag("h2", "When not to use it"),
            tag(
                "ul",
                tag("li", "Never for the care of a patient, and never in an emergency: call the emergency number."),
                tag("li", "Not in image mode for anything but research: reading images makes it a device function."),
                tag("li", "Not with identifiable patient data, unless your institution has agreed to it."),
                tag("li", "Not as the only reader: agents agree with each other and can be wrong together."),
            ),
            tag("h2", "What a citation mark means"),
            tag(
                "ul",
                tag("li", tag("strong", "Verified: "), "the quoted words stand in the source that is cited."),
                tag("li", tag("strong", "Unverified: "), "they were not found there. Read that claim as unsupported."),
                tag("li", "Verified does not mean true, nor that the source applies to this patient."),
            ),
            cls="wr-card wr-about",
        ),
        tag(
            "section",
            tag("h2", "In force here"),
            tag("dl", join(join((tag("dt", name), tag("dd", value))) for name, value in rows), cls="wr-facts"),
            cls="wr-card wr-about",
        ),
        cls="wr-aboutgrid",
    )
