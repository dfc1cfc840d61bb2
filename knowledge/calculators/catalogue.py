"""The registry: find a calculator by name or in words, run it on values with units."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from cases.errors import KnowledgeError
from cases.evidence import Evidence, EvidenceKind
from knowledge.calculators import (
    bleeding_and_clots,
    body_size,
    critical_care,
    drugs,
    electrolytes,
    heart,
    infection,
    kidney,
    liver_and_metabolism,
    pregnancy,
)  # fmt: skip
from knowledge.calculators.calculator import CHOICE, DATE, FLAG, Calculation, Calculator, Given, Input, Working, plain
from knowledge.calculators.units import normalised, parse_measure, quantity, total
from knowledge.specialties import fold

_YES = frozenset({"yes", "true", "1", "present", "y", "positive"})
_NO = frozenset({"no", "false", "0", "absent", "n", "none", "negative"})
_STOPWORDS = frozenset(
    {
        "the", "a", "an", "of", "in", "for", "to", "is", "are", "what", "using", "use", "patient", "patients", "s",
        "your", "answer", "should", "be", "please", "output", "terms", "based", "on", "and", "with", "from", "as", "by",
        "this", "that", "you", "may", "set", "number", "value", "formula", "equation", "calculator", "compute",
        "calculate", "score",
    }
)  # fmt: skip
DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y")


@cache
def calculators() -> tuple[Calculator, ...]:
    """Every calculator, by number. Names and numbers are unique."""
    fields = (
        bleeding_and_clots, body_size, critical_care, drugs, electrolytes, heart, infection, kidney,
        liver_and_metabolism, pregnancy,
    )  # fmt: skip
    found = [item for field in fields for item in field.CALCULATORS]
    return tuple(sorted(found, key=lambda item: (item.number is None, item.number or 0, item.name)))


def calculator(name: str | int) -> Calculator:
    """The calculator of that name, MedCalc-Bench number or title. Raises KnowledgeError naming the nearest."""
    wanted = fold(str(name))
    for item in calculators():
        if wanted in (
            item.name,
            str(item.number),
            fold(item.title),
            item.name.replace("_", " "),
            item.name.replace("_", "-"),
        ):
            return item
    near = ", ".join(item.name for item in find(str(name), 3))
    raise KnowledgeError(f"no calculator is called {name!r}", remedy=f"nearest: {near}; wardround calculate --list")


def find(text: str, k: int = 3) -> tuple[Calculator, ...]:
    """The k calculators whose names and keywords share the rarest words with the text, best first."""
    words = _words(text)
    rarity = _rarity()
    ranked = []
    for order, (item, own) in enumerate(zip(calculators(), _own_words(), strict=True)):
        shared = sum(rarity[word] for word in own if word in words)
        ranked.append((-shared - 0.5 * shared / (sum(rarity[word] for word in own) or 1.0), order, item))
    return tuple(item for _, _, item in sorted(ranked, key=lambda entry: entry[:2])[:k])


def run(name: str | int | Calculator, values: Mapping[str, Any]) -> Calculation:
    """Compute. Values by input name or alias: a number, "1.7 mg/dL", (1.7, "mg/dL"), {"value": 1.7, "unit": "mg/dL"},
    a flag, one of the choices, or a date.

    A number without a unit is read in the quantity's own unit, and a warning says so. What a score is not told counts
    as absent and is listed in `missing`. Raises KnowledgeError for an unknown input, unit or choice, a value that no
    body can have (zero or less), and a formula's missing input.
    """
    chosen = name if isinstance(name, Calculator) else calculator(name)
    working = Working()
    given = _read_inputs(chosen, values, working)
    absent = [item for item in chosen.inputs if getattr(given, item.name) is None]
    if not chosen.is_score and any(not item.is_optional for item in absent):
        needs = "; ".join(f"{item.name} ({_hint(item)})" for item in absent if not item.is_optional)
        raise KnowledgeError("an input is missing", where=chosen.name, remedy=f"give {needs}")
    if len(absent) == len(chosen.inputs):
        raise KnowledgeError("no input was given", where=chosen.name, remedy=f"give any of {_names(chosen)}")
    try:
        result = chosen.compute(given, working)
    except (ZeroDivisionError, ValueError, OverflowError) as error:
        raise KnowledgeError(f"these values have no result: {error}", where=chosen.name) from error
    return Calculation(
        calculator=chosen.name, title=chosen.title, value=result, unit=chosen.unit, text=_shown(result, chosen.unit),
        steps=tuple(working.steps), warnings=tuple(working.warnings), missing=tuple(working.missing),
        inputs={item.name: getattr(given, item.name) for item in chosen.inputs if item not in absent},
        source=chosen.source,
    )  # fmt: skip


def as_evidence(result: Calculation) -> Evidence:
    """The calculation as a piece of evidence that an opinion can cite: its steps are the text."""
    facts = ", ".join(
        f"{name} {plain(value) if isinstance(value, float) else value}" for name, value in result.inputs.items()
    )
    lines = [f"{result.title}: {result.text}.", f"Computed from {facts}.", *result.steps]
    if result.missing:
        lines.append(f"Not given, counted as absent: {', '.join(result.missing)}.")
    return Evidence(
        id=f"calculation:{result.calculator}", kind=EvidenceKind.CALCULATION, title=result.title,
        text="\n".join([*lines, *result.warnings]), source=result.source, score=1.0,
    )  # fmt: skip


def _read_inputs(chosen: Calculator, values: Mapping[str, Any], working: Working) -> Given:
    names = {
        fold(alias): item for item in chosen.inputs for alias in (*item.aliases, item.name, item.name.replace("_", " "))
    }
    found: dict[str, Any] = {item.name: None for item in chosen.inputs}
    for key, value in values.items():
        item = names.get(fold(key))
        if item is None:
            raise KnowledgeError(f"{key!r} is no input", where=chosen.name, remedy=f"one of: {_names(chosen)}")
        if value is not None and value != "":
            read = _read(item, value, chosen, working)
            found[item.name] = max(found[item.name], read) if isinstance(found[item.name], bool) else read
    return Given(**found)


def _read(item: Input, value: Any, chosen: Calculator, working: Working) -> Any:
    where = f"{chosen.name}, {item.name}"
    if item.quantity == FLAG:
        word = fold(str(value))
        if word in _YES | _NO:
            return word in _YES
        raise KnowledgeError(f"{value!r} is neither yes nor no", where=where, remedy="give true or false")
    if item.quantity == CHOICE:
        word = fold(str(value))
        for name, spellings in item.choices.items():
            if word in (fold(name), *(fold(spelling) for spelling in spellings)):
                return name
        raise KnowledgeError(f"{value!r} is no choice", where=where, remedy=f"one of: {', '.join(item.choices)}")
    if item.quantity == DATE:
        return _read_date(value, where)
    return _read_number(item, value, where, working)


def _read_number(item: Input, value: Any, where: str, working: Working) -> float:
    kind = quantity(item.quantity)
    if isinstance(value, Mapping):
        value = (value.get("value"), value.get("unit") or "")
    if isinstance(value, str):
        parts = parse_measure(value)
    elif isinstance(value, Sequence):
        parts = [(float(number), str(unit)) for number, unit in zip(value[::2], value[1::2], strict=True)]
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise KnowledgeError(f"{value!r} is no measured value", where=where, remedy=f"give {_hint(item)}")
    else:
        parts = [(float(value), "")]
    if kind.unit and any(not unit for _, unit in parts):
        working.warn(f"{item.name}: no unit was given, read as {kind.unit}")
    try:
        number = float(f"{total(parts, kind):.10g}")  # 100.4 °F is 38 °C, not a little more
    except KnowledgeError as error:
        raise KnowledgeError(error.what, where=where, remedy=error.remedy) from error
    if not math.isfinite(number) or (number <= 0 and (item.low is None or item.low > 0)):
        raise KnowledgeError(f"{plain(number)} {kind.unit} is not possible", where=where, remedy=f"give {_hint(item)}")
    if (item.low is not None and number < item.low) or (item.high is not None and number > item.high):
        working.warn(
            f"{item.name} {plain(number)} {kind.unit} is outside of {plain(item.low or 0)} to "
            f"{plain(item.high or math.inf)}: is the unit right?"
        )
    if any(unit and normalised(unit) != normalised(kind.unit) for _, unit in parts) and kind.unit:
        said = " ".join(f"{plain(part)} {unit}" for part, unit in parts)
        working.step(f"{item.name} {said} = {plain(number)} {kind.unit}")
    return number


def _read_date(value: Any, where: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(str(value).strip(), form).date()
        except ValueError:
            continue
    raise KnowledgeError(f"{value!r} is no date", where=where, remedy="write 2026-03-31 or 03/31/2026")


def _shown(value: float | date, unit: str) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if unit == "weeks and days":
        return f"{int(value) // 7} weeks {int(value) % 7} days"
    return f"{plain(value)} {unit}".strip()


def _hint(item: Input) -> str:
    if item.quantity == FLAG:
        return "true or false"
    if item.quantity == CHOICE:
        return f"one of {', '.join(item.choices)}"
    return "a date" if item.quantity == DATE else f"a number in {quantity(item.quantity).unit or 'no unit'}"


def _names(chosen: Calculator) -> str:
    return ", ".join(item.name for item in chosen.inputs)


def _words(text: str) -> set[str]:
    folded = fold(text).replace("₂", "2")
    return {word for word in re.findall(r"[a-z0-9]+", folded) if word not in _STOPWORDS}


@cache
def _own_words() -> tuple[frozenset[str], ...]:
    """The words of each calculator, in the order of `calculators()`."""
    return tuple(
        frozenset(_words(f"{item.title} {item.keywords} {item.name.replace('_', ' ')}")) for item in calculators()
    )


@cache
def _rarity() -> dict[str, float]:
    counts = Counter(word for words in _own_words() for word in words)
    return {word: math.log(1 + len(_own_words()) / count) for word, count in counts.items()}
