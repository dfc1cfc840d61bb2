"""What identifies a person in a text: the recognisers of the 18 Safe Harbor classes (45 CFR 164.514(b)(2)).

The patterns lie in lists/identifiers.toml: each marks the identifier itself with a group named `phi` and leaves its
cue standing. Presidio's own recognisers do what they do well: internet addresses, telephone, credit card, IBAN and
social security numbers. Its e-mail and URL recognisers fetch a list of domains from the web and are not used.
"""

import re
import threading
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SAFE_HARBOR = {
    "NAME": "A names",
    "PLACE": "B geographic subdivisions smaller than a state",
    "DATE": "C dates except the year",
    "AGE": "C ages over 89",
    "PHONE": "D telephone numbers",
    "VEHICLE": "L vehicle identifiers and plates",
    "FAX": "E fax numbers",
    "DEVICE": "M device identifiers and serial numbers",
    "EMAIL": "F e-mail addresses",
    "URL": "N web addresses",
    "SSN": "G social security numbers",
    "IP": "O internet addresses",
    "MRN": "H medical record numbers",
    "BIOMETRIC": "P biometric identifiers",
    "HEALTH_PLAN": "I health plan numbers",
    "PHOTO": "Q full-face photographs, by file name",
    "ACCOUNT": "J account numbers",
    "LICENCE": "K certificate and licence numbers",
    "ID": "R other unique numbers and codes",
}
"""Kinds of `Found` and the class of the rule that each belongs to."""

LISTS = Path(__file__).parent / "lists"
_BUILDING = threading.Lock()


@cache
def word_list(name: str) -> frozenset[str]:
    """The words of lists/NAME.txt; a line with spaces is one entry in large_places, several in the others."""
    lines = (LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return frozenset(lines if name == "large_places" else [word for line in lines for word in line.split()])


@dataclass(frozen=True)
class Pattern:
    """A regular expression (module `regex`, verbose) whose group `phi` is an identifier of `kind`."""

    kind: str
    expression: str
    score: float = 0.8
    is_name: bool = False
    """Checked against the words that are no names, and looked for again in the rest of the text."""
    is_titled: bool = False
    """A title stands before the name, so that it is one even where it is also an eponym."""
    is_place: bool = False
    """Left standing where it is a state, a country or larger."""


@cache
def patterns() -> tuple[Pattern, ...]:
    """The recognisers of lists/identifiers.toml, their parts filled in. A row with `cue` is a number after that cue."""
    table = tomllib.loads((LISTS / "identifiers.toml").read_text(encoding="utf-8"))
    parts: dict[str, str] = table["parts"]
    found = []
    for row in table["pattern"]:
        expression = row.get("expression")
        if expression is None:
            value = row.get("value", "<CODE>")
            expression = rf"(?i)\b(?:{row['cue']})<NUMBER_SIGN>(?P<phi>{value})(?![\w@])"
        flags = {name: row[name] for name in ("is_name", "is_titled", "is_place") if name in row}
        found.append(Pattern(row["kind"], filled(expression, parts), row["score"], **flags))
    return tuple(found)


def filled(expression: str, parts: dict[str, str]) -> str:
    """The expression with each <PART> replaced, parts of parts included."""
    while match := re.search(r"<([A-Z_]+)>", expression):
        expression = expression[: match.start()] + parts[match[1]] + expression[match.end() :]
    return expression


PRESIDIO_KINDS = {
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "IP",
    "PHONE_NUMBER": "PHONE",
    "US_SSN": "SSN",
    "CREDIT_CARD": "ACCOUNT",
    "IBAN_CODE": "ACCOUNT",
    "US_MBI": "HEALTH_PLAN",
}


def analyzer() -> Any:
    """Presidio's engine with these recognisers and no language model; built once, whoever asks first (1 to 9 s)."""
    with _BUILDING:
        return _built_analyzer()


@cache
def _built_analyzer() -> Any:
    import logging

    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        IbanRecognizer,
        IpRecognizer,
        PhoneRecognizer,
        UsSsnRecognizer,
    )

    from cases.cue_recognizer import CueRecognizer

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    language = NoOpNlpEngine([{"lang_code": "en", "model_name": ""}])
    language.load()
    registry = RecognizerRegistry(supported_languages=["en"])
    for recognizer in (
        IpRecognizer,
        CreditCardRecognizer,
        IbanRecognizer,
        UsSsnRecognizer,
    ):
        registry.add_recognizer(recognizer())
    registry.add_recognizer(PhoneRecognizer(supported_regions=("US",), leniency=2))
    for pattern in patterns():
        registry.add_recognizer(CueRecognizer(pattern))
    return AnalyzerEngine(registry=registry, nlp_engine=language, supported_languages=["en"])
