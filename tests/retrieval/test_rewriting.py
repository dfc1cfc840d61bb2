"""A question becomes what an answer would say; a silent or wordy model does no harm."""

import pytest
from langchain_core.language_models import FakeListChatModel

from cases.evidence import Evidence, Passage
from retrieval.build import build_index
from retrieval.queries import make_query
from retrieval.relevance import Floors
from retrieval.rewriting import Rewriting, asking, follow_up, rewrite, with_feedback
from retrieval.search import Searcher

QUESTION = "Hot swollen great toe overnight?"


def writer(reply: str):
    prompts: list[str] = []

    async def ask(prompt: str) -> str:
        prompts.append(prompt)
        return reply

    return ask, prompts


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    folder = tmp_path_factory.mktemp("index")
    texts = ["gout is treated with colchicine", "a hot toe was seen in clinic", "gout flares need colchicine early"]
    rows = [Passage(id=str(n), title="", text=text) for n, text in enumerate(texts)]
    build_index(rows, folder / "i", folder, encoder_source=None)
    return Searcher.open(folder / "i", folder).having(floors=Floors.none())


async def test_each_way_makes_the_published_query() -> None:
    ask, _ = writer("Gout is treated\nwith colchicine.")
    written = "Gout is treated with colchicine."
    hyde = await rewrite(QUESTION, "hyde", ask)
    assert (hyde.words, hyde.pieces, hyde.is_averaged) == (written, (QUESTION, written), True)
    doc = await rewrite(QUESTION, "query2doc", ask)
    assert doc.words == f"{QUESTION} {QUESTION} {written}"
    assert doc.pieces == (f"{QUESTION} {written}",)
    assert not doc.is_averaged
    lamer = await rewrite(QUESTION, "lamer", ask)
    assert (lamer.words, lamer.is_averaged) == (f"{QUESTION} {written}", True)


async def test_hypotheses_are_searched_each_by_itself() -> None:
    ask, _ = writer('1. Gout\n- "Septic arthritis"\n* Gout\n\n3) Cellulitis\n4) Too many')
    query = await rewrite(QUESTION, Rewriting.HYPOTHESES, ask)
    assert query.pieces == (QUESTION, "Gout", "Septic arthritis", "Cellulitis")
    assert query.words.endswith("Gout Septic arthritis Cellulitis")


@pytest.mark.parametrize("way", list(Rewriting))
async def test_a_silent_model_leaves_the_question_as_it_was(way: Rewriting) -> None:
    ask, _ = writer("  \n ")
    assert await rewrite(QUESTION, way, ask) == make_query(QUESTION)


async def test_lamer_shows_the_model_what_a_first_search_finds(searcher: Searcher) -> None:
    ask, prompts = writer("colchicine")
    await rewrite("hot toe", "lamer", ask, searcher=searcher)
    assert "a hot toe was seen in clinic" in prompts[0]
    ask, prompts = writer("colchicine")
    await rewrite("hot toe", "hyde", ask, searcher=searcher)
    assert "clinic" not in prompts[0]


async def test_a_chat_model_is_asked_and_its_thinking_left_out() -> None:
    ask = asking(FakeListChatModel(responses=["<think>toe... gout?</think> Gout."]))
    assert await ask("anything") == "Gout."


def test_feedback_adds_the_rare_words_that_the_best_passages_share(searcher: Searcher) -> None:
    query = with_feedback("gout", searcher, passages=2, terms=1)
    assert query.words == "gout gout colchicine"
    assert query.pieces == ("gout",)


async def test_follow_ups_end_when_the_model_is_done_or_repeats_itself() -> None:
    asked: list[str] = []

    def search(query: str, k: int) -> list[Evidence]:
        asked.append(query)
        return [Evidence(id=query, text=f"about {query}"), Evidence(id="same", text="seen")]

    replies = iter(["1. What is gout?\n2. What is colchicine?", "What is gout?", "never reached"])

    async def ask(prompt: str) -> str:
        return next(replies)

    found = await follow_up(QUESTION, ask, search)
    assert asked == ["What is gout?", "What is colchicine?"]
    assert [item.id for item in found] == ["What is gout?", "same", "What is colchicine?"]
    done, _ = writer("DONE")
    assert await follow_up(QUESTION, done, search) == []
