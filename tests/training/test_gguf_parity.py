"""The embedded engine with a converted adapter computes what Hugging Face and PEFT compute, up to 4-bit noise."""

from pathlib import Path
from typing import Any

import pytest

from cases.errors import WeightsError

PROMPTS = (
    "The capital of France is",
    "Chest pain radiating to the left arm suggests",
    "Question: which organ makes insulin? Answer: the",
)
TOP = 20


@pytest.mark.engine
def test_the_engine_with_the_adapter_agrees_with_peft_and_scale_zero_is_the_base(
    models_dir: Path, tmp_path: Path
) -> None:
    from models.manifest import resolve

    try:
        entry = resolve("smollm2-135m-instruct", models_dir)
    except WeightsError as error:
        pytest.skip(str(error))
    from training.adapters import write_gguf_adapter
    from training.sft import LoraSettings, lora_config
    from training.weights import load_for_training, trainable_folder

    model, tokenizer = load_for_training(trainable_folder(entry), "cpu")
    import torch
    from peft import get_peft_model

    torch.manual_seed(0)
    adapted = get_peft_model(model, lora_config(LoraSettings(r=4, alpha=16), model.config.num_hidden_layers))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    adapted.save_pretrained(tmp_path)
    gguf = write_gguf_adapter(tmp_path, entry / "model.gguf", tmp_path / "adapter.gguf")
    ids = [tokenizer(prompt).input_ids for prompt in PROMPTS]

    def of_peft() -> list[Any]:
        with torch.no_grad():
            return [adapted(torch.tensor([prompt])).logits[0, -1].log_softmax(-1) for prompt in ids]

    with_adapter = of_peft()
    with adapted.disable_adapter():
        without = of_peft()
    (engine_base,) = top_logprobs(entry / "model.gguf", None, (1.0,), ids)
    engine_zero, engine_adapter = top_logprobs(entry / "model.gguf", gguf, (0.0, 1.0), ids)

    noise = mean_gap(without, engine_base)
    gap = mean_gap(with_adapter, engine_adapter)
    effect = mean_gap(with_adapter, engine_base)
    assert engine_zero == engine_base
    assert gap < 1.5 * noise + 0.02, (gap, noise)
    assert effect > 2 * gap, (effect, gap)


def mean_gap(reference: list[Any], engine: list[dict[int, float]]) -> float:
    """Mean absolute difference of log-probabilities over the engine's likeliest tokens."""
    gaps = [
        abs(float(expected[token]) - found)
        for expected, answers in zip(reference, engine, strict=True)
        for token, found in list(answers.items())[:TOP]
    ]
    return sum(gaps) / len(gaps)


def top_logprobs(
    model: Path, adapter: Path | None, scales: tuple[float, ...], prompts: list[list[int]]
) -> list[list[dict[int, float]]]:
    """Per adapter scale and prompt of token ids: token id -> log-probability of the engine's next token."""
    import httpx

    from models.embedded import EmbeddedEngine, EngineSettings

    engine = EmbeddedEngine(model, adapter, EngineSettings(context_tokens=512, slots=1, threads=1))
    try:
        address = engine.start()

        def ask(prompt: list[int], scale: float) -> dict[int, float]:
            body: dict[str, Any] = {"prompt": prompt, "n_predict": 1, "n_probs": TOP, "cache_prompt": False}
            if adapter is not None:
                body["lora"] = [{"id": 0, "scale": scale}]
            reply = httpx.post(f"{address}/completion", json=body, trust_env=False, timeout=120).json()
            return {t["id"]: t["logprob"] for t in reply["completion_probabilities"][0]["top_logprobs"]}

        return [[ask(prompt, scale) for prompt in prompts] for scale in scales]
    finally:
        engine.stop()
