"""Dates as people write them in notes: the day they mean, or at least the year."""

import re
from datetime import date

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")


def day_of(text: str) -> date | None:
    """The day of a whole date; None for a part of one. 03/04/2021 is read as in the US, 13/04/2021 day first."""
    if match := re.match(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text):
        return _day(int(match[1]), int(match[2]), int(match[3]))
    if match := re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{2,4})$", text):
        first, second, year = int(match[1]), int(match[2]), _full_year(match[3])
        return _day(year, second, first) if first > 12 or "." in text else _day(year, first, second)
    word, year_found = (
        re.search(r"[A-Za-z]{3,}", re.sub(r"\bthe\b|\bof\b", " ", text, flags=re.IGNORECASE)),
        _YEAR.search(text),
    )
    number = re.search(r"(?<!\d)(\d{1,2})(?!\d)", text)
    if word and year_found and number and word[0][:3].lower() in _MONTHS:
        return _day(int(year_found[1]), _MONTHS[word[0][:3].lower()], int(number[1]))
    return None


def year_of(text: str) -> int | None:
    """The four-digit year in a date, if there is one."""
    match = _YEAR.search(text)
    return int(match[1]) if match else None


def _full_year(text: str) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return 2000 + year if year < 50 else 1900 + year


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
