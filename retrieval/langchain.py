"""A searcher as a LangChain retriever."""

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from retrieval.passages import Filters


class EvidenceRetriever(BaseRetriever):
    """Documents whose metadata hold id, title, source, licence, date and all scores of the evidence."""

    searcher: Any
    k: int = 4
    filters: Filters | None = None

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        found = self.searcher.search(query, self.k, filters=self.filters)
        return [
            Document(
                id=item.id,
                page_content=item.text,
                metadata=item.model_dump(
                    mode="json", include={"id", "title", "source", "licence", "published", "scores", "score"}
                ),
            )
            for item in found
        ]
