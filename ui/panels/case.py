"""The case as it was given, with everything that the agents will read."""

from cases.case import Case, Finding, Patient, Visit
from ui.render import Html, join, tag


def case_summary(case: Case, thumbnails: list[str]) -> Html:
    """The case as it was given, above the panel's work. `thumbnails` are data URLs in the order of the media."""
    images = tag(
        "div",
        *(
            tag("img", src=url, alt=media_label(case, index), title=media_label(case, index), loading="lazy")
            for index, url in enumerate(thumbnails)
        ),
        cls="wr-thumbs",
    )
    options = tag(
        "ul",
        *(tag("li", tag("b", label), " ", text) for label, text in (case.options or {}).items()),
        cls="wr-options",
    )
    first = " ".join((case.context or case.question).split())
    return tag(
        "details",
        tag(
            "summary",
            tag("span", "Case", cls="wr-eyebrow"),
            tag("span", first, cls="wr-casehead wr-muted"),
        ),
        _patient(case.patient),
        *(_visit(number, visit) for number, visit in enumerate(case.visits, 1)),
        tag("p", case.context, cls="wr-casetext") if case.context else None,
        tag("p", case.question, cls="wr-casetext"),
        options if case.options else None,
        images if thumbnails else None,
        open=bool(thumbnails),
        cls="wr-card wr-case",
        aria_label="The case",
    )


def previews(case: Case, thumbnails: list[str]) -> Html:
    """The images that come with an example, under the form."""
    return tag(
        "div",
        *(
            tag("img", src=url, alt=media_label(case, i), title=media_label(case, i))
            for i, url in enumerate(thumbnails)
        ),
        cls="wr-thumbs",
    )


def media_label(case: Case, index: int) -> str:
    """'CR chest PA', or the file's name where nothing is known of the image."""
    media = case.all_media[index]
    known = " ".join(part for part in (media.modality, media.body_region, media.view) if part)
    return known or media.path.name


def _patient(patient: Patient) -> Html | None:
    facts = [
        f"{patient.age_years:g} years" if patient.age_years is not None else "",
        patient.sex or "",
        "pregnant" if patient.is_pregnant else "",
        f"{patient.weight_kg:g} kg" if patient.weight_kg else "",
        f"{patient.height_cm:g} cm" if patient.height_cm else "",
    ]
    rows = [
        ("Patient", ", ".join(fact for fact in facts if fact)),
        ("History", "; ".join(patient.history)),
        ("Medication", "; ".join(patient.medications)),
        ("Allergies", "; ".join(patient.allergies)),
    ]
    shown = [join((tag("dt", name), tag("dd", text))) for name, text in rows if text]
    return tag("dl", *shown, cls="wr-facts") if shown else None


def _visit(number: int, visit: Visit) -> Html:
    when = visit.day.isoformat() if visit.day else ""
    if not when and visit.offset_days is not None:
        when = f"day {visit.offset_days:g}"
    findings = "; ".join(_finding(finding) for finding in visit.findings)
    return tag(
        "p",
        tag("strong", f"Visit {number}" + (f", {when}" if when else "")),
        f": {findings}." if findings else ".",
        f" {visit.note}" if visit.note else None,
    )


def _finding(finding: Finding) -> str:
    value = (
        ""
        if finding.value is None
        else f" {finding.value:g}"
        if isinstance(finding.value, float)
        else f" {finding.value}"
    )
    unit = f" {finding.unit}" if finding.unit else ""
    note = f" ({finding.note})" if finding.note else ""
    return f"{'' if finding.is_present else 'no '}{finding.name}{value}{unit}{note}"
