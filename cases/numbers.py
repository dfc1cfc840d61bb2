"""A number with its unit, a date, or weeks and days, read from an answer; a range or two numbers are none."""

import re
from dataclasses import dataclass

_MINUS = str.maketrans({"−": "-", "–": "-"})
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_DATE = re.compile(r"^\D{0,40}?\b(\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d{2}-\d{2})\b\D*$")
_WEEKS = re.compile(
    r"\(?['\"]?(\d{1,2})\s*weeks?['\"]?\s*,?\s*(?:and\s+)?['\"]?(\d{1,2})\s*days?['\"]?\)?", re.IGNORECASE
)
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-+]\s?)?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<e>[-+]?\d{1,3})|\s*[x×*·]\s*10\s*\^?\s*\{?(?P<ten>[-+]?\d{1,3})\}?)?"
)
_UNIT = re.compile(r"\s*(?P<unit>%|°?[A-Za-zµμ²³][\w/^%·.²³µμ°*-]*(?:/[\w.²³^]+)*(?:\s(?:Hg|H2O|per\s\w+))?)")
_RANGE = re.compile(r"\d\s*(?:-|to|or|and|/)\s*\d")


@dataclass(frozen=True)
class Quantity:
    """`value` is canonical text: a decimal number, a date as written, or "W weeks, D days"."""

    value: str | None
    kind: str = "number"
    unit: str | None = None
    why_not: str = ""


def read_quantity(text: str) -> Quantity:
    """The one quantity in a short answer. A leading "name =" or "name:" is passed over."""
    text = text.translate(_MINUS).translate(_SUPERSCRIPT).strip()
    if match := _DATE.match(text):
        return Quantity(match[1], "date")
    if match := _WEEKS.search(text):
        return Quantity(f"{int(match[1])} weeks, {int(match[2])} days", "gestation")
    text = re.sub(r"\\[,;! ]|\\(?:text|mathrm)\s*\{([^{}]*)\}", r" \1", text)
    text = re.split(r"[=≈:]", text)[-1] if re.search(r"[=≈:]\s*[-+]?[\d.]", text) else text
    numbers = list(_NUMBER.finditer(text))
    numbers = [match for match in numbers if not _is_inside_unit(text, match)]
    if not numbers:
        return Quantity(None, why_not="the answer holds no number")
    if len(numbers) > 1:
        is_range = _RANGE.search(text) is not None
        return Quantity(None, why_not="the answer is a range" if is_range else "the answer holds more than one number")
    return _one_number(text, numbers[0])


def _is_inside_unit(text: str, match: re.Match) -> bool:
    """The 2 of "per 1.73 m2" and the 1.73: parts of a unit, not of the answer."""
    before = text[: match.start()]
    return bool(re.search(r"(?:[A-Za-z²³]\s*/|\bper)\s*$", before)) or bool(re.search(r"\d\S*\s.*\^$", before))


def _one_number(text: str, match: re.Match) -> Quantity:
    exponent = int(match["e"] or match["ten"] or 0)
    number = float(match["digits"].replace(",", "")) * (-1 if (match["sign"] or "").startswith("-") else 1)
    if exponent:
        number *= 10.0**exponent
    unit = _UNIT.match(text, match.end())
    exact = match["digits"].replace(",", "") if not exponent else repr(number)
    value = f"-{exact}" if number < 0 and not exponent else exact
    return Quantity(value, unit=unit["unit"].rstrip(".,") or None if unit else None)
