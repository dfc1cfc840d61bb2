"""A LangChain vector store can stand in for an index."""

from datetime import date

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from wordy import ConceptEncoder

from cases.errors import SearchIndexError
from cases.evidence import Passage
from retrieval.vector_stores import VectorStoreSearch, documents


class Encoded(Embeddings):
    def embed_documents(self, texts):
        return ConceptEncoder().encode(texts).tolist()

    def embed_query(self, text):
        return self.embed_documents([text])[0]


ROWS = [
    Passage(id="a", title="Gout", text="colchicine for gout", source="S", licence="MIT", published=date(2020, 1, 2)),
    Passage(id="b", title="Rash", text="cream for a rash", is_retracted=True),
]


def test_what_was_put_in_comes_out_as_evidence_with_its_source():
    store = InMemoryVectorStore(Encoded())
    store.add_documents(list(documents(ROWS)))
    found = VectorStoreSearch(store).search("gout colchicine", 2)
    assert [item.id for item in found] == ["a", "b"]
    assert (found[0].source, found[0].licence, found[0].published) == ("S", "MIT", date(2020, 1, 2))
    assert found[1].is_retracted
    assert found[0].score > found[1].score
    assert [item.id for item in VectorStoreSearch(store, floor=0.5).search("gout colchicine", 2)] == ["a"]
    assert VectorStoreSearch(store).search(" ", 2) == []


def test_a_store_that_does_not_answer_is_a_typed_error():
    class Gone:
        def similarity_search_with_score(self, query, k):
            raise ConnectionError("refused")

    with pytest.raises(SearchIndexError, match="did not answer: refused"):
        VectorStoreSearch(Gone(), name="pgvector").search("gout")
