"""Cases from files: our own JSON lines, the uniform research record, CSV, and folders of notes and images.

Every refused record says which file, line and record it was and what to do; with `on_error="collect"` the others
are loaded all the same.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from cases.case import Case, Media, problems_of
from cases.csv_rows import rows_of_csv
from cases.errors import CaseError, WardroundError
from cases.folders import cases_of_folder
from cases.text_files import numbered_lines
from cases.uniform import case_from_uniform, is_uniform
from cases.uniform_fields import existing_medium

OnError = Literal["raise", "collect"]
EXAMPLES = Path(__file__).parent / "examples"


class LoadReport(NamedTuple):
    """What was loaded and what was refused, each in the order of the file."""

    cases: tuple[Case, ...]
    errors: tuple[WardroundError, ...]


def load_cases(path: Path, *, limit: int | None = None, on_error: OnError = "raise") -> LoadReport:
    """All cases of a .jsonl or .csv file or of a folder, at most `limit` of them.

    `on_error="collect"` keeps the error of each refused record and goes on; "raise" stops at the first.
    Raises CaseError for a path that does not exist, holds no case, or is of no known format.
    """
    errors: list[WardroundError] = []
    cases = []
    for case in iter_cases(path, on_error=on_error, errors=errors):
        cases.append(case)
        if limit is not None and len(cases) >= limit:
            break
    if not cases and not errors:
        raise CaseError("holds no case", where=str(path), remedy="check that the file is not empty")
    return LoadReport(tuple(cases), tuple(errors))


def iter_cases(
    path: Path, *, on_error: OnError = "raise", errors: list[WardroundError] | None = None
) -> Iterator[Case]:
    """The cases one by one, read as they are asked for. With "collect", refusals are appended to `errors`."""
    path = Path(path)
    seen: dict[str, str] = {}
    for found in _results(path):
        result = _refuse_duplicate(found, seen) if isinstance(found, tuple) else found
        if isinstance(result, Case):
            yield result
        elif on_error == "raise":
            raise result
        elif errors is not None:
            errors.append(result)


def example_cases() -> tuple[Case, ...]:
    """The example cases that ship with the package, their image paths resolved."""
    return load_cases(EXAMPLES / "cases.jsonl").cases


Found = tuple[str, Case] | WardroundError
"""A case with the place it came from, or why there is none."""


def _results(path: Path) -> Iterator[Found]:
    if path.is_dir():
        yield from cases_of_folder(path)
    elif not path.exists():
        raise CaseError("does not exist", where=str(path), remedy="check the path")
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _results_of_jsonl(path)
    elif path.suffix.lower() in (".csv", ".tsv"):
        yield from rows_of_csv(path)
    else:
        remedy = "give a .jsonl, .csv or .tsv file, or a folder with notes and images"
        raise CaseError(f"unknown format {path.suffix or '(no suffix)'}", where=str(path), remedy=remedy)


def _refuse_duplicate(found: tuple[str, Case], seen: dict[str, str]) -> Case | CaseError:
    where, case = found
    if case.id in seen:
        remedy = f"the first one is at {seen[case.id]}; give each record an id of its own"
        return CaseError(f"duplicate id {case.id!r}", where=where, remedy=remedy)
    seen[case.id] = where
    return case


def _results_of_jsonl(path: Path) -> Iterator[Found]:
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        if isinstance(line, CaseError):
            yield line
        elif line.strip():
            yield _result_of_line(line, path.parent, where)


def _result_of_line(line: str, folder: Path, where: str) -> Found:
    try:
        row = json.loads(line)
    except ValueError as error:
        reason = getattr(error, "msg", "not a JSON value")
        column = getattr(error, "colno", 1)
        remedy = "each line must hold one whole JSON object"
        return CaseError(f"malformed JSON at column {column}: {reason}", where=where, remedy=remedy)
    except RecursionError:
        return CaseError("JSON nested too deeply", where=where, remedy="a case record is at most a few levels deep")
    if not isinstance(row, dict):
        return CaseError(f"holds a JSON {type(row).__name__}, not an object", where=where, remedy="one object per line")
    return case_of_row(row, folder, where)


def case_of_row(row: dict[str, Any], folder: Path, where: str) -> Found:
    """One decoded record of either JSONL format, or the CaseError that names its place, its id and the remedy."""
    named = f"{where} (record {str(row.get('id') or row.get('_id'))[:80]!r})"
    try:
        if is_uniform(row):
            return named, case_from_uniform(row, folder)
        if "question" not in row:
            keys = ", ".join(sorted(map(str, row))[:8])
            return CaseError(f"not a case: no question (fields: {keys})", where=named, remedy="see docs/cases.md")
        return named, _own_case(row, folder)
    except CaseError as error:
        return CaseError(error.what, where=named, remedy=error.remedy)
    except ValidationError as error:
        return CaseError(problems_of(error), where=named, remedy="see docs/cases.md for the fields of a case")
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        # A field of a wrong JSON type inside a foreign record: reported by type, its content may identify a person.
        return CaseError(
            f"a field has an unexpected form ({type(error).__name__})", where=named, remedy="see docs/cases.md"
        )


def _own_case(row: dict[str, Any], folder: Path) -> Case:
    case = Case.model_validate(row)
    if not case.all_media:
        return case
    visits = tuple(visit.model_copy(update={"media": _resolved(visit.media, folder)}) for visit in case.visits)
    return case.model_copy(update={"media": _resolved(case.media, folder), "visits": visits})


def _resolved(media: tuple[Media, ...], folder: Path) -> tuple[Media, ...]:
    """The media with absolute paths; a relative uri is relative to the file that names it."""
    resolved = []
    for medium in media:
        path = medium.path if medium.path.is_absolute() else (folder / medium.uri)
        existing_medium(path)
        resolved.append(medium.model_copy(update={"uri": str(path)}))
    return tuple(resolved)
