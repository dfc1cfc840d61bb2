"""The uniform research record (one JSON object per line) as a `Case`.

Fields: id, task, question, context, options, answer, answer_idx, images, source, source_id, split, explanation, meta.
Whatever tells the answer goes to `Gold`; everything else that an agent need not know goes to `meta`, which
`Case.blinded` drops. Image sets name their files and records after the diagnosis, so their ids are replaced by a hash.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cases.case import Case, Gold, Media, Patient, TaskKind, Visit
from cases.errors import CaseError
from cases.image_questions import DR_GRADES, DR_OPTIONS, chest_options, chest_question, humanise
from cases.media_types import kind_of_path

Row = dict[str, Any]

UNIFORM_KEYS = frozenset({"answer", "answer_idx", "source_id", "explanation", "images"})
DIAGNOSIS_QUESTION = "What is the most likely diagnosis?"
CORRECTION_QUESTION = (
    "The note is given as numbered sentences. At most one of them is clinically wrong. Reply CORRECT if none is; "
    "otherwise reply with that sentence's number and the whole corrected sentence, as 'N: sentence'."
)

LICENCES = {
    "medqa": "MIT", "medmcqa": "MIT", "pubmedqa": "MIT", "mmlu": "MIT", "mmlu-pro": "MIT", "medxpertqa": "MIT",
    "careqa": "Apache-2.0", "bioasq": "CC BY 2.5", "afrimedqa": "CC BY-NC-SA 4.0", "medcalc": "CC BY-SA 4.0",
    "medec": "CC BY 4.0", "medrect-ja": "MIT", "craftmd": "CC BY 4.0", "agentclinic-medqa": "MIT", "bccd": "MIT",
    "busi": "research with citation", "drfundus": "academic use with attribution", "vqarad": "CC0 (text)",
    "mts": "CC BY 4.0", "huatuo-o1-demo": "Apache-2.0", "komed": "CC BY-NC 2.0",
}  # fmt: skip
"""Licence of a record by the first part of its id; a set without an entry has no licence statement."""

_IMAGE_FACTS: dict[str, dict[str, str]] = {
    "brainmri": {"modality": "MR", "body_region": "brain"},
    "busi": {"modality": "US", "body_region": "breast"},
    "drfundus": {"modality": "fundus photograph", "body_region": "eye"},
    "bccd": {"modality": "light microscopy", "body_region": "blood smear"},
    "covidcxr": {"modality": "X-ray", "body_region": "chest"},
    "covidseries": {"modality": "X-ray", "body_region": "chest"},
}
_NAMED_AFTER_THE_ANSWER = ("img_cls", "cxr_label")
_NEUTRAL_SETS = {"covidcxr": "cxr", "covidseries": "cxrseries"}
"""Sets whose very name tells most of their answers: another first part of the id, and no name of the source."""


def is_uniform(row: Row) -> bool:
    """Whether the row is of this format rather than a `Case` of ours."""
    return bool(UNIFORM_KEYS & row.keys()) or {"image", "caption"} <= row.keys()


def case_from_uniform(row: Row, folder: Path) -> Case:
    """One row as a case; image paths are relative to `folder`.

    Raises CaseError for an unknown task or a missing image, and pydantic's ValidationError for what `Case` refuses.
    """
    if "caption" in row and "task" not in row:
        row = {**row, "task": "caption", "images": [row["image"]], "answer": row["caption"]}
    task = row.get("task") or ("mcq" if row.get("options") else "open_qa")
    try:
        build = _BUILDERS[task]
    except KeyError:
        raise CaseError(f"unknown task {task!r}", remedy=f"use one of {', '.join(_BUILDERS)}") from None
    fields = _shared_fields(row, folder) | build(row, folder)
    return Case(**_neutral(fields, task))


def _neutral(fields: Row, task: str) -> Row:
    """The fields with an id and a source that do not tell the answer; the originals stay in `meta`."""
    prefix, _, rest = fields["id"].partition(":")
    if task in _NAMED_AFTER_THE_ANSWER and rest:
        rest = hashlib.sha256(fields["id"].encode()).hexdigest()[:12]
        fields["id"] = f"{prefix}:{rest}"
    if prefix in _NEUTRAL_SETS:
        fields["meta"] = fields["meta"] | {"record_source": fields["source"]}
        fields |= {"id": f"{_NEUTRAL_SETS[prefix]}:{rest}", "source": "chest radiographs"}
    return fields


def _shared_fields(row: Row, folder: Path) -> dict[str, Any]:
    prefix = str(row.get("id", "")).split(":", 1)[0]
    meta = dict(row.get("meta") or {})
    meta |= {"record_id": row.get("id"), "record_task": row.get("task")}
    if row.get("source_id") is not None:
        meta["source_id"] = row["source_id"]
    return {
        "id": str(row.get("id") or ""),
        "question": row.get("question") or "",
        "context": row.get("context"),
        "options": row.get("options") or None,
        "media": _media(row, folder),
        "patient": _patient(meta),
        "language": meta.get("lang") or meta.get("lang_question") or "en",
        "source": row.get("source") or "",
        "split": row.get("split") or "",
        "licence": meta.get("license") or LICENCES.get(prefix) or LICENCES.get(prefix.rsplit("-", 1)[0]),
        "meta": meta,
        "gold": _gold(row),
    }


def _gold(row: Row, **details: Any) -> Gold | None:
    label, text = row.get("answer_idx"), row.get("answer")
    if label is None and text is None and not details:
        return None
    details = {name: value for name, value in details.items() if value is not None}
    text = None if text is None else str(text)
    return Gold(label=label, text=text, explanation=row.get("explanation"), details=details)


def _patient(meta: Row) -> Patient:
    """Age and sex where the record tells them; ages over 89 become 90."""
    told = meta["patient"] if isinstance(meta.get("patient"), dict) else meta
    images = [image for image in meta.get("images") or () if isinstance(image, dict)]
    age, sex = told.get("age"), told.get("sex") or told.get("gender")
    if images:
        age, sex = age or images[0].get("age"), sex or images[0].get("sex")
    sexes = {"m": "male", "male": "male", "f": "female", "female": "female"}
    return Patient(age_years=_years(age), sex=sexes.get(str(sex).strip().lower()))  # type: ignore[arg-type]


def _years(age: Any) -> float | None:
    """A plain number, or "29 years"; months and free text are left unread."""
    words = str(age).split() if age is not None else []
    if not words or (len(words) > 1 and not words[1].lower().startswith("year")):
        return None
    try:
        years = float(words[0])
    except ValueError:
        return None
    return min(years, 90.0) if 0 <= years <= 130 else None


def _media(row: Row, folder: Path) -> tuple[Media, ...]:
    prefix = str(row.get("id", "")).split(":", 1)[0]
    meta = row.get("meta") or {}
    facts = _IMAGE_FACTS.get(prefix, {})
    told = {image.get("image"): image for image in meta.get("images") or () if isinstance(image, dict)}
    licence = meta.get("license") or LICENCES.get(prefix)
    media = []
    for name in row.get("images") or ():
        image = told.get(name, {})
        media.append(
            existing_medium(
                folder / name,
                modality=facts.get("modality") or image.get("type") or row.get("modality"),
                body_region=facts.get("body_region") or image.get("location_category") or row.get("location_category"),
                view=meta.get("view") or _lower(image.get("plane")),
                licence=licence,
            )
        )
    return tuple(media)


def existing_medium(path: Path, **facts: Any) -> Media:
    """A reference to a file that is there. Raises CaseError naming the path."""
    if not path.is_file():
        raise CaseError(f"image not found: {path}", remedy="put the file there, or correct the path in the record")
    return Media(kind=kind_of_path(path), uri=str(path), **facts)


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None


def _choice(row: Row, folder: Path) -> Row:
    return {"task": TaskKind.CHOICE}


def _choice_with_reasoning(row: Row, folder: Path) -> Row:
    meta = row.get("meta") or {}
    return {"task": TaskKind.CHOICE, "gold": _gold(row, reasoning=meta.get("reasoning"))}


def _short(row: Row, folder: Path) -> Row:
    exact = (row.get("meta") or {}).get("exact_answer")
    return {"task": TaskKind.SHORT, "gold": _gold(row, exact_answer=exact)}


def _calculation(row: Row, folder: Path) -> Row:
    """Bounds: the corrected ones where the label was corrected. A label "nan" means that no value follows."""
    meta = row.get("meta") or {}
    bounds = {
        side: meta.get(f"corrected_{side}") if meta.get("corrected_answer") else meta.get(side)
        for side in ("lower", "upper")
    }
    details = bounds | {"calculator": meta.get("calculator"), "output_type": meta.get("output_type")}
    if str(row.get("answer")).lower() == "nan":
        row, details = row | {"answer": None}, details | {"is_not_computable": True}
    return {"task": TaskKind.CALCULATION, "gold": _gold(row, **details)}


def _error_correction(row: Row, folder: Path) -> Row:
    """The note becomes the numbered context; gold is "CORRECT" or "N: corrected sentence"."""
    meta = row.get("meta") or {}
    is_wrong = bool(meta.get("error_flag"))
    if is_wrong and (meta.get("error_sentence_id") is None or row.get("answer") is None):
        remedy = "say which sentence is wrong and what is right, or leave the record out"
        raise CaseError("error_flag is set, but error_sentence_id or the answer is missing", remedy=remedy)
    number = int(meta["error_sentence_id"]) if is_wrong else None
    details = {
        "is_wrong": is_wrong,
        "sentence_id": number,
        **{name: meta.get(name) for name in ("error_type", "error_sentence", "corrected_text")},
    }
    text = f"{number}: {' '.join(row['answer'].split())}" if is_wrong else "CORRECT"
    return {
        "task": TaskKind.ERROR_CORRECTION,
        "question": CORRECTION_QUESTION,
        "context": (meta.get("sentences") or row.get("question") or "").replace("\r\n", "\n").strip(),
        "gold": _gold(row | {"answer": text}, **details),
    }


def _interactive_choice(row: Row, folder: Path) -> Row:
    return {"task": TaskKind.INTERACTIVE}


def _interactive_diagnosis(row: Row, folder: Path) -> Row:
    """The whole case is the context; the script that a simulated patient plays stays in `gold.details`."""
    meta = dict(row.get("meta") or {})
    fields = _shared_fields(row, folder)
    fields["meta"].pop("osce", None)
    return {
        "task": TaskKind.INTERACTIVE,
        "context": row.get("question"),
        "question": DIAGNOSIS_QUESTION,
        "meta": fields["meta"],
        "gold": _gold(row, osce=meta.get("osce")),
    }


def _dialogue(row: Row, folder: Path) -> Row:
    section = (row.get("meta") or {}).get("section")
    return {
        "task": TaskKind.REPORT,
        "question": f"Write the {section or 'clinical'} section of the medical note for this conversation.",
        "context": row.get("question"),
    }


def _image_case(row: Row, folder: Path) -> Row:
    """The vignette is the context; the three rows without one leave the images to speak."""
    meta = row.get("meta") or {}
    told = {name: meta.get(name) for name in ("title", "findings", "differential", "treatment")}
    return {
        "task": TaskKind.CHOICE if row.get("options") else TaskKind.OPEN_DIAGNOSIS,
        "context": row.get("question"),
        "question": DIAGNOSIS_QUESTION,
        "gold": _gold(row, **told),
    }


def _visual_question(row: Row, folder: Path) -> Row:
    is_yes_no = str(row.get("answer")).strip().lower() in ("yes", "no")
    return {"task": TaskKind.YES_NO if is_yes_no else TaskKind.SHORT}


def _image_class(row: Row, folder: Path) -> Row:
    """Options in words; the ten retinopathy grades where the set gives none."""
    options, named = row.get("options") or {}, row.get("answer")
    if not options and named in DR_GRADES:
        options = dict(zip("ABCDEFGHIJ", DR_OPTIONS, strict=True))
        grade = DR_GRADES.index(named)
        row = row | {"answer_idx": "ABCDEFGHIJ"[grade], "answer": DR_OPTIONS[grade]}
    task = TaskKind.CHOICE if options else TaskKind.SHORT
    gold = _gold(row | {"answer": humanise(row.get("answer"))}, class_name=named)
    return {
        "task": task,
        "options": {label: humanise(text) for label, text in options.items()} or None,
        "gold": gold,
    }


def _chest_label(row: Row, folder: Path) -> Row:
    """A radiograph with a finding is a choice of causes where the finding is one of them; without one, a report."""
    fields = _shared_fields(row, folder)
    label, options = chest_options(row.get("answer"))
    view = (row.get("meta") or {}).get("view")
    if row.get("answer") is None:
        task = TaskKind.REPORT
    else:
        task = TaskKind.CHOICE if label else TaskKind.OPEN_DIAGNOSIS
    question = chest_question(task is TaskKind.REPORT, view, fields["patient"])
    gold = _gold(
        row | {"answer_idx": label, "answer": options[label] if label else row.get("answer")}, finding=row.get("answer")
    )
    return {
        "task": task,
        "question": row.get("question") or question,
        "options": options if label else None,
        "gold": gold if row.get("answer") else None,
    }


def _series(row: Row, folder: Path) -> Row:
    """One visit per image, at its day offset; the sources' notes name the disease and stay out of the visits."""
    meta = row.get("meta") or {}
    media, days = _media(row, folder), meta.get("offset_days") or []
    views = meta.get("views") or []
    visits = tuple(
        Visit(
            offset_days=days[i] if i < len(days) else None,
            media=(medium.model_copy(update={"view": views[i] if i < len(views) else None}),),
        )
        for i, medium in enumerate(media)
    )
    asked = "What is the most likely diagnosis, and how does the disease change over time?"
    changed = "Describe how the findings change over time."
    return {
        "task": TaskKind.OPEN_DIAGNOSIS if row.get("answer") else TaskKind.TEMPORAL_CHANGE,
        "question": f"Chest radiographs of one patient in order of time. {asked if row.get('answer') else changed}",
        "media": (),
        "visits": visits,
    }


def _count(row: Row, folder: Path) -> Row:
    return {
        "task": TaskKind.COUNT,
        "question": "Blood smear under the light microscope. Count the red cells (RBC), white cells (WBC) and "
        'platelets in the whole field. Reply as JSON: {"RBC": n, "WBC": n, "Platelets": n}.',
        "gold": _gold(row, counts=(row.get("meta") or {}).get("counts")),
    }


def _caption(row: Row, folder: Path) -> Row:
    kept = {name: row.get(name) for name in ("case", "modality", "location_category")}
    return {
        "task": TaskKind.REPORT,
        "question": "Describe the findings in this image in one or two sentences.",
        "meta": kept | {"record_id": row.get("id"), "record_task": "caption"},
    }


_BUILDERS: dict[str, Callable[[Row, Path], Row]] = {
    "mcq": _choice,
    "mcq_cot": _choice_with_reasoning,
    "open_qa": _short,
    "calculation": _calculation,
    "error_correction": _error_correction,
    "interactive_mcq": _interactive_choice,
    "interactive_dx": _interactive_diagnosis,
    "dialogue_to_note": _dialogue,
    "mm_case_dx": _image_case,
    "vqa": _visual_question,
    "img_cls": _image_class,
    "cxr_label": _chest_label,
    "temporal_series": _series,
    "detection_count": _count,
    "caption": _caption,
}

__all__ = ["DIAGNOSIS_QUESTION", "LICENCES", "case_from_uniform", "existing_medium", "is_uniform"]
