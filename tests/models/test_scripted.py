"""The scripted model behaves like an engine: rules, schemas, limits, failures, token counts."""

import json

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from cases.errors import ModelReplyError, ModelUnavailable
from models.scripted import ScriptedChat, smallest
from tests.scripted import calls_of, scripted


class Part(BaseModel):
    name: str = Field(min_length=2)


class Whole(BaseModel):
    kind: str = Field(pattern="x|y", default="x")
    parts: list[Part] = Field(min_length=2)
    count: int = Field(ge=3)
    note: str | None
    is_sure: bool


def test_the_smallest_value_of_a_schema_is_valid():
    value = smallest(Whole.model_json_schema())
    made = Whole.model_validate(value)
    assert made.count == 3
    assert [part.name for part in made.parts] == ["xx", "xx"]


def test_the_first_rule_that_matches_answers_and_a_spent_rule_does_not():
    model = scripted({"pattern": "a", "reply": "one", "times": 1}, {"pattern": "a", "reply": "two"}, default="none")
    assert [model.invoke(text).content for text in ("a", "a", "b")] == ["one", "two", "none"]


def test_a_rule_may_look_at_all_messages_or_at_the_last_only():
    model = scripted({"pattern": "fever", "reply": "last"}, {"anywhere": "fever", "reply": "any"}, default="none")
    told = [SystemMessage("Fever."), HumanMessage("What is it?")]
    assert model.invoke(told).content == "any"
    assert model.invoke([*told, HumanMessage("fever?")]).content == "last"


def test_a_callable_sees_exactly_what_a_model_sees():
    model = scripted({"reply": lambda messages: f"{len(messages)}: {messages[-1].content}"})
    assert model.invoke("hello").content == "1: hello"
    assert [m.content for m in calls_of(model)[0].messages] == ["hello"]


def test_replies_are_cut_at_max_tokens():
    message = scripted({"reply": "one two three"}).invoke("?", max_tokens=2)
    assert message.content == "one two"
    assert message.response_metadata["finish_reason"] == "length"


def test_failures_are_the_engines_own():
    with pytest.raises(ModelUnavailable):
        scripted({"fail": "unavailable"}).invoke("?")
    with pytest.raises(ModelReplyError):
        scripted({"fail": "bad_reply"}).invoke("?")


async def test_streams_and_calls_say_the_same():
    model = scripted({"reply": "It is the heart, surely."})
    pieces = [chunk.content for chunk in model.stream("?")]
    assert "".join(pieces) == model.invoke("?").content
    assert "".join([chunk.content async for chunk in model.astream("?")]) == "".join(pieces)


def test_a_script_round_trips_through_json(tmp_path):
    file = tmp_path / "script.json"
    file.write_text(json.dumps({"rules": [{"pattern": "x", "reply": {"answer": "A"}}], "obeys_schema": False}))
    assert ScriptedChat.from_file(file).invoke("x").content == '{"answer": "A"}'
