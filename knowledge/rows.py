"""Rows of JSONL and Parquet files as passages: BEIR corpora, MedRAG chunks, question-answer sets, term tables.

A row is read by the first layout whose columns it has. What has a text of its own (BEIR, MedRAG) stays one passage
under its own id, because judgements name it; what is put together from several columns is cut into windows.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from cases.case import Media
from cases.errors import KnowledgeError
from cases.evidence import Passage
from knowledge.chunking import chunk_text
from knowledge.passages import passages_of, read_text

Row = Mapping[str, Any]
OnError = Callable[[KnowledgeError], None]

TEXT_COLUMNS = ("text", "content", "contents", "abstract")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SPOKEN_DATE = re.compile(r"(\d{4})(?:\s+([A-Za-z]{3})[a-z]*)?(?:\s+(\d{1,2})\b)?")


class Layout(NamedTuple):
    """A kind of table: the columns it needs, and how a row of it becomes a title and a text."""

    columns: frozenset[str]
    title: Callable[[Row], str]
    text: Callable[[Row], str]


def _lines(row: Row, *columns: str) -> str:
    return "\n\n".join(f"{name.replace('_', ' ').capitalize()}: {row[name]}" for name in columns if row.get(name))


def _also(row: Row, column: str) -> str:
    names = [str(name) for name in row.get(column) or ()]
    return f" Also called: {'; '.join(names[:8])}." if names else ""


LAYOUTS = (
    Layout(
        frozenset({"question", "answer"}),
        lambda row: str(row.get("focus") or row["question"]),
        lambda row: f"{row['question']}\n\n{row['answer']}",
    ),
    Layout(
        frozenset({"title", "recommendations"}),
        lambda row: str(row["title"]),
        lambda row: _lines(row, "recommendations", "harms", "contraindications"),
    ),
    Layout(
        frozenset({"name", "definition"}),
        lambda row: str(row["name"]),
        lambda row: f"{row['name']}. {row['definition']}{_also(row, 'synonyms')}" if row["definition"] else "",
    ),
    Layout(
        frozenset({"code", "description"}),
        lambda row: f"{row['code']} {row['description']}",
        lambda row: f"{row['code']} {row['description']}.{_also(row, 'inclusion_terms')}",
    ),
    Layout(
        frozenset({"findings", "impression"}),
        lambda row: str(row.get("image") or "Report"),
        lambda row: _lines(row, "indication", "findings", "impression"),
    ),
)


def jsonl_passages(
    path: Path, *, source: str, licence: str, window: int, overlap: int, on_error: OnError
) -> Iterator[Passage]:
    """The passages of a JSONL file; a row that is none of the layouts is given to `on_error` with its line."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8"))
                passages = _of_row(row, source, licence, window, overlap)
            except UnicodeDecodeError as error:
                on_error(KnowledgeError(f"not UTF-8 text at byte {error.start}", where=f"{path}:{number}"))
                continue
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                on_error(
                    KnowledgeError(
                        f"not a passage: {error}", where=f"{path}:{number}",
                        remedy='each line is {"text": ..., "title": ...}',
                    )
                )  # fmt: skip
                continue
            yield from passages


def parquet_passages(
    path: Path, *, source: str, licence: str, window: int, overlap: int, on_error: OnError
) -> Iterator[Passage]:
    """The passages of a Parquet table; a table of none of the layouts (edges, counts) is given to `on_error`."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(path)
        columns = table.schema_arrow.names
        if not _have_text(columns):
            on_error(KnowledgeError(f"a table of {', '.join(columns)[:80]} holds no text", where=str(path)))
            return
        number = 0
        for batch in table.iter_batches(batch_size=2048):
            for row in batch.to_pylist():
                number += 1
                try:
                    passages = _of_row(row, source, licence, window, overlap)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    on_error(KnowledgeError(f"not a passage: {error}", where=f"{path}, row {number}"))
                    continue
                yield from passages
    except (ArrowException, OSError) as error:
        on_error(KnowledgeError(f"not a Parquet table: {error}", where=str(path), remedy="copy it again"))


def is_without_text(path: Path) -> bool:
    """Whether a file is a readable table of something else than text: edges, codes without names, counts."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        return path.suffix == ".parquet" and not _have_text(read_schema(path).names)
    except (ArrowException, OSError):
        return False


def _have_text(columns: Sequence[str]) -> bool:
    found = set(columns)
    return bool(found & set(TEXT_COLUMNS)) or any(layout.columns <= found for layout in LAYOUTS)


def read_date(value: object) -> date | None:
    """A date from a year, an ISO date or words such as "2011 May (revised 2013 Aug 4)": the last one named.

    Raises ValueError if there is none.
    """
    if value is None or value == "":
        return None
    text = str(value).strip()
    if re.match(r"\d{4}-\d{2}-\d{2}", text):
        return date.fromisoformat(text[:10])
    found = [match for match in _SPOKEN_DATE.finditer(text) if 1500 <= int(match.group(1)) <= 2200]
    if not found:
        raise ValueError(f"{text!r} is no date")
    year, month, day = found[-1].groups()
    number = _MONTHS.index(month.lower()) + 1 if month and month.lower() in _MONTHS else 1
    return date(int(year), number, int(day) if day and month else 1)


def _of_row(row: Row, source: str, licence: str, window: int, overlap: int) -> list[Passage]:
    name = str(row.get("_id") or row.get("id") or row.get("code") or row.get("uid") or "")
    published = read_date(row.get("published") or row.get("year") or row.get("date"))
    facts: dict[str, Any] = {
        "source": str(row.get("url") or row.get("source") or name or source),
        "licence": str(row.get("licence") or licence),
        "published": published,
    }
    column = next((key for key in TEXT_COLUMNS if key in row), None)
    if column is not None:
        text = row[column].strip()
        if not text:
            return []
        passage = Passage(
            id=name or hashlib.sha256(text.encode()).hexdigest()[:16], title=str(row.get("title") or ""), text=text,
            section=str(row.get("section") or ""), is_retracted=bool(row.get("is_retracted", False)),
            figures=tuple(Media.model_validate(figure) for figure in row.get("figures") or ()), **facts,
        )  # fmt: skip
        return [passage]
    layout = next((item for item in LAYOUTS if item.columns <= row.keys()), None)
    if layout is None:
        raise KeyError("no 'text'")
    text, title = layout.text(row).strip(), layout.title(row)
    if not text:
        return []
    name = name or hashlib.sha256(text.encode()).hexdigest()[:16]
    section = str(row.get("section") or row.get("qtype") or "")
    if len(text.split()) <= window:
        return [Passage(id=name, title=title, text=text, section=section, **facts)]
    return list(
        passages_of(chunk_text(text, window=window, overlap=overlap), name=name, title=title, section=section, **facts)
    )


def read_rows(path: Path) -> list[dict]:
    """A JSON file that holds a list of objects. Raises KnowledgeError."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise KnowledgeError(f"malformed JSON: {error}", where=str(path)) from error
