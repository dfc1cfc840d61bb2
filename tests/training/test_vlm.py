"""The VLM's training: replies are built from facts, loss is on the reply alone, a planted rule is learned."""

import random
from pathlib import Path

import pytest

from training.images import TASKS, ImageRow
from training.vlm_questions import draw_turn

FEATURES = 16


class WordTokenizer:
    """One id per word or sign; stands in for the language model's tokenizer."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def __call__(self, text: str, add_special_tokens: bool = False) -> dict[str, list[int]]:
        import re

        pieces = re.findall(r"<\|\w+\|>|\w+|[^\w\s]|\n", text)
        return {"input_ids": [self.ids.setdefault(piece, len(self.ids)) for piece in pieces]}


def row(value: str) -> ImageRow:
    return ImageRow("i", "busi_us", Path("x"), "g", "made here", {"breast_finding": value})


def tiny_network():
    """The shipped architecture with a Llama of 2 layers and 16 image features; random weights."""
    from models import torchvision_guard

    torchvision_guard.install()
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from models.vision_language import VisionLanguage, new_projector
    from training.vlm import add_lora

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        vocab_size=256, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    language = add_lora(LlamaForCausalLM(config), rank=8)
    return VisionLanguage(None, new_projector(FEATURES, 64), language, WordTokenizer())


def features_of(rows: list[ImageRow], seed: int):
    """(n, 1 view, 10 tokens, 16): the first feature says benign or malignant, the rest is noise."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(rows), 1, 10, FEATURES, generator=generator) * 0.3
    for i, one in enumerate(rows):
        noise[i, ..., 0] += 6.0 if one.facts["breast_finding"] == "benign" else -6.0
    return noise


def accuracy_after_training(truth: list[str], taught: list[str]) -> float:
    from models.vision_language import prompt
    from training.vlm import VlmSettings, align, train

    network = tiny_network()
    align(
        network, features_of([row(value) for value in truth], 1), [row(value) for value in taught],
        VlmSettings(align_epochs=150),
    )  # fmt: skip
    train(
        network, features_of([row(value) for value in truth], 1), [row(value) for value in taught],
        VlmSettings(steps=80, batch=16, lr=5e-3, projector_lr=2e-3, use_bf16=False),
    )  # fmt: skip
    test = [row(value) for value in ("benign", "malignant") * 20]
    task, right = TASKS["breast_finding"], 0
    for one, seen in zip(test, features_of(test, 2), strict=True):
        values = ["benign", "malignant"]
        options = {"A": task.option("benign"), "B": task.option("malignant"), "C": task.option("normal")}
        scores = network.log_probabilities(
            network.embed(seen[0], prompt(task.questions[0], options)), [f"finding: {task.option(v)};" for v in values]
        )
        right += values[scores.index(max(scores))] == one.facts["breast_finding"]
    return right / len(test)


def test_a_planted_rule_is_learned_and_shuffled_labels_teach_nothing():
    truth = ["benign", "malignant"] * 16
    assert accuracy_after_training(truth, truth) >= 0.9
    dealt = ["benign", "benign", "malignant", "malignant"] * 8  # each feature sign carries each label equally often
    assert 0.2 <= accuracy_after_training(truth, dealt) <= 0.8


def aligned_accuracy(taught: list[str]) -> float:
    """How often an unseen image's visual token lies nearer to the words of its own finding, after the first stage."""
    import torch

    from training.vlm import VlmSettings, align, word_targets

    truth = ["benign", "malignant"] * 16
    network = tiny_network()
    align(network, features_of([row(v) for v in truth], 1), [row(v) for v in taught], VlmSettings(align_epochs=150))
    test = [row(value) for value in truth]
    places = word_targets(network, [row("benign"), row("malignant")], 10)[:, 0]
    with torch.no_grad():
        tokens = network.projector(features_of(test, 2)[:, 0, 0])
    nearer = torch.cdist(tokens, places).argmin(1).tolist()
    return sum(("benign", "malignant")[k] == v for k, v in zip(nearer, truth, strict=True)) / len(truth)


def test_alignment_puts_unseen_images_at_their_words_and_fails_on_shuffled_labels():
    assert aligned_accuracy(["benign", "malignant"] * 16) >= 0.9
    assert 0.2 <= aligned_accuracy(["benign", "benign", "malignant", "malignant"] * 8) <= 0.8


def test_a_reply_names_an_option_that_its_prompt_shows():
    from models.embedded_vlm import parse_reply, read_question

    generator = random.Random(0)
    one = ImageRow("i", "dr_fundus", Path("x"), "g", "B", {"retinopathy": "yes", "maculopathy": "no"})
    turns = [draw_turn(0, one, generator) for _ in range(300)]
    chosen = []
    for turn in turns:
        parsed, asked = parse_reply(turn.reply), read_question(turn.prompt.split("<|im_end|>")[0])
        if asked.options is None:
            assert parsed.answer is None
        else:
            assert asked.options[parsed.answer] == parsed.finding
            chosen.append(parsed.answer)
    assert min(chosen.count("A"), chosen.count("B")) > 0.3 * len(chosen)


def test_loss_is_taken_on_the_reply_alone():
    import torch

    from training.vlm import collate
    from training.vlm_questions import Turn

    network = tiny_network()
    turns = [Turn(0, "\nshort\n", "finding: x;"), Turn(1, "\nmuch longer words here\n", "finding: x;")]
    embedded, labels = collate(turns, torch.zeros(2, 10, FEATURES), network)
    assert embedded.shape[:2] == labels.shape
    reply = network.token_ids("finding: x;<|im_end|>")
    for line in labels:
        assert torch.equal(line[line != -100], reply)


def test_training_changes_only_projector_and_lora():
    import torch

    from training.vlm import VlmSettings, train

    network = tiny_network()
    before = {name: value.clone() for name, value in network.language.state_dict().items()}
    train(network, features_of([row("benign"), row("malignant")], 1), [row("benign"), row("malignant")],
          VlmSettings(steps=3, batch=2, use_bf16=False))  # fmt: skip
    changed = {name for name, value in network.language.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all("lora_" in name for name in changed)


def test_option_scores_are_the_log_probabilities_of_the_whole_text():
    import torch

    network = tiny_network()
    embedded = network.embed(torch.randn(10, FEATURES, generator=torch.Generator().manual_seed(3)), "\nwhat\n")
    texts = ["finding: one;", "finding: another longer one;"]
    for text, score in zip(texts, network.log_probabilities(embedded, texts), strict=True):
        ids = network.token_ids(text)
        with torch.no_grad():
            whole = torch.cat([embedded, network.embed_text(text)], dim=1)
            logits = network.language(inputs_embeds=whole).logits[0, embedded.shape[1] - 1 : -1].log_softmax(-1)
        assert logits.gather(1, ids[:, None]).sum().item() == pytest.approx(score, abs=1e-3)
