"""`hf:FOLDER` with a tiny random model of a true architecture: the whole path, offline."""

from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from cases.errors import ModelError, ModelReplyError, WeightsError
from cases.settings import Settings
from models.ask import ask, choice_probabilities
from models.in_process import identity_of
from models.profile import profile_of
from models.specs import open_chat_model
from tests.models.tiny import tiny_llama

QUESTION = [SystemMessage("You are a doctor."), HumanMessage("Fever. A or B?")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory):
    return open_chat_model(f"hf:{folder}", Settings(home=tmp_path_factory.mktemp("home"), cache=False))


async def test_it_answers_counts_and_is_reproducible(model):
    first = await ask(model, QUESTION, max_tokens=8)
    again = await ask(model, QUESTION, max_tokens=8)
    assert first.text == again.text
    assert first.usage.prompt_tokens > 10
    assert 1 <= first.usage.reply_tokens <= 8


async def test_seeds_separate_samples(model):
    texts = {(await ask(model, QUESTION, max_tokens=8, temperature=1.0, seed=1, sample=i)).text for i in range(4)}
    assert len(texts) > 1
    one = await ask(model, QUESTION, max_tokens=8, temperature=1.0, seed=1, sample=2)
    assert one.text == (await ask(model, QUESTION, max_tokens=8, temperature=1.0, seed=1, sample=2)).text


async def test_logprobs_belong_to_the_tokens_and_a_prefill_is_continued(model):
    reply = await ask(model, QUESTION, max_tokens=4, logprobs=True, top_logprobs=5)
    assert len(reply.logprobs) == len(reply.token_ids) == reply.usage.reply_tokens
    assert all(value <= 0 for value in reply.logprobs)
    assert len(reply.top[0]) <= 5
    longer = await ask(model, [*QUESTION, AIMessage("Answer: A and")], max_tokens=4)
    assert longer.usage.prompt_tokens > reply.usage.prompt_tokens
    assert not longer.text.startswith("Answer")


async def test_choice_probabilities_work_on_a_model_in_this_process(model):
    try:
        scores = await choice_probabilities(model, QUESTION, ["A", "B"])
    except ModelReplyError:
        pytest.skip("this random model ranks neither label among its first 200 tokens")
    assert sum(scores.probabilities.values()) == pytest.approx(1)


async def test_a_schema_cannot_be_enforced_here_and_its_breach_is_typed(model):
    class Answer(BaseModel):
        answer: str

    with pytest.raises(ModelReplyError):
        await ask(model, QUESTION, schema=Answer, max_tokens=8)


async def test_images_are_refused_with_a_remedy(model):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(ModelError, match="vllm:MODEL@URL reads images"):
        await ask(model, [HumanMessage([{"type": "text", "text": "?"}, picture])])


async def test_the_identity_follows_the_files_and_an_empty_folder_is_refused(model, folder: Path, tmp_path: Path):
    before = profile_of(model).identity
    (folder / "note.txt").write_text("changed")
    settings = Settings(home=tmp_path, cache=False)
    assert profile_of(open_chat_model(f"hf:{folder}", settings)).identity != before
    with pytest.raises(WeightsError, match=r"config\.json"):
        await ask(open_chat_model(f"hf:{tmp_path}", settings), QUESTION)


def test_a_hub_id_that_is_not_here_says_so_and_opens_nothing():
    assert identity_of("nobody/has-this-model") == "nobody/has-this-model@not-cached"
