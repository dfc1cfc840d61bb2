"""What every uniform record has: id, question, options, images, patient, licence and the reference answer."""

from pathlib import Path
from typing import Any

from cases.case import Gold, Media, Patient
from cases.errors import CaseError
from cases.media_types import kind_of_path

Row = dict[str, Any]

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


def shared_fields(row: Row, folder: Path) -> dict[str, Any]:
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
        "media": media_of(row, folder),
        "patient": _patient(meta),
        "language": meta.get("lang") or meta.get("lang_question") or "en",
        "source": row.get("source") or "",
        "split": row.get("split") or "",
        "licence": meta.get("license") or LICENCES.get(prefix) or LICENCES.get(prefix.rsplit("-", 1)[0]),
        "meta": meta,
        "gold": gold_of(row),
    }


def gold_of(row: Row, **details: Any) -> Gold | None:
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


def media_of(row: Row, folder: Path) -> tuple[Media, ...]:
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
