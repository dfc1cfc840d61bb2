"""A real vLLM server with a tiny random Qwen2.5-VL: the wire protocol, not medicine.

Runs where `.venv-vllm` is (scripts/setup_vllm_cpu.sh makes it); about two minutes on two cores.
"""

import base64
import io
import socket
from pathlib import Path
from typing import Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from cases.errors import ModelError, WardroundError
from cases.settings import Settings
from models import serve
from models.ask import ask, choice_probabilities, stream_text
from models.doctor import diagnose
from models.specs import open_chat_model
from tests.models.tiny import tiny_lora, tiny_qwen25_vl

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]

CASE = SystemMessage("You are a doctor. The patient has fever, cough and chest pain since two days. " * 8)
QUESTION = [CASE, HumanMessage("A or B?")]


class Answer(BaseModel):
    answer: Literal["A", "B"]
    note: str = Field(max_length=12)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    try:
        if "vllm" not in serve.installed_build(serve.find_python()):
            raise AssertionError
    except WardroundError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("vllm")
    base = tiny_qwen25_vl(folder / "tiny-qwen2.5-vl")
    adapter = tiny_lora(base, folder / "adapter", prefix="base_model.model.model.language_model.layers")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    plan = serve.plan(str(base), port=port, adapters={"noise": adapter}, images=2, context_tokens=2048)
    with serve.running(plan, log=folder / "vllm.log", wait_s=900, say=print):
        yield plan


def opened(served, tmp_path: Path, name: str = "", **changes):
    spec = f"vllm:{name}@{served.url}" if name else served.spec
    return open_chat_model(spec, Settings(home=tmp_path, cache=False, request_timeout_s=120, **changes))


def picture(shade: int) -> dict:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (112, 112), (shade, shade, shade)).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


async def test_chat_counts_tokens_and_repeats_itself(served, tmp_path):
    model = opened(served, tmp_path)
    first, again = [await ask(model, QUESTION, max_tokens=8) for _ in range(2)]
    assert first.text == again.text
    assert first.usage.prompt_tokens > 50
    assert first.usage.reply_tokens <= 8
    hot = [await ask(model, QUESTION, max_tokens=8, temperature=1.0, seed=3, sample=i) for i in range(4)]
    assert len({reply.text for reply in hot}) > 1


async def test_two_images_change_the_reply_and_three_are_refused(served, tmp_path):
    model = opened(served, tmp_path)

    async def seen(*shades: int) -> tuple[float, ...]:
        blocks = [*map(picture, shades), {"type": "text", "text": "A or B?"}]
        return (await ask(model, [HumanMessage(blocks)], max_tokens=2, logprobs=True)).logprobs

    assert await seen(10, 250) == await seen(10, 250)
    assert await seen(10, 250) != await seen(250, 250)
    with pytest.raises(ModelError, match="refused the images") as caught:
        await seen(1, 2, 3)
    assert not caught.value.is_retryable


async def test_the_schema_is_obeyed_by_a_model_that_knows_nothing(served, tmp_path):
    reply = await ask(opened(served, tmp_path), QUESTION, schema=Answer, max_tokens=160)
    assert isinstance(reply.parsed, Answer)


async def test_token_ids_logprobs_and_a_choice_in_one_token(served, tmp_path):
    model = opened(served, tmp_path)
    reply = await ask(model, QUESTION, max_tokens=4, logprobs=True, top_logprobs=20)
    assert len(reply.logprobs) == reply.usage.reply_tokens
    assert 10 <= len(reply.top[0]) <= 20  # bytes of unfinished characters share one text
    try:
        scores = await choice_probabilities(model, [*QUESTION, AIMessage("Answer:")], list(reply.top[0]))
    except ModelError as error:
        pytest.fail(str(error))
    assert sum(scores.probabilities.values()) == pytest.approx(1)
    assert scores.usage.reply_tokens == 1


async def test_a_second_question_on_a_case_is_served_from_the_prefix_cache(served, tmp_path):
    model = opened(served, tmp_path)
    await ask(model, [CASE, HumanMessage("First?")], max_tokens=2)
    metrics = _metrics(served)
    await ask(model, [CASE, HumanMessage("Second, which is another?")], max_tokens=2)
    after = _metrics(served)
    assert after["hits"] - metrics["hits"] > 0.5 * (after["queries"] - metrics["queries"])


async def test_tokens_arrive_as_a_stream_with_usage_at_its_end(served, tmp_path):
    done = []
    pieces = [p async for p in stream_text(opened(served, tmp_path), QUESTION, max_tokens=8, on_done=done.append)]
    assert "".join(pieces) == done[0].text
    assert done[0].usage.prompt_tokens > 50


async def test_an_adapter_is_asked_for_by_name_and_differs_from_its_base(served, tmp_path):
    plain = await ask(opened(served, tmp_path), QUESTION, max_tokens=2, logprobs=True)
    changed = await ask(opened(served, tmp_path, "noise"), QUESTION, max_tokens=2, logprobs=True)
    assert plain.logprobs != changed.logprobs
    assert changed.model.startswith("noise@")


async def test_several_samples_of_one_request(served):
    import httpx

    body = {"model": served.spec.removeprefix("vllm:").split("@")[0], "n": 4, "temperature": 1.0, "max_tokens": 6}
    body["messages"] = [{"role": "user", "content": "A or B?"}]
    async with httpx.AsyncClient(timeout=60) as client:
        choices = (await client.post(f"{served.url}/chat/completions", json=body)).json()["choices"]
    assert len(choices) == 4
    assert len({choice["message"]["content"] for choice in choices}) > 1


async def test_what_the_server_refuses_is_said_clearly(served, tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        await ask(opened(served, tmp_path, "other-model"), QUESTION, max_tokens=2)
    with pytest.raises(ModelError, match="does not fit"):
        await ask(opened(served, tmp_path), [HumanMessage("x y z " * 3000)], max_tokens=2)


def test_the_doctor_sees_the_model_and_that_it_reads_images(served, tmp_path):
    settings = Settings(home=tmp_path, model=served.spec, vision_model=served.spec, port=0)
    checks = {check.name: check for check in diagnose(settings)}
    assert checks["model"].ok
    assert "context 2048" in checks["model"].detail
    assert checks["vision model"].ok, checks["vision model"].detail


def _metrics(served) -> dict[str, float]:
    import httpx

    lines = httpx.get(served.url.removesuffix("/v1") + "/metrics").text.splitlines()
    return {
        name: sum(float(line.split()[-1]) for line in lines if line.startswith(f"vllm:prefix_cache_{name}_total"))
        for name in ("hits", "queries")
    }
