"""The trainers run a few steps on a tiny random model, and their adapters convert to GGUF."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_model import LAYERS, save_tiny_gguf, save_tiny_model

from cases.case import Case, Gold
from cases.errors import TrainingError
from training.adapters import ship, write_gguf_adapter
from training.card import read_card
from training.choice_rows import direct_rows
from training.grpo import GRPOSettings, reward_function, train_grpo
from training.sft import LoraSettings, SFTSettings, cosine_share, train_sft

CASES = [
    Case(id=f"c{i}", question=f"q{i}?", options={"A": "x", "B": "y"}, gold=Gold(label="B"), split="train")
    for i in range(8)
]
ALWAYS_B = [{"prompt": [{"role": "user", "content": f"q{i}"}], "completion": [{"role": "assistant", "content": "B"}]} for i in range(8)]  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def rows_file(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_sft_lowers_the_loss_and_leaves_a_card(tiny: Path, tmp_path: Path) -> None:
    settings = SFTSettings(lora=LoraSettings(r=4), learning_rate=2e-2, epochs=12, batch=8, max_length=256)
    train = rows_file(tmp_path / "train.jsonl", ALWAYS_B)
    card = train_sft(tiny, train, tmp_path / "out", settings, validation_rows=train, base="tiny", licence="A")
    steps = [entry for entry in card.loss_curve if "loss" in entry]
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.3
    assert (steps[0]["mean_token_accuracy"], steps[-1]["mean_token_accuracy"]) == (0, 1)
    assert any("eval_loss" in entry for entry in card.loss_curve)
    assert read_card(tmp_path / "out") == card
    assert card.data.rows == 8
    assert "Licence of the training rows: A" in (tmp_path / "out" / "card.md").read_text()
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_gradient_reaches_the_last_layers_only(tiny: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    settings = SFTSettings(lora=LoraSettings(r=2, last_layers=1), max_steps=1)
    train_sft(tiny, rows_file(tmp_path / "t.jsonl", direct_rows(CASES, 1)), tmp_path / "out", settings)
    with safe_open(tmp_path / "out" / "adapter_model.safetensors", framework="np") as tensors:
        assert {name.split(".layers.")[1].split(".")[0] for name in tensors.keys()} == {str(LAYERS - 1)}  # noqa: SIM118
    with pytest.raises(TrainingError, match="has 2 layers"):
        train_sft(tiny, tmp_path / "t.jsonl", tmp_path / "x", SFTSettings(lora=LoraSettings(last_layers=9)))


def test_a_run_that_is_out_of_time_stops_and_keeps_what_it_learnt(tiny: Path, tmp_path: Path) -> None:
    train = rows_file(tmp_path / "t.jsonl", ALWAYS_B)
    card = train_sft(tiny, train, tmp_path / "out", SFTSettings(epochs=50, batch=2, max_minutes=1e-6))
    assert card.steps == 1
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_the_learning_rate_rises_falls_and_ends_at_nothing() -> None:
    shares = [cosine_share(progress / 20, 0.05) for progress in range(21)]
    assert shares[0] == 0
    assert shares[1] == 1
    assert shares[2:] == sorted(shares[2:], reverse=True)
    assert shares[-1] == pytest.approx(0)
    assert cosine_share(1.5, 0.05) == pytest.approx(0)


def test_rows_that_teach_nothing_are_named(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="neither prompt and completion nor messages"):
        train_sft(tiny, rows_file(tmp_path / "a.jsonl", [{"text": "x"}]), tmp_path / "o")
    silent = {"messages": [{"role": "user", "content": "hello"}]}
    with pytest.raises(TrainingError, match="row 1"):
        train_sft(tiny, rows_file(tmp_path / "b.jsonl", [silent]), tmp_path / "o")


def test_grpo_runs_and_writes_its_rewards(tiny: Path, tmp_path: Path) -> None:
    settings = GRPOSettings(steps=2, generations=2, max_completion_tokens=8, lora=LoraSettings(r=2))
    card = train_grpo(tiny, CASES, tmp_path / "out", settings, base="tiny")
    assert card.steps == 2
    assert [set(entry) >= {"reward", "right", "format", "completion_tokens"} for entry in card.loss_curve] == [
        True,
        True,
    ]
    assert (tmp_path / "out" / "adapter_config.json").is_file()


def test_grpo_refuses_evaluation_cases_and_unanswered_ones(tiny: Path, tmp_path: Path) -> None:
    held = CASES[0].model_copy(update={"split": "open"})
    with pytest.raises(TrainingError, match="for evaluation"):
        train_grpo(tiny, [held], tmp_path / "out")
    with pytest.raises(TrainingError, match="no gold"):
        train_grpo(tiny, [CASES[0].blinded()], tmp_path / "out")


def test_the_reward_trl_calls_is_the_preset() -> None:
    score = reward_function("medvlthinker")
    case = CASES[0].model_dump_json()
    chats = [[{"role": "assistant", "content": "<think>a</think><answer>B</answer>"}], "<answer>B</answer>"]
    assert score(completions=chats, case=[case, case], prompts=["", ""]) == [1.0, 0.0]


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_a_gguf_adapter_holds_the_same_update_with_rows_where_llama_wants_them(
    architecture: str, tmp_path: Path
) -> None:
    import gguf
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from training.sft import lora_config

    folder = save_tiny_model(tmp_path / "base", architecture)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(folder), lora_config(LoraSettings(r=3, alpha=6, use_rslora=True), LAYERS)
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    model.save_pretrained(tmp_path / "peft")
    base = save_tiny_gguf(tmp_path / "base.gguf", architecture)
    out = write_gguf_adapter(tmp_path / "peft", base, tmp_path / "adapter.gguf", dtype="float32")
    reader = gguf.GGUFReader(out)
    assert reader.fields["general.type"].contents() == "adapter"
    assert reader.fields["adapter.type"].contents() == "lora"
    assert reader.fields["general.architecture"].contents() == architecture
    scale = reader.fields["adapter.lora.alpha"].contents() / 3
    assert scale == pytest.approx(6 / 3**0.5)
    tensors = {t.name: np.array(t.data) for t in reader.tensors}
    assert len(tensors) == LAYERS * 7 * 2
    layer = model.base_model.model.model.layers[1].self_attn
    for projection, name, heads in (
        (layer.q_proj, "attn_q", 4),
        (layer.k_proj, "attn_k", 2),
        (layer.v_proj, "attn_v", 0),
    ):
        update = scale * tensors[f"blk.1.{name}.weight.lora_b"] @ tensors[f"blk.1.{name}.weight.lora_a"]
        expected = projection.get_delta_weight("default").detach().numpy()
        if architecture == "llama" and heads:
            rows = np.arange(len(expected)).reshape(heads, 2, -1).swapaxes(1, 2).reshape(-1)
            assert not np.allclose(update, expected, atol=1e-5)
            expected = expected[rows]
        assert update == pytest.approx(expected, abs=1e-5)


def test_an_adapter_for_another_base_or_of_another_kind_is_refused(tiny: Path, tmp_path: Path) -> None:
    train = rows_file(tmp_path / "t.jsonl", ALWAYS_B)
    train_sft(tiny, train, tmp_path / "dora", SFTSettings(lora=LoraSettings(r=2, use_dora=True), max_steps=1))
    base = save_tiny_gguf(tmp_path / "base.gguf", "qwen2")
    with pytest.raises(TrainingError, match="use_dora"):
        write_gguf_adapter(tmp_path / "dora", base, tmp_path / "a.gguf")
    config = json.loads((tmp_path / "dora" / "adapter_config.json").read_text()) | {"use_dora": False}
    (tmp_path / "dora" / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(TrainingError, match="no part of a LoRA"):
        write_gguf_adapter(tmp_path / "dora", base, tmp_path / "a.gguf")
    with pytest.raises(TrainingError, match="no such base"):
        write_gguf_adapter(tmp_path / "dora", tmp_path / "absent.gguf", tmp_path / "a.gguf")
    assert not (tmp_path / "a.gguf").exists()


def test_a_shipped_adapter_is_an_entry_of_the_manifest(tmp_path: Path) -> None:
    from models.manifest import Entry

    (tmp_path / "adapter.gguf").write_bytes(b"x" * 10)
    target = ship("letters", "base", tmp_path, licence="A", description="d", is_research_only=True)
    entry = Entry.model_validate(json.loads(target.read_text())["entries"][0])
    assert (entry.id, entry.format, entry.base, [f.path for f in entry.files]) == (
        "letters", "gguf-lora", "base", ["adapter.gguf"],
    )  # fmt: skip
