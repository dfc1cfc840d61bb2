"""A corpus that has been read, on disk: an interrupted run goes on, an unchanged file is not read again.

The store is a folder: `ledger.jsonl` with one line per document (path, SHA-256 of its bytes, number of passages,
errors), `documents/HASH.jsonl` with its passages, `figures/` with the pictures of PDF files.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from cases.case import Record
from cases.errors import KnowledgeError
from cases.evidence import Passage
from knowledge.chunking import OVERLAP_WORDS, WINDOW_WORDS
from knowledge.ingest import Cut, Progress, corpus_files, read_document

EDITION = 1
"""Raised when the readers give other passages for the same bytes, so that every document is read again."""


class Document(Record):
    """One file of a corpus as it was read. `cut` names the settings that its passages depend on."""

    path: str
    sha256: str
    cut: str
    passages: int
    errors: tuple[str, ...] = ()


class IngestReport(Record):
    """What a run found: paths of documents. `errors` are those of every document that is in the store now."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: int = 0
    passages: int = Field(default=0, description="In the whole store after the run.")
    errors: tuple[str, ...] = ()


def ingest(
    path: Path, store: Path, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS, licence: str = "",
    progress: Progress | None = None,
) -> IngestReport:  # fmt: skip
    """Read what is new or changed below `path` into `store`, and forget what is gone.

    Each document is written as soon as it is read: after an interruption the next run begins there. What cannot be
    read is in `errors` and in the ledger; it is tried again when its bytes change.

    Raises KnowledgeError for an empty corpus (the store is then as it was) and for a store that cannot be written.
    """
    cut = Cut(window, overlap, licence, store / "figures")
    settings = f"{EDITION}/{window}/{overlap}/{licence}"
    files = corpus_files(path)
    known = documents(store)
    added: list[str] = []
    changed: list[str] = []
    errors: list[str] = []
    unchanged = 0
    kept: dict[str, Document] = {}
    try:
        (store / "documents").mkdir(parents=True, exist_ok=True)
        _write_ledger(store, known)  # a line that an interruption tore must not swallow the next one
        with (store / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
            for number, file in enumerate(files):
                name = file.name if file == path else file.relative_to(path).as_posix()
                digest = file_sha256(file)
                before = known.get(name)
                if before is not None and (before.sha256, before.cut) == (digest, settings):
                    unchanged += 1
                    kept[name] = before
                else:
                    kept[name] = _read_into(store, file, path, name, digest, settings, cut)
                    ledger.write(kept[name].model_dump_json() + "\n")
                    ledger.flush()
                    (added if before is None else changed).append(name)
                errors += kept[name].errors
                if progress is not None:
                    progress(number + 1, len(files))
        total = sum(document.passages for document in kept.values())
        if not total:
            raise KnowledgeError(
                f"no passage was found in {len(files)} files", where=str(path),
                remedy=errors[0] if errors else "give a folder with documents",
            )  # fmt: skip
        removed = sorted(known.keys() - kept.keys())
        _settle(store, kept)
    except OSError as error:
        raise KnowledgeError(f"the store cannot be written: {error.strerror}", where=str(store)) from error
    return IngestReport(
        added=tuple(added), changed=tuple(changed), removed=tuple(removed), unchanged=unchanged, passages=total,
        errors=tuple(errors),
    )  # fmt: skip


def documents(store: Path) -> dict[str, Document]:
    """Path -> document of everything in the store; the last line of a path counts, a torn last line does not."""
    ledger = store / "ledger.jsonl"
    if not ledger.is_file():
        return {}
    found: dict[str, Document] = {}
    lines = ledger.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            document = Document.model_validate_json(line)
        except ValidationError as error:
            if number == len(lines):
                break
            raise KnowledgeError(
                "damaged ledger", where=f"{ledger}:{number}", remedy="delete the folder and ingest again"
            ) from error
        if _passages_file(store, document).is_file():
            found[document.path] = document
    return found


def stored_passages(store: Path) -> Iterator[Passage]:
    """Every passage of the store, in the order of the documents' paths; an id is given once."""
    found = documents(store)
    if not found:
        raise KnowledgeError("no corpus was read into this folder", where=str(store), remedy="wardround knowledge read")
    seen: set[str] = set()
    for name in sorted(found):
        with _passages_file(store, found[name]).open(encoding="utf-8") as stream:
            for line in stream:
                passage = Passage.model_validate_json(line)
                if passage.id not in seen:
                    seen.add(passage.id)
                    yield passage


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_into(store: Path, file: Path, root: Path, name: str, digest: str, settings: str, cut: Cut) -> Document:
    errors: list[str] = []
    document = Document(path=name, sha256=digest, cut=settings, passages=0)
    target = _passages_file(store, document)
    partial = target.with_suffix(".partial")
    count = 0
    with partial.open("w", encoding="utf-8") as stream:
        for passage in read_document(file, root=root, cut=cut, on_error=lambda error: errors.append(str(error))):
            stream.write(passage.model_dump_json(exclude_defaults=True) + "\n")
            count += 1
    os.replace(partial, target)
    return document.model_copy(update={"passages": count, "errors": tuple(errors)})


def _settle(store: Path, kept: dict[str, Document]) -> None:
    """The ledger with one line per document, and no file that no document names."""
    _write_ledger(store, kept)
    wanted = {_passages_file(store, document) for document in kept.values()}
    for file in (store / "documents").iterdir():
        if file not in wanted:
            file.unlink()


def _write_ledger(store: Path, kept: dict[str, Document]) -> None:
    partial = store / "ledger.partial"
    partial.write_text("".join(f"{kept[name].model_dump_json()}\n" for name in sorted(kept)), encoding="utf-8")
    os.replace(partial, store / "ledger.jsonl")


def _passages_file(store: Path, document: Document) -> Path:
    key = json.dumps([document.path, document.sha256, document.cut])
    return store / "documents" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.jsonl"
