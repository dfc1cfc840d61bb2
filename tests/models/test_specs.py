"""Spec strings: what they mean, and what is said of those that mean nothing."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from cases.errors import ModelError, SettingsError, WeightsError
from cases.settings import Settings
from models import manifest
from models.ask import ask
from models.profile import profile_of
from models.specs import Spec, model_identity, open_chat_model, parse_spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("embedded", Spec(kind="embedded")),
        ("embedded+my-adapter", Spec(kind="embedded", adapter="my-adapter")),
        ("embedded-tiny", Spec(kind="embedded-tiny")),
        ("embedded-vlm", Spec(kind="embedded-vlm")),
        ("vllm:Qwen/Qwen2.5-VL-7B@http://10.0.0.1:8000/v1/", Spec(kind="vllm", name="Qwen/Qwen2.5-VL-7B", url="http://10.0.0.1:8000/v1")),
        ("openai:gpt-4.1-mini", Spec(kind="openai", name="gpt-4.1-mini")),
        ("openai:m@https://host/v1", Spec(kind="openai", name="m", url="https://host/v1")),
        ("langchain:ollama:llama3.1", Spec(kind="langchain", name="ollama:llama3.1")),
        ("hf:/some/folder", Spec(kind="hf", name="/some/folder")),
        ("scripted:rules.toml", Spec(kind="scripted", name="rules.toml")),
    ],
)  # fmt: skip
def test_every_form_is_read(text: str, spec: Spec):
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("embeded", "no such model"),
        ("embedded+", "no adapter after"),
        ("embedded-vlm+x", "takes no adapter"),
        ("ollama:llama3", "no such engine 'ollama'"),
        ("vllm:", "nothing after"),
        ("vllm:model", "no address"),
        ("vllm:@http://h/v1", "no model name"),
        ("openai:m@ftp://h", "not an http"),
        ("langchain:llama3", "langchain:PROVIDER:MODEL"),
        ("", "no such model"),
    ],
)
def test_what_means_nothing_is_refused_with_the_forms_there_are(text: str, said: str):
    with pytest.raises(SettingsError, match=said) as caught:
        parse_spec(text)
    assert "vllm:MODEL@http" in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_spec_or_a_settings_error(text: str):
    with contextlib.suppress(SettingsError):
        assert parse_spec(text).kind


def test_absent_weights_name_the_command(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"wardround models pull qwen2\.5-coder"):
        open_chat_model("embedded", Settings(home=tmp_path))


def test_an_identity_needs_no_weights(tmp_path: Path):
    assert model_identity("embedded", Settings(home=tmp_path)) == "qwen2.5-coder-1.5b-instruct@cc324af070c2"


def test_an_adapter_for_another_base_is_refused(tmp_path: Path):
    settings = Settings(home=tmp_path)
    file = tmp_path / "a.gguf"
    file.write_bytes(b"x")
    manifest.register_adapter("for-tiny", "smollm2-135m-instruct", file, settings.models_dir)
    with pytest.raises((ModelError, WeightsError)):
        open_chat_model("embedded+for-tiny", settings)
    with pytest.raises(WeightsError, match="no model 'unheard-of'"):
        model_identity("embedded+unheard-of", settings)
    assert "+for-tiny@" in model_identity("embedded-tiny+for-tiny", settings)


async def test_a_script_on_disk_answers(tmp_path: Path):
    for name, text in {
        "r.json": json.dumps({"rules": [{"pattern": "chest", "reply": "heart"}], "default": "unsure"}),
        "r.toml": 'default = "unsure"\n[[rules]]\npattern = "chest"\nreply = "heart"\n',
    }.items():
        (tmp_path / name).write_text(text)
        model = open_chat_model(f"scripted:{tmp_path / name}", Settings(home=tmp_path))
        assert (await ask(model, [HumanMessage("CHEST pain")])).text == "heart"
        assert (await ask(model, [HumanMessage("knee")])).text == "unsure"
        assert profile_of(model).identity.startswith(f"scripted:{name}@")


@pytest.mark.parametrize("text", ["{", '{"rules": [{"patern": "x"}]}', '{"rules": 3}'])
def test_a_malformed_script_names_its_file(tmp_path: Path, text: str):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(SettingsError, match=r"bad\.json"):
        open_chat_model(f"scripted:{tmp_path / 'bad.json'}", Settings(home=tmp_path))


def test_a_served_model_knows_its_timeout_cache_and_price(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    (tmp_path / "prices.toml").write_text('["my-*"]\nprompt = 1.0\ncached = 0.5\nreply = 2.0\n')
    settings = Settings(home=tmp_path, request_timeout_s=7)
    ours = profile_of(open_chat_model("openai:my-model@http://127.0.0.1:1/v1", settings))
    assert (ours.timeout_s, ours.prompt_price, ours.reply_price) == (7, 1.0, 2.0)
    assert ours.cache_path == settings.cache_path
    assert profile_of(open_chat_model("openai:gpt-4.1-mini", settings)).prompt_price == 0.4
    assert profile_of(open_chat_model("vllm:gpt-4.1-mini@http://127.0.0.1:1/v1", settings)).prompt_price == 0
    assert (
        profile_of(open_chat_model("vllm:m@http://127.0.0.1:1/v1", Settings(home=tmp_path, cache=False))).cache_path
        is None
    )


def test_openai_without_a_key_says_which_variable(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        open_chat_model("openai:gpt-4.1-mini", Settings(home=tmp_path))


def test_a_provider_of_langchain_opens_and_one_that_is_not_installed_says_what_to_install(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    settings = Settings(home=tmp_path)
    profile = profile_of(open_chat_model("langchain:openai:gpt-4.1-mini", settings))
    assert (profile.engine, profile.identity) == ("other", "openai:gpt-4.1-mini@unversioned")
    with pytest.raises(ModelError, match="langchain-anthropic"):
        open_chat_model("langchain:anthropic:claude", settings)
    with pytest.raises(ModelError, match="provider"):
        open_chat_model("langchain:nobody:m", settings)
