"""One agent turn in the row formats that trainers read: trl, openai, sharegpt (LLaMA-Factory).

Pure: a turn in, a JSON-ready row out. What is learnt is the reply alone; messages before it are context. Sources:
trl 1.x dataset formats, OpenAI fine-tuning guide (2025), LLaMA-Factory data/README.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from cases.case import Record
from graphs.trajectory import ToolCall

Format = Literal["trl", "openai", "sharegpt"]
FORMATS: tuple[Format, ...] = ("trl", "openai", "sharegpt")
IMAGE_TOKEN = "<image>"

SHAREGPT_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
}


class Said(Record):
    """One message of a turn. `images` are paths, relative to the exported file's folder."""

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[str, ...] = ()


class Turn(Record):
    """What an agent was told, the tools it used, and what it replied."""

    context: tuple[Said, ...] = Field(min_length=1)
    tool_calls: tuple[ToolCall, ...] = ()
    reply: str = Field(min_length=1)

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(path for said in self.context for path in said.images)


def render(turn: Turn, format: Format, *, with_parts: bool = False) -> dict[str, Any]:
    """The turn as a row. `with_parts`: contents are lists of parts, as rows with images need.

    One file holds rows of one kind only, or its columns would have two types.
    """
    if format == "trl":
        return _trl(turn, with_parts)
    if format == "openai":
        return _openai(turn, with_parts)
    return _sharegpt(turn, with_parts)


def trl_messages(turn: Turn) -> dict[str, Any]:
    """The turn as one `messages` list, for trainers that mask by assistant turn."""
    row = _trl(turn, bool(turn.images))
    return {"messages": [*row["prompt"], *row["completion"]]} | ({"images": row["images"]} if turn.images else {})


def dataset_info(name: str, file_name: str, *, has_images: bool) -> dict[str, Any]:
    """An entry of LLaMA-Factory's `dataset_info.json`. Train with `mask_history: true`: earlier replies are context."""
    columns = {"messages": "conversations", "system": "system"}
    if has_images:
        columns["images"] = "images"
    return {name: {"file_name": file_name, "formatting": "sharegpt", "columns": columns, "tags": SHAREGPT_TAGS}}


def _trl(turn: Turn, with_parts: bool) -> dict[str, Any]:
    prompt: list[dict[str, Any]] = [
        {"role": said.role, "content": _parts(said, {"type": "image"}) if with_parts else said.text}
        for said in turn.context
    ]
    for call in turn.tool_calls:
        function = {"name": call.name, "arguments": call.arguments}
        prompt.append(
            {
                "role": "assistant",
                "content": _text("", with_parts),
                "tool_calls": [{"type": "function", "function": function}],
            }
        )
        prompt.append({"role": "tool", "name": call.name, "content": _text(call.result or call.error, with_parts)})
    row: dict[str, Any] = {
        "prompt": prompt,
        "completion": [{"role": "assistant", "content": _text(turn.reply, with_parts)}],
    }
    if with_parts:
        row["images"] = list(turn.images)
    return row


def _openai(turn: Turn, with_parts: bool) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for said in turn.context:
        message: dict[str, Any] = {"role": said.role, "content": said.text}
        if with_parts:
            message["content"] = [
                *({"type": "image_url", "image_url": {"url": path}} for path in said.images),
                {"type": "text", "text": said.text},
            ]
        if said.role == "assistant":
            message["weight"] = 0
        messages.append(message)
    for number, call in enumerate(turn.tool_calls):
        function = {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
        messages.append(
            {
                "role": "assistant",
                "content": _text("", with_parts),
                "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
                "weight": 0,
            }
        )
        result = _text(call.result or call.error, with_parts)
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": result})
    messages.append({"role": "assistant", "content": _text(turn.reply, with_parts), "weight": 1})
    return {"messages": messages}


def _sharegpt(turn: Turn, with_images: bool) -> dict[str, Any]:
    system = "\n\n".join(said.text for said in turn.context if said.role == "system")
    talk: list[dict[str, str]] = []
    for said in turn.context:
        if said.role == "system":
            continue
        value = IMAGE_TOKEN * len(said.images) + _without_token(said.text)
        sender = "human" if said.role == "user" else "gpt"
        if talk and talk[-1]["from"] == sender:
            talk[-1]["value"] += "\n\n" + value
        else:
            talk.append({"from": sender, "value": value})
    if talk and talk[0]["from"] != "human":
        talk.insert(0, {"from": "human", "value": ""})
    for call in turn.tool_calls:
        called = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
        talk.append({"from": "function_call", "value": called})
        talk.append({"from": "observation", "value": _without_token(call.result or call.error)})
    talk.append({"from": "gpt", "value": _without_token(turn.reply)})
    row: dict[str, Any] = {"conversations": talk, "system": system}
    if with_images:
        row["images"] = list(turn.images)
    return row


def is_alternating(conversations: Sequence[dict[str, str]]) -> bool:
    """LLaMA-Factory's rule: human or observation at even places, gpt or function_call at odd ones, an even number."""
    places = (("human", "observation"), ("gpt", "function_call"))
    return len(conversations) % 2 == 0 and all(
        message["from"] in places[index % 2] for index, message in enumerate(conversations)
    )


def _parts(said: Said, image: dict[str, str]) -> list[dict[str, str]]:
    return [*(dict(image) for _ in said.images), {"type": "text", "text": said.text}]


def _text(text: str, with_parts: bool) -> Any:
    return [{"type": "text", "text": text}] if with_parts else text


def _without_token(text: str) -> str:
    """A literal image token in a text would be counted as an image."""
    return text.replace(IMAGE_TOKEN, "< image >")
