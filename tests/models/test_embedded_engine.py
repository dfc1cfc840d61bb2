"""The embedded engine itself, with the 135M model: it knows nothing of medicine, and the protocol entirely."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from cases.errors import ModelError, WeightsError
from cases.settings import Settings, load_settings
from models import manifest
from models.ask import ask, choice_probabilities, stream_text
from models.specs import TINY_MODEL, open_chat_model

pytestmark = pytest.mark.engine

CASE = SystemMessage("You are on a panel of doctors. A man of 60 has crushing chest pain and ST elevation. " * 4)
QUESTION = [CASE, HumanMessage("Which is it? A) infarction B) gout. Answer with the letter.")]


class Answer(BaseModel):
    answer: Literal["A", "B"]
    why: str = Field(max_length=40)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    settings = load_settings()
    try:
        manifest.resolve(TINY_MODEL, settings.models_dir)
    except WeightsError as error:
        pytest.skip(str(error))
    return open_chat_model("embedded-tiny", settings.model_copy(update={"cache": False}), context_tokens=4096)


async def test_a_second_question_on_a_case_reads_only_what_is_new(model):
    first = await ask(model, [CASE, HumanMessage("As a cardiologist: what is it?")], max_tokens=4)
    second = await ask(model, [CASE, HumanMessage("As a urologist: what is it?")], max_tokens=4)
    stranger = await ask(model, [SystemMessage("Tell me of the weather in Lisbon, please.")], max_tokens=4)
    assert first.usage.prompt_tokens > 80
    assert second.usage.cached_tokens > 0.7 * second.usage.prompt_tokens
    assert stranger.usage.cached_tokens < 0.5 * stranger.usage.prompt_tokens


async def test_the_schema_is_obeyed_in_one_line(model):
    reply = await ask(model, QUESTION, schema=Answer, max_tokens=60)
    assert isinstance(reply.parsed, Answer)
    assert "\n" not in reply.text


async def test_without_a_schema_the_same_prompt_gives_no_json(model):
    reply = await ask(model, QUESTION, max_tokens=60)
    assert not reply.text.lstrip().startswith("{")


async def test_token_probabilities_come_with_ids_and_a_long_list(model):
    reply = await ask(model, QUESTION, max_tokens=3, logprobs=True, top_logprobs=30)
    assert len(reply.token_ids) == len(reply.logprobs) == 3
    assert len(reply.top[0]) >= 20
    assert all(value <= 0 for value in reply.logprobs)


async def test_a_choice_costs_one_token_and_follows_the_prefill(model):
    scores = await choice_probabilities(model, QUESTION, ["A", "B"])
    assert scores.usage.reply_tokens == 1
    assert sum(scores.probabilities.values()) == pytest.approx(1)
    filled = await choice_probabilities(model, [*QUESTION, AIMessage("Answer:")], ["A", "B"])
    assert filled.probabilities != scores.probabilities


async def test_a_prefill_is_continued_and_not_repeated(model):
    reply = await ask(model, [*QUESTION, AIMessage("The answer is")], max_tokens=6)
    assert not reply.text.startswith("The answer is")


async def test_tokens_arrive_one_by_one(model):
    done = []
    pieces = [piece async for piece in stream_text(model, QUESTION, max_tokens=8, on_done=done.append)]
    assert len(pieces) >= 3
    assert "".join(pieces) == done[0].text
    assert done[0].usage.prompt_tokens > 80


async def test_greedy_replies_repeat_and_seeds_separate_samples(model):
    assert (await ask(model, QUESTION, max_tokens=8)).text == (await ask(model, QUESTION, max_tokens=8)).text
    hot = [await ask(model, QUESTION, max_tokens=8, temperature=1.2, seed=1, sample=i) for i in range(3)]
    assert len({reply.text for reply in hot}) > 1
    again = await ask(model, QUESTION, max_tokens=8, temperature=1.2, seed=1, sample=1)
    assert again.text == hot[1].text


async def test_sixteen_at_a_time_all_get_an_answer(model):
    replies = await asyncio.gather(
        *[ask(model, [CASE, HumanMessage(f"Question {i}?")], max_tokens=2) for i in range(16)]
    )
    assert all(reply.usage.reply_tokens == 2 for reply in replies)


def test_a_model_survives_the_end_of_an_event_loop(model):
    for _ in range(2):
        assert asyncio.run(ask(model, QUESTION, max_tokens=2)).usage.reply_tokens == 2


async def test_a_prompt_that_does_not_fit_and_an_image_are_clear_errors(model):
    with pytest.raises(ModelError, match="does not fit"):
        await ask(model, [HumanMessage("x " * 6000)], max_tokens=2)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(ModelError, match="refused the images"):
        await ask(model, [HumanMessage([{"type": "text", "text": "?"}, picture])], max_tokens=2)


async def test_an_adapter_changes_the_replies_and_the_identity(model, tmp_path: Path):
    settings = Settings(home=tmp_path, cache=False)
    base = manifest.resolve(TINY_MODEL, load_settings().models_dir)
    (settings.models_dir).mkdir(parents=True)
    (settings.models_dir / TINY_MODEL).symlink_to(base)
    file = _random_adapter(base / "model.gguf", tmp_path / "adapter.gguf")
    manifest.register_adapter("noise", TINY_MODEL, file, settings.models_dir)
    adapted = open_chat_model("embedded-tiny+noise", settings, context_tokens=1024)
    plain, changed = [await ask(m, QUESTION, max_tokens=1, logprobs=True) for m in (model, adapted)]
    assert changed.model.startswith(f"{plain.model}+noise@")
    assert changed.logprobs != plain.logprobs


def _random_adapter(base: Path, out: Path) -> Path:
    """A LoRA of noise on the first layers' query projections, written as GGUF."""
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(base)
    shapes = {t.name: tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors}
    writer = gguf.GGUFWriter(out, reader.fields["general.architecture"].contents())
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 16.0)
    noise = np.random.default_rng(0)
    for layer in range(4):
        name = f"blk.{layer}.attn_q.weight"
        rows, columns = shapes[name]
        writer.add_tensor(f"{name}.lora_a", noise.standard_normal((4, columns)).astype(np.float32) * 0.1)
        writer.add_tensor(f"{name}.lora_b", noise.standard_normal((rows, 4)).astype(np.float32) * 0.1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out
