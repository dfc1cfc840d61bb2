"""Doses that a text states, beside the largest that a label allows (dose_limits.toml). Adults, by mouth."""

import re
import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError

from cases.case import Record
from cases.errors import EvaluationError

TABLE = Path(__file__).with_name("dose_limits.toml")
_UNITS = {"mcg": 0.001, "µg": 0.001, "mg": 1.0, "g": 1000.0}
_WORDS = {"once": 1.0, "one": 1.0, "twice": 2.0, "two": 2.0, "three": 3.0, "four": 4.0, "six": 6.0, "five": 5.0}
_OFTEN = re.compile(
    r"(?P<word>once|twice|one|two|three|four|five|six|\d+)[ ]?(?:times|x|×)?[ ](?:a[ ]|per[ ]|each[ ])?"
    r"(?P<span>day|daily|week|weekly)|(?:every|q)[ ]?(?P<hours>\d+)[ ]?(?:hours?|h\b|hrs?)"
    r"|(?P<latin>b\.?i\.?d|t\.?i\.?d|q\.?i\.?d)\b"
    r"|\b(?P<plain>daily|a day|per day|nightly|at night|weekly|a week|per week|once)\b",
    re.IGNORECASE,
)
_LATIN = {"bid": 2.0, "tid": 3.0, "qid": 4.0}


class Limit(Record):
    """The most of one drug. Exactly one of the two limits is given."""

    names: tuple[str, ...] = Field(min_length=1)
    mg_per_day: float | None = Field(default=None, gt=0)
    mg_per_week: float | None = Field(default=None, gt=0)


class StatedDose(Record):
    """A dose as a text states it. `excess` is how many times the limit it is; above 1 is too much."""

    drug: str
    quote: str
    mg_per_day: float
    limit_mg_per_day: float

    @property
    def excess(self) -> float:
        return self.mg_per_day / self.limit_mg_per_day


@cache
def limits() -> dict[str, Limit]:
    """Every name -> its limit. Raises EvaluationError for a malformed table."""
    try:
        rows = [Limit(**row) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["drug"]]
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise EvaluationError(str(error), where=str(TABLE), remedy="restore the file") from error
    return {name: row for row in rows for name in row.names}


@cache
def _dose() -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, limits()), key=len, reverse=True))
    return re.compile(
        rf"\b(?P<drug>{names})\b(?:[ ](?:at|of|tablets?|oral(?:ly)?|po|dose|a|dose of|total))*[ ,:]*"
        r"(?P<amount>\d+(?:[.,]\d+)?)[ ]?(?P<unit>mcg|µg|mg|g)\b(?P<rest>(?:[btq]\.i\.d|[^.;\n]){0,40})",
        re.IGNORECASE,
    )


def stated_doses(text: str) -> list[StatedDose]:
    """Doses of known drugs with how often they are taken; without that a dose may be one tablet and is left out."""
    found = []
    for match in _dose().finditer(text):
        often = _OFTEN.search(match["rest"])
        if often is None:
            continue
        amount = float(match["amount"].replace(",", "" if re.search(r",\d{3}$", match["amount"]) else "."))
        per_day = amount * _UNITS[match["unit"].lower()] * _per_day(often)
        limit = limits()[match["drug"].lower()]
        daily = limit.mg_per_day if limit.mg_per_day is not None else (limit.mg_per_week or 0.0) / 7
        quote = text[match.start() : match.start("rest") + often.end()]
        found.append(StatedDose(drug=match["drug"].lower(), quote=quote, mg_per_day=per_day, limit_mg_per_day=daily))
    return found


def _per_day(often: re.Match[str]) -> float:
    if often["hours"]:
        return 24 / max(1.0, float(often["hours"]))
    if often["latin"]:
        return _LATIN[often["latin"].lower().replace(".", "")]
    if often["plain"]:
        return 1 / 7 if "week" in often["plain"].lower() else 1.0
    times = _WORDS.get(often["word"].lower()) or float(often["word"])
    return times / 7 if often["span"].lower().startswith("week") else times
