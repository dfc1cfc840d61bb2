"""Cases from a folder: one per sub-folder, and one per note (or lone image) that lies in the folder itself.

In a sub-folder, `question.txt` and `answer.txt` hold the question and the reference answer; all other notes are the
context, in order of name. A note may itself end with "Question: ..." and lines "A. ...", "B. ...".
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from cases.case import Case, Gold, Media, TaskKind, problems_of
from cases.choices import normalise
from cases.errors import CaseError, WardroundError
from cases.media_types import is_medium, kind_of_path
from cases.text_files import MAX_RECORD_BYTES, read_text, too_long

DEFAULT_QUESTION = "What is the most likely diagnosis, and what should be done next?"
NOTE_SUFFIXES = (".txt", ".md")
_QUESTION = re.compile(
    r"^\s*(?:\*\*|#+\s*)?question(?:\*\*)?\s*:\s*(?P<question>.+?)\s*\Z", re.IGNORECASE | re.MULTILINE | re.DOTALL
)
_OPTION = re.compile(r"^\s*[(\[]?(?P<label>[A-Z])[.):\]]\s+(?P<text>\S.*)$", re.MULTILINE)


def cases_of_folder(folder: Path) -> Iterator[tuple[str, Case] | WardroundError]:
    """Cases in order of name. Hidden files are passed over. Raises CaseError for a folder without notes and images."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.is_file()]
    notes = [file for file in files if file.suffix.lower() in NOTE_SUFFIXES and file.stem.lower() != "readme"]
    images = [file for file in files if file not in notes and is_medium(file)]
    found = False
    for note in notes:
        found = True
        own = [image for image in images if _belongs(image, note)]
        images = [image for image in images if image not in own]
        yield _case(note.stem, [note], own, str(note))
    for image in images:
        found = True
        yield _case(_stem(image), [], [image], str(image))
    for entry in entries:
        if entry.is_dir() and (inside := _contents(entry)) != ([], []):
            found = True
            yield _case(entry.name, *inside, str(entry))
    if not found:
        remedy = "put notes (*.txt, *.md) and images there, or give a .jsonl or .csv file"
        raise CaseError("the folder holds neither notes nor images", where=str(folder), remedy=remedy)


def _contents(folder: Path) -> tuple[list[Path], list[Path]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    notes = [path for path in files if path.suffix.lower() in NOTE_SUFFIXES]
    return notes, [path for path in files if path not in notes and is_medium(path)]


def _stem(path: Path) -> str:
    return path.name.split(".", 1)[0]


def _belongs(image: Path, note: Path) -> bool:
    """case7.png, case7_2.png and case7-lateral.dcm belong to case7.txt; case70.png does not."""
    rest = _stem(image).removeprefix(note.stem)
    return _stem(image).startswith(note.stem) and (rest == "" or rest[0] in "_- ")


def _case(name: str, notes: list[Path], images: list[Path], where: str) -> tuple[str, Case] | CaseError:
    try:
        special = {kind: [note for note in notes if note.stem.lower() == kind] for kind in ("question", "answer")}
        texts = [read_text(note) for note in notes if note not in special["question"] + special["answer"]]
        if (size := sum(map(len, texts))) > MAX_RECORD_BYTES:
            raise too_long(size, where)
        question, context, options = _parts("\n\n".join(texts), special["question"])
        answer = read_text(special["answer"][0]).strip() if special["answer"] else None
        case = Case(
            id=name,
            question=question,
            context=context,
            options=options,
            task=TaskKind.CHOICE if options else TaskKind.OPEN_DIAGNOSIS,
            media=tuple(Media(kind=kind_of_path(image), uri=str(image)) for image in images),
            gold=_gold(answer, options),
        )
        return where, case
    except CaseError as error:
        return CaseError(error.what, where=error.where or where, remedy=error.remedy)
    except ValidationError as error:
        return CaseError(problems_of(error), where=where, remedy="see docs/cases.md for how a folder is read")


def _parts(note: str, question_files: list[Path]) -> tuple[str, str | None, dict[str, str] | None]:
    """Question, context and options: from question.txt, or from a "Question:" at the note's end, or the default."""
    if question_files:
        asked, context = read_text(question_files[0]), note
    elif match := _QUESTION.search(note):
        asked, context = match["question"], note[: match.start()]
    else:
        return DEFAULT_QUESTION, note.strip() or None, None
    options = {match["label"]: match["text"].strip() for match in _OPTION.finditer(asked)}
    if len(options) < 2 or list(options) != [chr(65 + i) for i in range(len(options))]:
        return asked.strip(), context.strip() or None, None
    first = _OPTION.search(asked)
    question = asked[: first.start()].strip() if first else asked.strip()
    return question, context.strip() or None, options


def _gold(answer: str | None, options: dict[str, str] | None) -> Gold | None:
    if answer is None or not options:
        return None if answer is None else Gold(text=answer)
    by_text = [label for label, text in options.items() if normalise(text) == normalise(answer)]
    label = answer.strip(" .()").upper() if answer.strip(" .()").upper() in options else next(iter(by_text), None)
    if label is None:
        known = ", ".join(options)
        raise CaseError(
            "the answer is neither an option's label nor its text", remedy=f"give one of the labels {known}"
        )
    return Gold(label=label, text=options[label])
