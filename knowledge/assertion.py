"""Is a finding that a text mentions present now, in this patient?

A scope method in the manner of NegEx (Chapman 2001) and ConText (Harkema 2009): trigger words before or after the
mention in its sentence, ended by words that begin a new statement.
"""

import re
from enum import StrEnum

from knowledge.sentences import sentence_spans


class Assertion(StrEnum):
    PRESENT = "present"
    NEGATED = "negated"
    HISTORICAL = "historical"
    HYPOTHETICAL = "hypothetical"
    OTHER_PERSON = "other_person"


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.IGNORECASE)


_HAVE = r"(?:has|have|had|is|are|was|were|does|do|did|feels?|felt)"
_NEGATION = _words(
    rf"(?:denie[sd]|denying|deny)(?:\s+(?:that\s+)?(?:he|she|they|it|the patient)\s+{_HAVE})?(?:\s+(?:any"
    rf"|having|a|an))*",
    rf"{_HAVE}\s*(?:not|n['’]t)(?:\s+(?:yet|currently))?(?:\s+(?:have|had|been|having|report|present with|show|appear|"
    r"complain of|any|a|an|in|experience|feel|look|seem))*",
    r"(?:has|have) never (?:had|been|experienced)",
    r"without(?:\s+(?:any|associated|evidence of|signs? of))*",
    r"no longer(?:\s+(?:has|have|any))*",
    r"no(?:\s+(?:history of|evidence of|signs? of|symptoms? of|associated|known|apparent"
    r"|obvious|further|other|current))*",
    r"negative for",
    r"not",
    r"never",
    r"absence of",
    r"lack(?:s|ed|ing)?(?: of)?",
    r"free of",
    r"rul(?:ed|es|ing) out",
    r"exclud(?:ed|es|ing)",
    r"nor",
    r"neither",
    r"absent",
    r"unremarkable for",
    r"non",
)
_NOT_A_NEGATION = _words(
    r"not only",
    r"no(?:t)?\s+(?:relie\w+|improve\w*|change[sd]?|respond\w*|response|resol\w+|better|subsid\w+|helped|help|able)",
    r"(?:does|did|do|has|have)\s*(?:not|n['’]t)\s+(?:relie\w+|improve\w*|change[sd]?|respond\w*"
    r"|resol\w+|subsid\w+|help\w*)",
    r"without (?:relief|improvement|change|response|success|treatment|warning)",
    r"no (?:significant |known )?(?:past )?(?:medical|surgical|family|social|significant) history",
    r"no (?:medications?|allergies|prior|previous|past|trauma|injur\w+)",
    r"not (?:sure|certain|know)",
    r"can(?:not| not|['’]t)",
    r"(?:un|not )able to",
    r"absent\s+(?:pulses?|breath|bowel|reflex|cremasteric|radial|pedal|gag|corneal)",
)
_SCOPE_END = re.compile(
    r"\b(?:but|however|although|though|except|apart from|aside from|yet|nevertheless|whereas|now|today|currently"
    r"|presents?|presented|presenting|complain\w*|reports?|reported|reveals?|revealed|shows?|showed|demonstrates?"
    r"|develop\w*|appears?|is|are|was|were|has|have|had|because|after|with (?:a|an|severe|acute|sudden)"
    r"|comes? to|came to|who|which|brought)\b|[;:]|\bbut\b|,\s*(?:and\s+)?(?:he|she|they|his|her|there|the)\b",
    re.IGNORECASE,
)
_NEGATED_AFTER = re.compile(
    r"^\W{0,3}(?:[\w/-]+[ ,]+){0,4}?(?:(?:was|were|is|are|has been|have been|had been)\s+)?"
    r"(?:denied|ruled out|excluded|negative\b(?! for)|not (?:present|seen|found|observed"
    r"|noted|reported|elicited|appreciated"
    r"|palpable|heard|identified)|unlikely|resolved|has resolved|have resolved)\b"
    r"|^\W{0,3}(?:is|are|was|were)\s+absent\b|^\s*[:=]\s*(?:no|none|absent|negative|nil|denied"
    r"|not)\b|^\s*\((?:-|–|neg|no)\)",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"(?P<span>(?:\d+|one|two|three|four|five|six|seven|several|few|a|an)[\s-]+(?:second"
    r"|minute|min|hour|hr|day|week|month)s?"
    r"['’]?[\s-]+)?\bhistory(?: is)?(?: \w+){0,2} (?:of|for)\b"
    r"|\b(?:previous(?:ly)?|prior|remote|status post|s/p|an old|recovered from|hospitali[sz]ed (?:for|with)|treated for"
    r"|survived|diagnosed with|underwent|undergoing|since (?:his|her|the|an?)|past medical history\W+\w*"
    r"|discharged after)\b",
    re.IGNORECASE,
)
_PRESENT_AGAIN = re.compile(
    r"\b(?:now|presents?|with|has|is|was|had|comes?|came|complain\w*|reports?|develop\w*|woke|suddenly|brought)\b",
    re.IGNORECASE,
)
_LONG_AGO = re.compile(
    r"\b(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|several|few|many)\s+(?:weeks?|months?|years?)\s+"
    r"(?:ago|earlier|before|prior|previously|after)\b|\blast (?:month|year|summer|winter|spring|fall|autumn)\b"
    r"|\bin (?:19|20)\d\d\b|\bas a (?:child|teenager)\b|\bin childhood\b|\bat (?:the )?age (?:of )?\d+\b",
    re.IGNORECASE,
)
_RELATIVES = (
    r"(?:father|mother|brother|sister|sibling|uncle|aunt|grandfather|grandmother|grandparent|cousin|roommate|neighbou?r"
    r"|husband|wife|twin|parents)"
)
_OTHER_PERSON = re.compile(
    rf"\bfamily history\b|\b{_RELATIVES}\b(?:,)?(?:\s+(?:also|who|recently|and \w+|both))*\s+(?:had"
    rf"|has|have|died|dies|suffer\w*"
    rf"|was diagnosed|is diagnosed|with|was hospitali\w+|committed|developed|takes?)\b|\b{_RELATIVES}['’]s\b",
    re.IGNORECASE,
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|unless|should (?:he|she|you|symptoms)|risks? (?:of|for)|at risk|prevent\w*|prophyla\w+|screen\w* for"
    r"|(?:concern\w*|worr\w+|afraid|fear\w*|anxious) (?:\w+ ){0,2}(?:about|of|for|that|he"
    r"|she)|in case of|evaluat\w+ for"
    r"|to rule out|complications? (?:of|such as|includ\w+|like)|(?:can|may|might|could|would) (?:\w+ ){0,2}"
    r"(?:caus\w+|lead|develop|progress|result|occur|experience|increase|be)|warn\w* (?:\w+ ){0,3}(?:of|about|that)"
    r"|counsel\w* (?:\w+ ){0,3}(?:about|on)|educat\w+ (?:\w+ ){0,3}(?:about|on)|likelihood of"
    r"|chances? of|used (?:for|in|to)"
    r"|treatment (?:of|for)|patients? (?:with|who)|study|trial|investigat\w+)\b",
    re.IGNORECASE,
)


def assertion(text: str, start: int, end: int) -> Assertion:
    """How the text asserts its mention `text[start:end]`. What is not recognised is present."""
    left, right = _sentence_around(text, start, end)
    before, after = text[left:start], text[end:right]
    if _is_negated(before, after):
        return Assertion.NEGATED
    clause = re.split(r";|\b(?:but|however|although)\b", before, flags=re.IGNORECASE)[-1]
    if _OTHER_PERSON.search(clause[-90:]):
        return Assertion.OTHER_PERSON
    if _is_historical(clause, after):
        return Assertion.HISTORICAL
    if _HYPOTHETICAL.search(clause[-70:]):
        return Assertion.HYPOTHETICAL
    return Assertion.PRESENT


def _is_negated(before: str, after: str) -> bool:
    masked = _NOT_A_NEGATION.sub(lambda match: "~" * len(match.group()), before)
    trigger = None
    for trigger in _NEGATION.finditer(masked):  # noqa: B007 (the last trigger is the one nearest to the mention)
        pass
    if trigger is not None and not _SCOPE_END.search(masked, trigger.end()):
        return True
    return bool(_NEGATED_AFTER.search(re.split(r"[;.]|\b(?:but|however)\b", after)[0][:60]))


def _is_historical(clause: str, after: str) -> bool:
    for match in _HISTORY.finditer(clause):
        since = clause[match.end() :]
        if not match.group("span") and len(since) <= 45 and not _PRESENT_AGAIN.search(since):
            return True
    opening = clause[:20] if len(clause) <= 60 and _LONG_AGO.match(clause) else ""
    before = opening + " " + clause[-40:].rsplit(",", 1)[-1]
    behind = re.split(r"[;.,]|\b(?:but|and)\b", after)[0][:45]
    return bool(_LONG_AGO.search(before) or _LONG_AGO.search(behind))


def _sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    for left, right in sentence_spans(text):
        if left <= start < right:
            return left, max(right, end)
    return start, end
