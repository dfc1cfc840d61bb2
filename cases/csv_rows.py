"""Cases from a table: columns id, question, context, options (JSON) or A to Z, answer, images, task, and facts."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cases.case import Case, Gold, Media, Patient, TaskKind, problems_of
from cases.choices import normalise
from cases.errors import CaseError, WardroundError
from cases.text_files import MAX_RECORD_BYTES, numbered_lines
from cases.uniform_fields import existing_medium

_LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IMAGE_COLUMNS = ("image", "images", "image_path", "image_paths")
_KNOWN = {"id", "question", "context", "options", "answer", "answer_idx", "task", "age", "sex", "source", "split"}


def rows_of_csv(path: Path) -> Iterator[tuple[str, Case] | WardroundError]:
    """One case per row. Paths are relative to the table; several are separated by ";"."""
    csv.field_size_limit(MAX_RECORD_BYTES)
    refused: list[CaseError] = []
    reader = csv.DictReader(_lines(path, refused), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        columns = [(name or "").strip() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise CaseError(f"cannot read the header: {error}", where=f"{path}:1", remedy="save it as plain CSV") from error
    if refused:
        raise refused[0]
    if "question" not in [name.lower() for name in columns]:
        remedy = "the first line must name the columns, among them: question"
        raise CaseError(f"no column 'question' among {columns}", where=f"{path}:1", remedy=remedy)
    reader.fieldnames = [name if name in _LABELS else name.lower() for name in columns]
    while True:
        try:
            row = next(reader)
        except StopIteration:
            yield from refused
            return
        except csv.Error as error:
            yield CaseError(f"malformed CSV: {error}", where=f"{path}:{reader.line_num}", remedy="check the quotes")
            continue
        yield from refused
        refused.clear()
        yield _case(row, path, reader.line_num)


def _lines(path: Path, refused: list[CaseError]) -> Iterator[str]:
    for _, line in numbered_lines(path):
        if isinstance(line, CaseError):
            refused.append(line)
        else:
            yield line


def _case(row: dict[str, Any], path: Path, line: int) -> tuple[str, Case] | CaseError:
    record_id = (row.get("id") or "").strip() or f"{path.stem}-{line}"
    where = f"{path}:{line} (record {record_id[:80]!r})"
    if None in row:
        return CaseError("more fields than columns", where=where, remedy="quote fields that hold a comma")
    try:
        options = _options(row)
        case = Case(
            id=record_id,
            question=row.get("question") or "",
            context=row.get("context") or None,
            options=options,
            task=_task(row, options),
            media=_media(row, path.parent),
            patient=_patient(row),
            source=row.get("source") or path.name,
            split=row.get("split") or "",
            meta={name: value for name, value in row.items() if _is_fact(name) and value},
            gold=_gold(row, options),
        )
        return where, case
    except CaseError as error:
        return CaseError(error.what, where=where, remedy=error.remedy)
    except ValidationError as error:
        return CaseError(problems_of(error), where=where, remedy="see docs/cases.md for the columns")


def _is_fact(name: str) -> bool:
    return name not in _KNOWN and name not in _IMAGE_COLUMNS and not (len(name) == 1 and name in _LABELS)


def _options(row: dict[str, Any]) -> dict[str, str] | None:
    text = (row.get("options") or "").strip()
    if not text:
        return {label: row[label].strip() for label in _LABELS if (row.get(label) or "").strip()} or None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CaseError("column options is not JSON", remedy='write {"A": "...", "B": "..."}') from error
    if isinstance(value, list):
        return {label: str(option) for label, option in zip(_LABELS, value, strict=False)}
    if isinstance(value, dict):
        return {str(label): str(option) for label, option in value.items()}
    raise CaseError("column options is neither a JSON object nor a list", remedy='write {"A": "...", "B": "..."}')


def _task(row: dict[str, Any], options: dict[str, str] | None) -> TaskKind:
    name = (row.get("task") or "").strip().lower()
    if not name:
        return TaskKind.CHOICE if options else TaskKind.OPEN_DIAGNOSIS
    try:
        return TaskKind(name)
    except ValueError:
        raise CaseError(f"unknown task {name!r}", remedy=f"use one of {', '.join(TaskKind)}") from None


def _gold(row: dict[str, Any], options: dict[str, str] | None) -> Gold | None:
    answer = (row.get("answer_idx") or row.get("answer") or "").strip()
    if not answer:
        return None
    if not options:
        return Gold(text=answer)
    labels = [part.strip().upper() for part in answer.split(",")]
    if all(label in options for label in labels):
        return Gold(label=",".join(labels), text=options[labels[0]] if len(labels) == 1 else None)
    same = [label for label, text in options.items() if normalise(text) == normalise(answer)]
    if len(same) == 1:
        return Gold(label=same[0], text=options[same[0]])
    known = ", ".join(options)
    raise CaseError("the answer is neither an option's label nor its text", remedy=f"give one of the labels {known}")


def _media(row: dict[str, Any], folder: Path) -> tuple[Media, ...]:
    names = [name.strip() for column in _IMAGE_COLUMNS for name in (row.get(column) or "").split(";")]
    facts = {name: row.get(name) or None for name in ("modality", "body_region", "view")}
    return tuple(existing_medium(folder / name, **facts) for name in names if name)


def _patient(row: dict[str, Any]) -> Patient:
    sexes = {"m": "male", "male": "male", "f": "female", "female": "female", "other": "other"}
    age, sex = (row.get("age") or "").strip(), (row.get("sex") or "").strip().lower()
    try:
        years = min(float(age), 90.0) if age else None
    except ValueError:
        raise CaseError(f"age {age[:20]!r} is not a number", remedy="give the age in years") from None
    if sex and sex not in sexes:
        raise CaseError(f"unknown sex {sex[:20]!r}", remedy="use female, male or other")
    return Patient(age_years=years, sex=sexes.get(sex))  # type: ignore[arg-type]
