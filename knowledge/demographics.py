"""Age, sex and pregnancy as a case states them: the patient record first, then the first mention in the text."""

import re
from typing import NamedTuple

from cases.case import Case

_UNITS = {"year": 1.0, "yr": 1.0, "month": 1 / 12, "week": 7 / 365.25, "day": 1 / 365.25, "hour": 1 / 8766}
_NUMBER_WORDS = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
}
_AGE = re.compile(
    rf"\b(?P<n>\d{{1,3}}|{'|'.join(_NUMBER_WORDS)})\s*[- ]?\s*(?P<unit>year|yr|month|week|day|hour)s?[- ]+old\b"
    r"|\b(?P<n2>\d{1,3})\s*(?:yo|y/o|y\.o\.)\b|\baged?[: ]+(?P<n3>\d{1,3})\b|\b(?P<n4>\d{1,3})(?P<sex>[MF])\b(?=[ ,])",
    re.IGNORECASE,
)
_NEWBORN = re.compile(r"\b(?:newborn|neonate)\b", re.IGNORECASE)
_FEMALE = re.compile(r"\b(?:woman|girl|female|lady|she|her|mrs|ms|pregnant|gravida)\b", re.IGNORECASE)
_MALE = re.compile(r"\b(?:man|boy|male|gentleman|he|his|him|mr)\b", re.IGNORECASE)
_NOT_PREGNANT = re.compile(
    r"\b(?:not pregnant|denies (?:being )?pregnan\w+|(?:pregnancy test|β-hcg|hcg|urine pregnancy)[^.]{0,30}\bnegative"
    r"|negative (?:urine )?(?:pregnancy|β-hcg|hcg))",
    re.IGNORECASE,
)
_PREGNANT = re.compile(
    r"\b(?:is pregnant|pregnant (?:woman|patient|female)|\d+[- ]weeks?(?:[' ]s?)? (?:pregnant"
    r"|gestation)|weeks?['’]? gestation"
    r"|weeks? of gestation|gestational age of|gravida \d|G\d ?P\d|primigravid\w*|multigravid\w*"
    r"|in labou?r|her pregnancy"
    r"|(?:first|second|third) trimester|weeks? (?:along|into (?:her|the) pregnancy)|positive (?:pregnancy|β-hcg|hcg)"
    r"|pregnancy test (?:is|was|comes back) positive)\b",
    re.IGNORECASE,
)


class Demographics(NamedTuple):
    """None where neither the record nor the text says."""

    age_years: float | None
    sex: str | None
    is_pregnant: bool | None


def demographics(case: Case, text: str) -> Demographics:
    """What the case's record says, completed from the text. The first age stated is taken as the patient's."""
    patient = case.patient
    age: float | None = patient.age_years
    sex: str | None = patient.sex
    match = _AGE.search(text)
    if age is None and match:
        age = _age(match)
    newborn = _NEWBORN.search(text)
    if patient.age_years is None and newborn and (match is None or newborn.start() < match.start()):
        age, match = 0.0, None  # the age that follows is the mother's
    if sex is None:
        sex = _sex(text, match)
    pregnant = patient.is_pregnant
    if pregnant is None:
        pregnant = _is_pregnant(text, age, sex)
    return Demographics(age, sex, pregnant)


def _age(match: re.Match[str]) -> float | None:
    if match.group("n"):
        stated = match.group("n").lower()
        value = float(_NUMBER_WORDS.get(stated, 0) or stated) * _UNITS[match.group("unit").lower()]
    else:
        value = float(match.group("n2") or match.group("n3") or match.group("n4"))
    return value if value <= 130 else None


def _sex(text: str, age: re.Match[str] | None) -> str | None:
    if age is not None and age.group("sex"):
        return "female" if age.group("sex").upper() == "F" else "male"
    after_age = text[age.end() : age.end() + 60] if age is not None else text
    for stretch in (after_age, text):
        female, male = _FEMALE.search(stretch), _MALE.search(stretch)
        if female and (not male or female.start() < male.start()):
            return "female"
        if male:
            return "male"
    return None


def _is_pregnant(text: str, age: float | None, sex: str | None) -> bool | None:
    if _NOT_PREGNANT.search(text):
        return False
    if sex == "male" or (age is not None and not 9 <= age <= 60):
        return None
    return True if _PREGNANT.search(text) else None
