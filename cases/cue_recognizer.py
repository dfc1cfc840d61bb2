"""A presidio recogniser that reports the group `phi` of a pattern, so that cues stay in the text."""

import regex
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from cases.identifiers import Pattern, word_list

EPONYM = regex.compile(
    r"(?:['’]s?)?[ -](?:disease|syndrome|sign|test|reflex|lymphoma|thyroiditis|palsy|tumou?r|sarcoma|cells?|body|bodies"
    r"|fracture|score|scale|criteria|classification|stain|anemia|an[ae]emia|chorea|node|nodes|duct|gland|triad|phenomenon"
    r"|procedure|operation|maneuver|manoeuvre|catheter|murmur|spots?|rash|fever|virus|bacillus|contracture|ulcer|hernia"
    r"|esophagus|oesophagus|cyst|ataxia|dystrophy|encephalopathy|nephropathy|ophthalmopathy|granulomatosis|law|method"
    r"|deformity|diverticulum|lines?|plaque|apparatus|equation|formula|index|angle|position|drain|agar|breathing|respiration|purpura)\b"
)
SPECIALTY = regex.compile(r"(?:olog(?:y|ic)|iatrics?|iatry|surg(?:ery|ical)|etrics?|edics?)$")
TIMEOUT_S = 10.0


class CueRecognizer(EntityRecognizer):
    """Finds the identifiers of one `Pattern`."""

    def __init__(self, pattern: Pattern):
        self.pattern = pattern
        self.expression = regex.compile(pattern.expression, regex.VERBOSE)
        super().__init__(supported_entities=[pattern.kind], name=f"wardround {pattern.kind}", supported_language="en")

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Spans of the pattern's identifiers. Raises TimeoutError on a text that keeps the pattern busy too long."""
        results = []
        for match in self.expression.finditer(text, timeout=TIMEOUT_S, overlapped=False):
            start, end = match.span("phi")
            if self.pattern.is_name:
                start, end = trim_name(text, start, end, is_titled=self.pattern.is_titled)
            elif self.pattern.is_place:
                start, end = trim_place(text, start, end)
            if end > start:
                results.append(RecognizerResult(self.pattern.kind, start, end, self.pattern.score))
        return results


def trim_name(text: str, start: int, end: int, *, is_titled: bool = False) -> tuple[int, int]:
    """The span up to the first word that is no name; empty for eponyms without a title and where nothing is left."""
    no_names = word_list("not_names") if is_titled else word_list("not_names") | word_list("eponyms")
    words = [(match.start() + start, match.end() + start) for match in regex.finditer(r"[^\s,]+", text[start:end])]
    kept = []
    for first, last in words:
        word = text[first:last].strip(".,'’")
        word = word[:-2] if word.endswith(("'s", "’s")) else word
        if len(word) > 1 and (word.capitalize() in no_names or SPECIALTY.search(word)):
            break
        kept.append((first, last))
    while kept and len(text[kept[-1][0] : kept[-1][1]].strip(".")) < 2:
        kept.pop()
    if not kept or (not is_titled and EPONYM.match(text, kept[-1][1])):
        return start, start
    return kept[0][0], kept[-1][1]


_GENERIC_PLACE = word_list("generic_places")


def _is_generic(word: str) -> bool:
    """A word that alone names no place: common words, and specialties ("Rheumatology Clinic")."""
    return word in _GENERIC_PLACE or SPECIALTY.search(word) is not None


def trim_place(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without a leading common word; empty for a state, a country, a larger region or a generic word."""
    words = text[start:end].split(" ")
    while words and words[0] in ("The", "At", "In", "To", "From", "A", "An", "And", "On", "She", "He", "Patient"):
        start += len(words.pop(0)) + 1
    place = text[start:end].strip(" ,.")
    large = word_list("large_places")
    if not place or place in large or f"the {place}" in large or all(map(_is_generic, place.split())):
        return start, start
    first_two = " ".join(place.split()[:2])
    if place.split()[0] in large or first_two in large:
        return start, start
    return start, start + len(text[start:end].rstrip(" ,."))
