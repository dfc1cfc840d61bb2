"""Documents become passages that keep their place, are cut between sentences, and have the same id every time."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.errors import KnowledgeError
from knowledge.chunking import chunk_markdown, chunk_text, pack
from knowledge.corpora import SAMPLE_CORPUS, disease_passages, guideline_passages, ontology_passages
from knowledge.ingest import read_corpus

DOCUMENT = """# Sepsis — 2021

Intro with **bold** words and a [link](https://x).

## Fluids

Give 30 mL/kg. Reassess often.

### Dose

| Drug | Dose |
|---|---|
| Noradrenaline | 0.1 |

- First item
  goes on here
- Second item

## Antibiotics

Within one hour.

```
IF shock -> THEN antibiotics
```
"""


def test_headings_stand_with_their_text_and_markup_is_gone() -> None:
    chunks = chunk_markdown(DOCUMENT)
    sections = [chunk.section for chunk in chunks]
    assert sections[0] == "Sepsis — 2021"
    assert any(section.startswith("Sepsis — 2021 > Fluids") for section in sections)
    text = "\n".join(chunk.text for chunk in chunks)
    assert "bold words and a link" in text
    assert "**" not in text
    assert "Noradrenaline | 0.1" in text
    assert "|---" not in text
    assert "- First item goes on here\n- Second item" in text
    assert "IF shock -> THEN antibiotics" in text


def test_no_chunk_mixes_two_second_level_headings() -> None:
    for chunk in chunk_markdown(DOCUMENT):
        assert not ("Reassess" in chunk.text and "Within one hour" in chunk.text)


def test_windows_overlap_by_whole_sentences() -> None:
    text = " ".join(f"Sentence number {n} has exactly seven words." for n in range(60))
    chunks = chunk_text(text, window=35, overlap=10)
    assert all(len(chunk.text.split()) <= 35 for chunk in chunks)
    assert all(chunk.text.startswith("Sentence") and chunk.text.endswith("words.") for chunk in chunks)
    for left, right in pairwise(chunks):
        assert right.text.startswith(left.text[-len("Sentence number 10 has exactly seven words.") :].lstrip()[:8])
        assert left.text.split(". ")[-1].rstrip(".") in right.text


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.integers(5, 60),
    st.integers(0, 4),
)
def test_packing_loses_nothing_and_respects_the_window(lengths: list[int], window: int, overlap: int) -> None:
    units = tuple(" ".join(f"u{n}w{i}" for i in range(length)) for n, length in enumerate(lengths))
    packed = list(pack(units, window=window, overlap=overlap))
    assert {word for text in packed for word in text.split()} == {word for unit in units for word in unit.split()}
    assert all(len(text.split()) <= window for text in packed)


def test_an_overlap_that_never_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        chunk_text("a b c", window=8, overlap=8)


def test_ids_are_stable_and_follow_the_text(tmp_path: Path) -> None:
    path = tmp_path / "sepsis.md"
    path.write_text(DOCUMENT)
    first = list(read_corpus(path))
    assert first == list(read_corpus(path))
    assert len({passage.id for passage in first}) == len(first)
    path.write_text(DOCUMENT.replace("one hour", "three hours"))
    changed = {passage.id for passage in read_corpus(path)} ^ {passage.id for passage in first}
    assert len(changed) == 2
    assert first[0].title == "Sepsis — 2021"


def test_guidelines_carry_doi_year_and_heading_path(tmp_path: Path) -> None:
    folder = tmp_path / "open-medicine"
    (folder / "content" / "ssc_2021").mkdir(parents=True)
    (folder / "content" / "ssc_2021" / "care.md").write_text(
        DOCUMENT + "\n> **OpenMedicine Calculator:** `x`, via MCP\n"
    )
    entry = {"id": "ssc_2021", "title": "Surviving Sepsis", "doi": "10.1/abc", "year": 2021}
    (folder / "registry.json").write_text(json.dumps([entry]))
    found = list(guideline_passages(folder))
    assert {passage.source for passage in found} == {"https://doi.org/10.1/abc"}
    assert {passage.published.year for passage in found if passage.published} == {2021}
    assert not any("MCP" in passage.text for passage in found)
    with pytest.raises(KnowledgeError, match="wardround models pull"):
        list(guideline_passages(tmp_path))
    (folder / "registry.json").write_text("[{}]")
    with pytest.raises(KnowledgeError, match=r"registry\.json"):
        list(guideline_passages(folder))


def test_an_obo_file_gives_terms_with_synonyms(tmp_path: Path) -> None:
    path = tmp_path / "hp.obo"
    path.write_text(
        'format-version: 1.2\ndata-version: hp/releases/2025-01-16\n\n[Term]\nid: HP:0001250\nname: Seizure\n'
        'def: "A \\"fit\\" of the brain." [x]\nsynonym: "Epileptic seizure" EXACT []\nis_a: HP:1 ! y\n\n'
        "[Term]\nid: HP:0000002\nname: No definition\n\n"
        '[Term]\nid: HP:0000003\nname: Old\ndef: "gone" []\nis_obsolete: true\n'
    )  # fmt: skip
    (only,) = list(ontology_passages(path))
    assert only.text == 'Seizure. A "fit" of the brain. Also called: Epileptic seizure.'
    assert only.source.endswith("HP:0001250")
    assert only.published is not None
    assert only.published.isoformat() == "2025-01-16"


def test_disease_profiles_name_their_telling_findings_first() -> None:
    found = {passage.id: passage for passage in disease_passages()}
    assert len(found) > 5000
    marfan = found["OMIM:154700"]
    assert "Ectopia lentis" in marfan.text
    assert marfan.source == "https://omim.org/entry/154700"
    assert marfan.text.index("Ectopia lentis") < marfan.text.index("Mitral valve prolapse")
    assert marfan.text.count(",") <= 60


def test_a_beir_folder_jsonl_and_plain_text_are_read(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "d1", "title": "T", "text": "one"}\n\n'
        '{"_id": "d2", "text": "two", "year": 2003, "is_retracted": true}\n'
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "not a passage"}\n')
    found = list(read_corpus(tmp_path, licence="CC0"))
    assert [(p.id, p.title, p.text, p.licence, p.is_retracted) for p in found] == [
        ("d1", "T", "one", "CC0", False), ("d2", "", "two", "CC0", True),
    ]  # fmt: skip
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("A sentence. Another one.")
    assert [p.text for p in read_corpus(tmp_path / "notes")] == ["A sentence. Another one."]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("bad.jsonl", b'{"text": "fine"}\n{"txt": "no"}\n', r"bad\.jsonl:2"),
        ("bad.jsonl", b"not json\n", r"bad\.jsonl:1"),
        ("date.jsonl", b'{"text": "x", "published": "soon"}\n', r"date\.jsonl:1"),
        ("latin.txt", "Ménière".encode("latin-1"), "UTF-8"),
        ("empty.txt", b"  \n", "no passage"),
        ("scan.docx", b"PK", "not read"),
    ],
)
def test_bad_input_is_named_with_its_place(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KnowledgeError, match=complaint):
        list(read_corpus(tmp_path / name))
    with pytest.raises(KnowledgeError, match="no such file"):
        list(read_corpus(tmp_path / "absent"))


def test_the_sample_corpus_that_ships_is_read_whole() -> None:
    found = list(read_corpus(SAMPLE_CORPUS))
    assert {passage.source.split("#")[0] for passage in found} == {
        "anticoagulants.html", "diabetes_and_bone.md", "gout.txt", "sample:q1", "sample:q2", "sample:r1",
    }  # fmt: skip
    assert [passage.id for passage in found if passage.is_retracted] == ["r1"]
    assert {passage.licence for passage in found} == {"Apache-2.0", ""}
