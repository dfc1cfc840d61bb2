"""Names that no title and no label announces: "Rosalind Featherstone was seen in clinic".

A run of capitalised words is a name where none of them is a word that clinical English spells small, an eponym, an
organism or a drug. One such word alone is a name only where it does what people do, or stands where names stand.
"""

import regex

from cases.cue_recognizer import EPONYM
from cases.identifiers import word_list

_WORD = r"(?:(?:Mc|Mac|De|Di|La|Le|Van|Fitz|O['’]|D['’])?[A-ZÀ-Þ][a-zß-ÿ]+(?:[-'’][A-ZÀ-Þ][a-zß-ÿ]+)*)"
_RUN = regex.compile(rf"(?<![\w-])(?:{_WORD}|[A-Z]\.)(?:[ \t]+(?:{_WORD}|[A-Z]\.))*(?!\w)")
_PART = regex.compile(rf"{_WORD}|[A-Z]\.")
_MOST_PARTS = 3

_OPENS_SENTENCE = regex.compile(r"(?:^|[.!?:;\n•*-]|\d\))[ \t]*$")
_PERSON_BEFORE = regex.compile(
    r"(?:\b(?i:pt|patient|re|case of|care of|seen by|reviewed by|performed by|assisted by|entered by|written by"
    r"|given by|d/w|discussed with|spoke (?:to|with)|explained to|obtained from|referring|meet|meeting|met|i saw|we saw"
    r"|i reviewed|we reviewed|to see|called|named|carer|friend)|\b(?i:regards|wishes|sincerely|faithfully|truly))"
    r"[ \t]*[,:.-]?\s*$"
)
_PLACE_BEFORE = regex.compile(r"\b(?i:in|at|near|of the|via)[ \t]+$")
_FACILITY_AFTER = regex.compile(
    r"[ \t]+(?i:hospital|clinic|center|centre|university|institute|college|society|association|street|road|avenue"
    r"|county|valley|river|island|virus|criteria|classification|protocol|trial|study|technique|method)\b"
)
_DOES_WHAT_PEOPLE_DO = regex.compile(
    r"(?:['’]s?)?,?[ \t]+(?:(?:also|again|then|now|still)[ \t]+)?(?:denie[sd]|complain(?:s|ed)|attended|attends"
    r"|present(?:s|ed)[ ](?:to|with|at|for|after|today)|underwent|smokes|drinks|lives|works|retired|walked|drove|phoned"
    r"|rang|called|agreed|declined|refused|consented|came[ ](?:in|to|back|with|for)|returned[ ](?:to|for|with)|felt"
    r"|feels|fell|reports|reported[ ](?:that|feeling|having|pain)|states|stated|says|said|told|tolerated|takes"
    r"|did[ ]not[ ]attend|(?:is|was)[ ](?:seen[ ](?:in[ ](?:the[ ])?(?:\w+[ ]){0,3}(?:clinic|department|office|ward)"
    r"|by[ ](?:the|our|dr)|at[ ]home|again|today|with[ ](?:his|her|their))|discharged|admitted|referred"
    r"|reviewed[ ](?:in|by|on|at|today)|transferred|brought|accompanied|found[ ](?:unresponsive|collapsed|on|lying|at)"
    r"|intubated|extubated|allergic|pregnant|widowed|married|retired|unemployed|(?:an?[ ])?\d{1,3}))\b"
)
_ONE_GIVEN_NAME = regex.compile(r"(?:['’]s)?[ \t]+(?:is|was|has|had|will|did|does|takes|feels|felt|came|went)\b")


def bare_names(text: str) -> list[tuple[int, int]]:
    """Spans of names without title or label, in the order of the text."""
    spans = []
    for run in _RUN.finditer(text):
        parts = [(part.start() + run.start(), part.end() + run.start()) for part in _PART.finditer(run[0])]
        span = _name_in(text, _trimmed(text, parts))
        if span is not None:
            spans.append(span)
    return spans


def _trimmed(text: str, parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts without the words before and after that are no names: "Today Clementine Hargreaves"."""
    while parts and not _may_be_given(text[slice(*parts[0])]):
        parts = parts[1:]
    return parts


def _name_in(text: str, parts: list[tuple[int, int]]) -> tuple[int, int] | None:
    if not parts or len(parts) > _MOST_PARTS:
        return None
    start, end = parts[0][0], parts[-1][1]
    full = [word for word in (text[slice(*part)] for part in parts) if not word.endswith(".")]
    if not full or EPONYM.match(text, end) or any(_stem(word) in word_list("eponyms") for word in full):
        return None
    before = text[max(0, start - 40) : start]
    if len(full) == 1:
        return (start, end) if _is_lone_name(text, full[0], before, end) else None
    if not all(_may_be_surname(word) for word in full[1:]):
        return None
    place = " ".join(full)
    if place in word_list("large_places") or _FACILITY_AFTER.match(text, end):
        return None
    if _PLACE_BEFORE.search(before) and not _PERSON_BEFORE.search(before) and full[0] not in word_list("given_names"):
        return None
    return start, end


def _is_lone_name(text: str, word: str, before: str, end: int) -> bool:
    """One word: where names stand, or opening a sentence about what people do."""
    if len(word) < 3 or word in word_list("large_places"):
        return False
    if _PERSON_BEFORE.search(before):
        return True
    if not _OPENS_SENTENCE.search(before):
        return False
    if word in word_list("given_names") and _ONE_GIVEN_NAME.match(text, end):
        return True
    return _DOES_WHAT_PEOPLE_DO.match(text, end) is not None


def _may_be_given(word: str) -> bool:
    if word.endswith(".") or word in word_list("given_names"):
        return not word.endswith(".") or len(word) == 2
    return not _is_word(word)


def _may_be_surname(word: str) -> bool:
    return word in word_list("word_surnames") or word in word_list("given_names") or not _is_word(word)


def _is_word(word: str) -> bool:
    """A word that clinical English has; of a double name, where each half is one."""
    if word in word_list("not_names") or word in word_list("brands_and_organisms"):
        return True
    halves = [half for half in regex.split(r"[-'’]", word) if half]
    return all(half.lower() in word_list("clinical_words") for half in halves)


def _stem(word: str) -> str:
    return regex.sub(r"['’]s$", "", word).split("-")[0]
