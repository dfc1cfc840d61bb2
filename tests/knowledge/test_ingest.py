"""Documents of every kind become passages with their place, and a corpus that was read is not read again."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.errors import KnowledgeError
from knowledge.corpus_store import documents, ingest, stored_passages
from knowledge.ingest import read_corpus
from knowledge.rows import read_date
from knowledge.web_pages import read_page

PAGE = """<!doctype html><html><head><title>Gout &amp; diet</title>
<meta name="citation_publication_date" content="2021/05/03">
<style>p {color: red}</style><script>var x = "not text";</script></head><body><nav>Home | About</nav>
<h1>Gout</h1><p>Urate crystals <b>inflame</b> a joint.</p><h2>Diet</h2><ul><li>Less beer</li><li>Less liver</li></ul>
<table><tr><th>Food</th><th>Purine</th></tr><tr><td>Liver</td><td>much</td></tr></table><footer>Imprint</footer></body>"""

ARTICLES = """<?xml version="1.0"?><PubmedArticleSet>
<PubmedArticle><MedlineCitation><PMID>111</PMID><Article><Journal><JournalIssue><PubDate><Year>2019</Year><Month>Mar</Month>
</PubDate></JournalIssue></Journal><ArticleTitle>Apixaban <i>in</i> atrial fibrillation.</ArticleTitle><Abstract>
<AbstractText Label="BACKGROUND">Strokes are common.</AbstractText><AbstractText Label="RESULTS">Fewer &lt; before.
</AbstractText></Abstract><PublicationTypeList><PublicationType>Journal Article</PublicationType></PublicationTypeList>
</Article></MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>222</PMID><Article><ArticleTitle>Withdrawn</ArticleTitle><Abstract><AbstractText>
It was made up.</AbstractText></Abstract><PublicationTypeList><PublicationType>Retracted Publication</PublicationType>
</PublicationTypeList></Article></MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>333</PMID><Article><ArticleTitle>No abstract</ArticleTitle></Article>
</MedlineCitation></PubmedArticle></PubmedArticleSet>"""


def test_a_web_page_keeps_headings_lists_and_tables_and_loses_the_rest(tmp_path: Path) -> None:
    (tmp_path / "gout.html").write_text(PAGE)
    found = list(read_corpus(tmp_path))
    text = "\n".join(passage.text for passage in found)
    assert {passage.title for passage in found} == {"Gout & diet"}
    assert {passage.section for passage in found} == {"Gout", "Gout > Diet"}
    assert "Urate crystals inflame a joint." in text
    assert "- Less beer\n- Less liver" in text
    assert "Liver | much" in text
    assert not any(word in text for word in ("not text", "color", "Home", "Imprint"))
    assert all(passage.published and passage.published.isoformat() == "2021-05-03" for passage in found)


@settings(deadline=None)
@given(st.text(alphabet="<>/apbtdliueh1 \"'&;=", max_size=120))
def test_no_html_breaks_the_reader(html: str) -> None:
    read_page(html)


@pytest.mark.parametrize("is_packed", [False, True])
def test_pubmed_gives_labelled_abstracts_dates_and_retractions(tmp_path: Path, is_packed: bool) -> None:
    path = tmp_path / ("pubmed.xml.gz" if is_packed else "pubmed.xml")
    path.write_bytes(gzip.compress(ARTICLES.encode()) if is_packed else ARTICLES.encode())
    first, second = read_corpus(path)
    assert first.id == "pmid:111"
    assert first.title == "Apixaban in atrial fibrillation."
    assert first.text == "BACKGROUND: Strokes are common. RESULTS: Fewer < before."
    assert first.published is not None
    assert first.published.isoformat() == "2019-03-01"
    assert first.source == "https://pubmed.ncbi.nlm.nih.gov/111/"
    assert (first.is_retracted, second.is_retracted) == (False, True)


def test_a_long_abstract_is_cut_by_its_sections(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(ARTICLES)
    found = list(read_corpus(tmp_path, window=4, overlap=0))
    assert [(p.section, p.text) for p in found[:2]] == [
        ("Background", "Strokes are common."),
        ("Results", "Fewer < before."),
    ]
    assert all(passage.id.startswith("pmid:") for passage in found)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    """Two pages with a heading, a hyphenated word, a figure with its caption, and a mention on the second page."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import numpy as np
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"pdf.fonttype": 42}), PdfPages(tmp_path / "pneumonia.pdf") as pages:
        page = Figure(figsize=(8, 11))
        page.text(0.1, 0.9, "Pneumonia in adults", fontsize=18)
        page.text(0.1, 0.8, "The consoli-\ndation is dense. Give amoxicillin for five days.", fontsize=10)
        axes = page.add_axes((0.2, 0.4, 0.4, 0.3))
        axes.imshow(np.random.default_rng(0).integers(0, 255, (64, 64)), cmap="gray")
        axes.axis("off")
        page.text(0.1, 0.35, "Figure 1. Chest radiograph of the right lung.", fontsize=10)
        pages.savefig(page)
        second = Figure(figsize=(8, 11))
        second.text(0.1, 0.9, "Follow-up", fontsize=18)
        second.text(0.1, 0.8, "As Figure 1 shows, the lower lobe was involved.", fontsize=10)
        pages.savefig(second)
    return tmp_path / "pneumonia.pdf"


def test_a_pdf_gives_text_pages_and_its_figure_with_caption_and_mention(pdf: Path, tmp_path: Path) -> None:
    found = list(read_corpus(pdf, figures_dir=tmp_path / "figures"))
    by_page = {passage.source: passage for passage in found}
    assert set(by_page) == {"pneumonia.pdf#page=1", "pneumonia.pdf#page=2"}
    first, second = by_page["pneumonia.pdf#page=1"], by_page["pneumonia.pdf#page=2"]
    assert first.section == "Pneumonia in adults"
    assert "The consolidation is dense. Give amoxicillin for five days." in first.text
    assert [figure.caption for figure in first.figures] == ["Figure 1. Chest radiograph of the right lung."]
    assert first.figures[0].path.is_file()
    assert second.figures == first.figures, "the page that mentions the figure shows it too"
    assert not any(passage.figures for passage in read_corpus(pdf)), "without a folder no picture is written"


def test_a_pdf_that_cannot_be_read_says_why(pdf: Path, tmp_path: Path) -> None:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure
    from pypdf import PdfReader, PdfWriter

    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.7\nnothing here")
    with PdfPages(tmp_path / "scan.pdf") as pages:
        pages.savefig(Figure())
    writer = PdfWriter()
    writer.append(PdfReader(pdf))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    for name, complaint in (("damaged", "unreadable PDF"), ("scan", "OCR"), ("locked", "encrypted")):
        with pytest.raises(KnowledgeError, match=complaint):
            list(read_corpus(tmp_path / f"{name}.pdf"))


def test_rows_of_known_tables_become_passages(tmp_path: Path) -> None:
    rows = [
        {"id": "q1", "question": "What is gout?", "answer": "A joint disease.", "focus": "Gout", "url": "https://x/1"},
        {"id": "HP:1", "name": "Seizure", "definition": "A fit.", "synonyms": ["Convulsion"]},
        {"code": "M10", "description": "Gout", "inclusion_terms": ["Acute gout"]},
        {"uid": 7, "findings": "Clear lungs.", "impression": "Normal.", "indication": "Cough"},
        {"id": "g", "title": "Guideline", "recommendations": "Wash hands.", "date": "2011 May (revised 2013 Aug)"},
        {"id": "m", "title": "MedRAG", "content": "A chunk.", "contents": "MedRAG. A chunk."},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    found = {passage.id: passage for passage in read_corpus(tmp_path)}
    assert found["q1"].text == "What is gout?\n\nA joint disease."
    assert found["q1"].source == "https://x/1"
    assert found["HP:1"].text == "Seizure. A fit. Also called: Convulsion."
    assert found["M10"].title == "M10 Gout"
    assert found["7"].text == "Indication: Cough\n\nFindings: Clear lungs.\n\nImpression: Normal."
    assert found["g"].published is not None
    assert found["g"].published.isoformat() == "2013-08-01"
    assert found["m"].text == "A chunk."


def test_a_table_without_text_is_passed_over_in_a_folder_and_refused_alone(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"id": ["a"], "question": ["Why?"], "answer": ["So."]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"head": [1], "tail": [2]}).to_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 but not really")
    errors: list[str] = []
    assert [p.id for p in read_corpus(tmp_path, on_error=lambda error: errors.append(str(error)))] == ["a"]
    (error,) = errors
    assert "not a Parquet table" in error
    with pytest.raises(KnowledgeError, match="holds no text"):
        list(read_corpus(tmp_path / "b.parquet"))


def test_with_a_handler_the_good_rows_and_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"text": "one"}\nbroken\n{"text": "\xff"}\n{"text": "two"}\n')
    (tmp_path / "latin.txt").write_bytes("Ménière".encode("latin-1"))
    errors: list[str] = []
    found = list(read_corpus(tmp_path, on_error=lambda error: errors.append(str(error))))
    assert [passage.text for passage in found] == ["one", "two"]
    assert ["latin.txt" in errors[0], ":2" in errors[1], ":3" in errors[2]] == [True] * 3
    with pytest.raises(KnowledgeError, match="UTF-8"):
        list(read_corpus(tmp_path))


def test_damaged_xml_keeps_what_came_before(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_text(ARTICLES[: ARTICLES.index("<PMID>222")])
    (tmp_path / "other.xml").write_text("<feed><entry/></feed>")
    errors: list[str] = []
    found = list(read_corpus(tmp_path, on_error=lambda error: errors.append(str(error))))
    assert [passage.id for passage in found] == ["pmid:111"]
    assert "damaged XML" in errors[0]
    assert "not PubMed XML" in errors[1]


def test_an_empty_corpus_is_an_error_and_a_hidden_file_is_none(tmp_path: Path) -> None:
    (tmp_path / ".hidden.md").write_text("# Secret")
    for _ in range(2):
        with pytest.raises(KnowledgeError, match="no passage"):
            list(read_corpus(tmp_path))
        (tmp_path / "empty.md").write_text("\n\n")


def test_the_same_name_in_two_folders_gives_two_sources(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "note.md").write_text("# Note\n\nThe same text.")
    found = list(read_corpus(tmp_path))
    assert [passage.source for passage in found] == ["a/note.md", "b/note.md"]
    assert len({passage.id for passage in found}) == 2


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("2013", "2013-01-01"), ("2013-05-06", "2013-05-06"), ("2013 Dec 20", "2013-12-20"), (2004, "2004-01-01"),
     ("2011 May (revised 2013 Aug)", "2013-08-01"), ("2019-03", "2019-01-01")],
)  # fmt: skip
def test_dates_are_read_as_catalogues_write_them(said: object, wanted: str) -> None:
    found = read_date(said)
    assert found is not None
    assert found.isoformat() == wanted


def corpus(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(f"# {name}\n\n{text}")
    return folder


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    folder, store = corpus(tmp_path / "in", a="Alpha.", b="Beta.", c="Gamma."), tmp_path / "store"
    first = ingest(folder, store)
    assert (first.added, first.unchanged, first.passages) == (("a.md", "b.md", "c.md"), 0, 3)
    before = {passage.id for passage in stored_passages(store)}
    corpus(folder, b="Beta, revised.")
    (folder / "c.md").unlink()
    second = ingest(folder, store)
    assert (second.added, second.changed, second.removed, second.unchanged) == ((), ("b.md",), ("c.md",), 1)
    after = {passage.id for passage in stored_passages(store)}
    assert len(before & after) == 1
    assert ingest(folder, store).unchanged == 2
    assert len(list((store / "documents").iterdir())) == 2
    assert ingest(folder, store, window=64, overlap=8).changed == ("a.md", "b.md"), "other settings, other passages"


def test_what_was_read_is_a_corpus_itself_with_its_figures(pdf: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ingest(pdf, store)
    stored = list(stored_passages(store))
    assert sum(len(passage.figures) for passage in stored) == 2
    assert sorted(read_corpus(store), key=lambda p: p.id) == sorted(stored, key=lambda p: p.id)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder, store = corpus(tmp_path / "in", a="Alpha.", b="Beta.", c="Gamma."), tmp_path / "store"

    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(folder, store, progress=stop)
    assert set(documents(store)) == {"a.md", "b.md"}
    with (store / "ledger.jsonl").open("a") as ledger:
        ledger.write('{"path": "torn')
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        ingest(folder, store, progress=stop)
    report = ingest(folder, store, progress=lambda done, _total: seen.append(done))
    assert (report.added, report.unchanged, seen) == (("c.md",), 2, [1, 2, 3])


def test_unreadable_files_are_in_the_report_and_an_empty_corpus_changes_nothing(tmp_path: Path) -> None:
    folder, store = corpus(tmp_path / "in", a="Alpha."), tmp_path / "store"
    (folder / "b.txt").write_bytes(b"\xff\xfe")
    report = ingest(folder, store)
    assert report.passages == 1
    assert "UTF-8" in report.errors[0]
    assert ingest(folder, store).errors == report.errors, "known, not read again, still said"
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(KnowledgeError, match="no passage"):
        ingest(empty, store)
    assert [passage.text for passage in stored_passages(store)] == ["Alpha."]
    with pytest.raises(KnowledgeError, match="no corpus"):
        list(stored_passages(tmp_path / "nowhere"))
