"""Asking: typed replies, typed errors, retries, the disk cache, choices, streams."""

import asyncio
import math
import pickle
import time
from pathlib import Path
from typing import Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from cases.errors import ModelError, ModelReplyError, ModelTimeout, ModelUnavailable
from models.ask import ATTEMPTS, ask, choice_probabilities, stream_text
from models.profile import ModelProfile, attach, profile_of
from models.requests import Call, build, cache_key
from tests.scripted import calls_of, planted_world, scripted

SHARED = SystemMessage("A man of 60 has crushing chest pain.")
QUESTION = [SHARED, HumanMessage("What is the answer?")]


class Answer(BaseModel):
    answer: Literal["A", "B"]
    confidence: float = Field(ge=0, le=1)


class Other(BaseModel):
    answer: Literal["A", "B"]


async def test_a_reply_carries_text_usage_and_the_model_that_answered():
    reply = await ask(scripted({"reply": "It is B."}), QUESTION)
    assert reply.text == "It is B."
    assert reply.usage.calls == 1
    assert reply.usage.prompt_tokens > 5
    assert reply.usage.reply_tokens == 4
    assert reply.model == "scripted@test"
    assert reply.finish_reason == "stop"


async def test_a_shared_prefix_counts_as_cached_tokens_in_the_second_call():
    model = scripted()
    first = await ask(model, QUESTION)
    second = await ask(model, [SHARED, HumanMessage("And the urologist?")])
    unrelated = await ask(model, [SystemMessage("Nothing in common"), HumanMessage("?")])
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens >= 8
    assert unrelated.usage.cached_tokens <= 1


async def test_a_schema_gives_a_validated_object():
    reply = await ask(scripted({"reply": {"answer": "B", "confidence": 0.7}}), QUESTION, schema=Answer)
    assert reply.parsed == Answer(answer="B", confidence=0.7)


async def test_json_in_a_code_block_is_read():
    model = scripted({"reply": '```json\n{"answer": "A", "confidence": 0.5}\n```'}, obeys_schema=False)
    assert (await ask(model, QUESTION, schema=Answer)).parsed == Answer(answer="A", confidence=0.5)


async def test_a_control_character_inside_a_string_does_not_cost_the_reply():
    model = scripted({"reply": '{\n"answer":\r "A", "note": "two\x1a words\n", "confidence": 0.5}'}, obeys_schema=False)
    assert (await ask(model, QUESTION, schema=Answer)).parsed == Answer(answer="A", confidence=0.5)


async def test_a_model_that_ignores_the_schema_is_a_typed_error_with_its_raw_words():
    model = scripted({"reply": "I think it is B."}, obeys_schema=False)
    with pytest.raises(ModelReplyError, match="not a Answer") as caught:
        await ask(model, QUESTION, schema=Answer)
    assert caught.value.raw == "I think it is B."
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.raw) == (str(caught.value), caught.value.raw)


async def test_json_that_is_cut_off_says_so():
    model = scripted({"reply": {"answer": "B", "confidence": 0.7}})
    with pytest.raises(ModelReplyError, match="cut off after 4 tokens"):
        await ask(model, QUESTION, schema=Answer, max_tokens=4)


async def test_an_engine_that_is_away_is_tried_again_and_then_reported():
    back = scripted({"fail": "unavailable", "times": ATTEMPTS - 1}, {"reply": "here"})
    assert (await ask(back, QUESTION)).text == "here"
    with pytest.raises(ModelUnavailable):
        await ask(scripted({"fail": "unavailable"}), QUESTION)


async def test_a_timeout_is_typed_and_not_tried_again():
    model = scripted({"delay_s": 5.0, "reply": "late"})
    started = time.perf_counter()
    with pytest.raises(ModelTimeout, match=r"no reply within 0\.1 s"):
        await ask(model, QUESTION, timeout_s=0.1)
    assert time.perf_counter() - started < 2


async def test_waiting_for_a_small_engine_does_not_count_as_a_timeout():
    slow = scripted({"delay_s": 0.2, "reply": "done"})
    in_turn = attach(slow, profile_of(slow).model_copy(update={"parallel": 1}))
    started = time.perf_counter()
    replies = await asyncio.gather(*[ask(in_turn, QUESTION, timeout_s=0.5) for _ in range(5)])
    assert time.perf_counter() - started > 0.9
    assert all(reply.usage.seconds < 0.5 for reply in replies)


async def test_a_programming_error_is_not_dressed_up_as_a_model_error():
    def broken(messages):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask(scripted({"reply": broken}), QUESTION)


async def test_an_unreachable_server_is_reported_in_seconds_with_a_remedy(tmp_path: Path):
    from cases.settings import Settings
    from models.specs import open_chat_model

    model = open_chat_model("vllm:some/model@http://127.0.0.1:9/v1", Settings(home=tmp_path))
    started = time.perf_counter()
    with pytest.raises(ModelUnavailable, match="wardround serve-model"):
        await ask(model, QUESTION)
    assert time.perf_counter() - started < 25


# the disk cache


async def test_the_second_identical_call_comes_from_disk_and_reports_its_usage(tmp_path: Path):
    model = scripted({"reply": {"answer": "A", "confidence": 1.0}}, cache_path=tmp_path / "replies.sqlite")
    first = await ask(model, QUESTION, schema=Answer)
    second = await ask(model, QUESTION, schema=Answer)
    assert not first.is_from_cache
    assert second.is_from_cache
    assert second.usage == first.usage
    assert second.parsed == first.parsed
    assert len(calls_of(model)) == 1
    third = await ask(model, QUESTION, schema=Answer, use_cache=False)
    assert not third.is_from_cache


async def test_failures_are_never_kept(tmp_path: Path):
    model = scripted({"fail": "bad_reply", "times": 1}, {"reply": "well"}, cache_path=tmp_path / "replies.sqlite")
    with pytest.raises(ModelReplyError):
        await ask(model, QUESTION)
    assert (await ask(model, QUESTION)).text == "well"


def test_whatever_changes_the_reply_changes_the_key():
    plain = ModelProfile(identity="m@1", engine="llamacpp")
    calls = [
        (plain, QUESTION, Call(max_tokens=8)),
        (plain, QUESTION, Call(max_tokens=9)),
        (plain, QUESTION, Call(max_tokens=8, temperature=0.7)),
        (plain, QUESTION, Call(max_tokens=8, sample=1)),
        (plain, QUESTION, Call(max_tokens=8, seed=1)),
        (plain, QUESTION, Call(max_tokens=8, schema=Answer)),
        (plain, QUESTION, Call(max_tokens=8, schema=Other)),
        (plain, QUESTION, Call(max_tokens=8, logprobs=True)),
        (plain, QUESTION, Call(max_tokens=8, stop=("\n",))),
        (plain, QUESTION[:1], Call(max_tokens=8)),
        (plain, [AIMessage(QUESTION[0].content), QUESTION[1]], Call(max_tokens=8)),
        (plain, [SHARED, HumanMessage([_picture("AAAA")])], Call(max_tokens=8)),
        (plain, [SHARED, HumanMessage([_picture("AAAB")])], Call(max_tokens=8)),
        (ModelProfile(identity="m@1+adapter@2", engine="llamacpp"), QUESTION, Call(max_tokens=8)),
        (ModelProfile(identity="m@2", engine="llamacpp"), QUESTION, Call(max_tokens=8)),
        (ModelProfile(identity="m@1", engine="vllm", base_url="http://a"), QUESTION, Call(max_tokens=8)),
    ]
    assert len({cache_key(*call) for call in calls}) == len(calls)
    assert cache_key(*calls[0]) == cache_key(plain, list(QUESTION), Call(max_tokens=8))


async def test_samples_of_one_prompt_are_kept_apart_and_seeded_apart(tmp_path: Path):
    model = scripted({"reply": ["A", "B", "C"]}, cache_path=tmp_path / "replies.sqlite")
    texts = [(await ask(model, QUESTION, temperature=0.7, seed=0, sample=i)).text for i in range(3)]
    assert texts == ["A", "B", "C"]
    assert [call.arguments["seed"] for call in calls_of(model)] == [0, 1, 2]
    assert (await ask(model, QUESTION, temperature=0.7, seed=0, sample=1)).is_from_cache


async def test_many_writers_at_once_lose_nothing(tmp_path: Path):
    model = scripted({"reply": "yes"}, cache_path=tmp_path / "replies.sqlite")
    await asyncio.gather(*[ask(model, [HumanMessage(f"{i % 10}")]) for i in range(60)])
    again = await asyncio.gather(*[ask(model, [HumanMessage(f"{i}")]) for i in range(10)])
    assert all(reply.is_from_cache for reply in again)


def _other_process(path: str, start: int) -> int:
    async def run() -> int:
        model = scripted({"reply": "yes"}, cache_path=Path(path))
        replies = [await ask(model, [HumanMessage(f"{i}")]) for i in range(start, start + 20)]
        return sum(reply.is_from_cache for reply in replies)

    return asyncio.run(run())


def test_two_processes_share_one_cache(tmp_path: Path):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    path = str(tmp_path / "replies.sqlite")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_other_process, [path, path], [0, 10]))
    assert _other_process(path, 0) == 20
    assert _other_process(path, 10) == 20


async def test_a_cache_that_is_no_database_is_a_clear_error(tmp_path: Path):
    bad = tmp_path / "replies.sqlite"
    bad.write_text("not a database, but long enough to be read as one" * 40)
    with pytest.raises(ModelError, match="reply cache cannot be used"):
        await ask(scripted(cache_path=bad), QUESTION)


# choices


async def test_choice_probabilities_are_renormalised_and_what_lies_outside_is_told():
    model = scripted({"probabilities": {"A": 0.2, " A": 0.1, "B": 0.3, "The": 0.4}})
    scores = await choice_probabilities(model, QUESTION, ["A", "B"])
    assert scores.probabilities == pytest.approx({"A": 0.5, "B": 0.5})
    assert scores.outside == pytest.approx(0.4)
    assert scores.usage.reply_tokens == 1
    assert calls_of(model)[0].arguments["max_tokens"] == 1


async def test_a_label_that_the_engine_does_not_list_counts_as_zero_and_none_listed_is_an_error():
    scores = await choice_probabilities(scripted({"probabilities": {"A": 0.5, "x": 0.5}}), QUESTION, ["A", "B"])
    assert scores.probabilities == {"A": 1.0, "B": 0.0}
    assert scores.best == "A"
    with pytest.raises(ModelReplyError, match="none of"):
        await choice_probabilities(scripted({"probabilities": {"x": 1.0}}), QUESTION, ["A", "B"])


async def test_a_provider_without_probabilities_votes_with_the_label_it_says():
    from langchain_core.language_models import FakeListChatModel

    model = FakeListChatModel(responses=[" B.", "Perhaps"])
    scores = await choice_probabilities(model, QUESTION, ["A", "B"])
    assert scores.is_vote
    assert scores.probabilities == {"A": 0.0, "B": 1.0}
    with pytest.raises(ModelReplyError, match="Perhaps"):
        await choice_probabilities(model, QUESTION, ["A", "B"])


async def test_a_planted_finding_is_found_and_without_it_belief_is_even():
    model = planted_world({"chest pain": "B", "gout": "A"})
    seen = await choice_probabilities(model, QUESTION, ["A", "B"])
    control = await choice_probabilities(model, [HumanMessage("Nothing to see.")], ["A", "B"])
    assert seen.probabilities["B"] == pytest.approx(0.9)
    assert control.probabilities["B"] == pytest.approx(0.5)


# streams


async def test_a_stream_gives_the_same_text_in_pieces_and_the_reply_at_the_end():
    done = []
    model = scripted({"reply": "It is the heart."})
    pieces = [piece async for piece in stream_text(model, QUESTION, on_done=done.append)]
    assert len(pieces) > 3
    assert "".join(pieces) == done[0].text == "It is the heart."
    assert done[0].usage.reply_tokens == 5


async def test_a_failing_stream_raises_the_typed_error():
    with pytest.raises(ModelTimeout):
        async for _ in stream_text(scripted({"fail": "timeout"}), QUESTION):
            pass


async def test_a_reader_who_leaves_ends_the_call():
    model = scripted({"reply": "one two three four five six"}, token_delay_s=0.05)
    stream = stream_text(model, QUESTION)
    assert await anext(stream) == "one"
    await stream.aclose()
    await asyncio.sleep(0.1)
    assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task() and "run" in repr(t.get_coro())]


# dialects


def test_each_engine_gets_its_own_dialect_of_one_call():
    prefilled = [*QUESTION, AIMessage("Answer:")]
    call = Call(max_tokens=4, schema=Answer, logprobs=True, top_logprobs=5, seed=2, sample=3)
    sent, vllm = build(ModelProfile(identity="m@1", engine="vllm"), prefilled, call)
    assert vllm["extra_body"]["continue_final_message"] is True
    assert vllm["extra_body"]["response_format"]["json_schema"]["strict"] is True
    assert vllm["seed"] == 2003
    assert len(sent) == 3
    sent, openai = build(ModelProfile(identity="m@1", engine="openai"), prefilled, call)
    assert len(sent) == 2
    assert set(openai["extra_body"]) == {"response_format"}
    sent, other = build(ModelProfile(identity="m@1", engine="other"), prefilled, call)
    assert set(other) == {"max_tokens", "temperature"}
    assert "JSON schema" in str(sent[-1].content)
    assert sent[:-1] == QUESTION


def test_a_model_from_elsewhere_gets_a_profile_without_a_cache():
    from langchain_core.language_models import FakeListChatModel

    profile = profile_of(FakeListChatModel(responses=["x"]))
    assert profile.cache_path is None
    assert profile.engine == "other"


async def test_cost_follows_the_price_of_fresh_cached_and_reply_tokens():
    model = attach(
        scripted({"reply": "a b c"}),
        ModelProfile(identity="m@1", engine="scripted", prompt_price=2e6, cached_price=1e6, reply_price=4e6),
    )
    await ask(model, QUESTION)
    usage = (await ask(model, QUESTION)).usage
    fresh = usage.prompt_tokens - usage.cached_tokens
    assert usage.cost == pytest.approx(2 * fresh + usage.cached_tokens + 4 * usage.reply_tokens)
    assert usage.cached_tokens > 0
    assert math.isfinite(usage.cost)


def _picture(data: str) -> dict:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
