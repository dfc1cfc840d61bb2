"""Options that stand inside a question's text, one a line or one after another, lettered in any script."""

import re
from collections.abc import Sequence

from cases.choices import NATIVE_LABELS, label_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LABEL = "[(\\[]?(?P<label>[A-Za-z]|[" + "".join(NATIVE_LABELS) + "])\u0640?[)\\]]?"
_LINE = re.compile(rf"^[\s\u200e\u200f]*{_LABEL}\s*[.:)\-–、．،]\s*(?P<text>\S.*)$")
_PLAIN_LINE = re.compile(r"^\s*(?P<label>[A-Z])\s+(?P<text>\S.*)$")
_INLINE = re.compile(r"(?:(?<=\s)|^)[(\[]?(?P<label>[A-Z])[)\]]?\s*[:.)]\s+")


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """The stem and the options of a question that holds both; no options where none can be read with certainty.

    Labels must run from A without a gap; Arabic, Thai, Korean and Japanese letters become Latin ones.

    >>> split_options("Which gland?\\nA. thyroid\\nB. adrenal")
    ('Which gland?', {'A': 'thyroid', 'B': 'adrenal'})
    """
    for read in (_by_line(_LINE), _by_line(_PLAIN_LINE), _inline):
        stem, options = read(text)
        if len(options) >= 2 and list(options) == list(LETTERS[: len(options)]):
            return stem, options
    return text.strip(), {}


def lettered(texts: Sequence[str]) -> dict[str, str]:
    """Texts as options A, B, C ..., in order; empty ones are left out at the end."""
    kept = [str(text).strip() for text in texts if text is not None and str(text).strip()]
    return dict(zip(LETTERS, kept, strict=False))


def _by_line(pattern: re.Pattern[str]):  # type: ignore[no-untyped-def]
    def read(text: str) -> tuple[str, dict[str, str]]:
        stem: list[str] = []
        options: dict[str, str] = {}
        last = ""
        for line in text.splitlines():
            match = pattern.match(line)
            label = label_of(match["label"]) if match else ""
            if match and label == LETTERS[len(options)]:
                options[label] = match["text"].strip()
                last = label
            elif last and line.strip():
                options[last] += " " + line.strip()
            elif not last:
                stem.append(line)
        return "\n".join(stem).strip(), options

    return read


def _inline(text: str) -> tuple[str, dict[str, str]]:
    """ "... A: normal B: enlarged": the last run of marks that begins with A and has no gap."""
    marks = list(_INLINE.finditer(text))
    starts = [i for i, mark in enumerate(marks) if mark["label"] == "A"]
    if not starts:
        return text.strip(), {}
    run = marks[starts[-1] :]
    options = {
        mark["label"]: text[mark.end() : run[i + 1].start() if i + 1 < len(run) else len(text)].strip(" ,;|\n")
        for i, mark in enumerate(run)
    }
    return text[: run[0].start()].strip(), options
