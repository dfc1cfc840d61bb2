"""A quote is verified only if its span is in the evidence it names."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.evidence import Citation, CitationStatus, Evidence
from retrieval.citations import locate, verify

GUIDELINE = (
    "Give 30 mL/kg of crystalloid within the first 3 hours.\n"
    "Norepinephrine is the “first‐line” vasopressor — not dopamine.\n"
    "The *ﬁrst* dose of antibiotics is due within one hour if shock is present. Do not delay for imaging.\n"
    "Measure lactate; re-measure it if the initial value is ≥ 2 mmol/L."
)
WORDS = st.text(alphabet=string.ascii_lowercase, min_size=3, max_size=9)


def test_an_exact_quote_has_the_offsets_of_its_span() -> None:
    found = locate("Norepinephrine is the", GUIDELINE)
    assert found.status is CitationStatus.EXACT
    assert found.score == 1.0
    assert GUIDELINE[found.start : found.end] == "Norepinephrine is the"


@pytest.mark.parametrize(
    ("quote", "span"),
    [
        ('the "first-line" vasopressor - not dopamine', "the “first‐line” vasopressor — not dopamine"),
        ("FIRST DOSE OF ANTIBIOTICS", "ﬁrst* dose of antibiotics"),
        ("within the first 3 hours. Norepinephrine", "within the first 3 hours.\nNorepinephrine"),
        ("initial value is >= 2 mmol/L", "initial value is ≥ 2 mmol/L"),
        ('"Do not delay for imaging."', "Do not delay for imaging."),
    ],
)
def test_case_space_quotes_dashes_and_ligatures_do_not_matter(quote: str, span: str) -> None:
    found = locate(quote, GUIDELINE)
    assert found.status in (CitationStatus.EXACT, CitationStatus.NORMALISED)
    assert GUIDELINE[found.start : found.end] == span


def test_a_slip_is_found_with_its_similarity_shown() -> None:
    found = locate("Norepinephrin is the first-line vasopresor, not dopamine", GUIDELINE)
    assert found.status is CitationStatus.FUZZY
    assert 0.85 <= found.score < 1.0
    assert GUIDELINE[found.start : found.end].startswith("Norepinephrine is the")


@pytest.mark.parametrize(
    "quote",
    [
        "Give 60 mL/kg of crystalloid within the first 3 hours.",
        "Do delay for imaging.",
        "Dopamine is the preferred vasopressor in septic shock",
        "lactat",
        "Do nt",
        "",
        "“”",
    ],
)
def test_another_number_a_lost_negation_or_invented_text_is_not_verified(quote: str) -> None:
    found = locate(quote, GUIDELINE)
    assert found.status is CitationStatus.UNVERIFIED
    assert found.start is None


def test_a_short_quote_counts_only_as_whole_words() -> None:
    assert locate("lactate", GUIDELINE).status is CitationStatus.EXACT
    assert locate("act", GUIDELINE).status is CitationStatus.UNVERIFIED


def test_an_ellipsis_joins_parts_in_order_only() -> None:
    found = locate("Norepinephrine is the ... not dopamine", GUIDELINE)
    assert found.start is not None
    assert GUIDELINE[found.start : found.end].startswith("Norepinephrine")
    assert GUIDELINE[found.start : found.end].endswith("dopamine")
    assert locate("Do not delay for imaging ... Norepinephrine is the", GUIDELINE).status is CitationStatus.UNVERIFIED


@settings(max_examples=150, deadline=None)
@given(words=st.lists(WORDS, min_size=12, max_size=60), data=st.data())
def test_a_slice_of_a_text_is_found_where_it_stands(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    start = data.draw(st.integers(0, len(words) - 4))
    length = data.draw(st.integers(4, len(words) - start))
    quote = " ".join(words[start : start + length])
    found = locate(quote, text)
    assert found.status is CitationStatus.EXACT
    assert text[found.start : found.end] == quote


@settings(max_examples=100, deadline=None)
@given(words=st.lists(WORDS, min_size=8, max_size=40), seed=st.integers(0, 10**6))
def test_a_slice_survives_other_case_and_spacing(words: list[str], seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(word + chance.choice([" ", "  ", "\n", "\t"]) for word in words)
    quote = " ".join(chance.choice([word.upper(), word.title(), word]) for word in words[2:7])
    found = locate(quote, text)
    assert found.start is not None
    assert text[found.start : found.end].split() == words[2:7]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_random_words_are_never_verified(seed: int) -> None:
    chance = random.Random(seed)
    drawn = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(3, 9))) for _ in range(70)]
    text, quote = " ".join(drawn[:60]), " ".join(drawn[60:])
    assert locate(quote, text).status is CitationStatus.UNVERIFIED


def test_a_citation_is_verified_against_the_evidence_it_names_alone() -> None:
    evidence = [Evidence(id="E1", text=GUIDELINE), Evidence(id="E2", text="Nothing of the kind.")]
    right = verify(Citation(evidence_id="E1", quote="Measure lactate"), evidence)
    assert right.is_verified
    assert right.start == GUIDELINE.index("Measure lactate")
    assert not verify(Citation(evidence_id="E2", quote="Measure lactate"), evidence).is_verified
    assert not verify(Citation(evidence_id="E9", quote="Measure lactate"), evidence).is_verified


def test_a_status_that_an_agent_claims_is_overwritten() -> None:
    claimed = Citation(
        evidence_id="E1", quote="made up words of mine", status=CitationStatus.EXACT, score=1.0, start=0, end=5
    )
    assert verify(claimed, [Evidence(id="E1", text=GUIDELINE)]).status is CitationStatus.UNVERIFIED
