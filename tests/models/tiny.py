"""Tiny random models of true architectures, made in seconds: they speak the protocol and know nothing."""

import json
from pathlib import Path

from cases import torchvision_guard

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for part in m['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_VISION = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
_TEXTS = (
    "The patient has fever, cough and chest pain since two days.",
    "Answer with one letter: A, B, C or D.",
    '{"answer": "A", "confidence": 0.5, "rationale": "because"}',
    "system user assistant doctor case evidence",
)


def tokenizer():
    """A byte-level BPE tokenizer of 600 tokens with ChatML and the Qwen vision tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *_VISION]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    base.train_from_iterator(_TEXTS * 40, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=base,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=list(_VISION),
        chat_template=CHATML,
    )


def tiny_llama(folder: Path) -> Path:
    """A random two-layer Llama with chat template, saved into `folder`."""
    torchvision_guard.install()
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=2048, initializer_range=0.2,
        bos_token_id=words.pad_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def tiny_qwen25_vl(folder: Path) -> Path:
    """A random two-layer Qwen2.5-VL with image processor, saved into `folder` (about 1.5 MB)."""
    torchvision_guard.install()
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    words = tokenizer()
    number = words.convert_tokens_to_ids
    torch.manual_seed(0)
    ends = {
        "bos_token_id": words.pad_token_id,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
    }
    text = {
        "vocab_size": len(words), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 4096, "max_window_layers": 2,
        "initializer_range": 0.2, "tie_word_embeddings": False, **ends,
        "rope_parameters": {
            "rope_type": "default", "type": "default", "mrope_section": [4, 6, 6], "rope_theta": 1_000_000.0,
        },
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "out_hidden_size": 64,
        "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112,
        "fullatt_block_indexes": [1], "in_channels": 3, "tokens_per_second": 2,
    }  # fmt: skip
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=False, **ends,
        image_token_id=number("<|image_pad|>"), video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"), vision_end_token_id=number("<|vision_end|>"),
        vision_token_id=number("<|vision_pad|>"),
    )  # fmt: skip
    Qwen2_5_VLForConditionalGeneration(config).to(torch.float32).save_pretrained(folder)
    words.save_pretrained(folder)
    processor = {
        "min_pixels": 3136, "max_pixels": 200704, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "processor_class": "Qwen2_5_VLProcessor"}))
    return folder


def tiny_lora(base: Path, folder: Path, *, prefix: str) -> Path:
    """A random PEFT LoRA of rank 8 on q_proj and v_proj; `prefix` names the layers as the architecture does."""
    import torch
    from safetensors.torch import save_file

    config = json.loads((base / "config.json").read_text())
    text = config.get("text_config", config)
    width, heads = text["hidden_size"], text["num_attention_heads"]
    head = text.get("head_dim") or width // heads
    torch.manual_seed(3)
    tensors = {}
    for layer in range(text["num_hidden_layers"]):
        for name, out in (("q_proj", heads * head), ("v_proj", text["num_key_value_heads"] * head)):
            tensors[f"{prefix}.{layer}.self_attn.{name}.lora_A.weight"] = torch.randn(8, width) * 0.5
            tensors[f"{prefix}.{layer}.self_attn.{name}.lora_B.weight"] = torch.randn(out, 8) * 0.5
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(base), "r": 8,
        "lora_alpha": 16, "lora_dropout": 0.0, "bias": "none", "target_modules": ["q_proj", "v_proj"],
        "inference_mode": True, "fan_in_fan_out": False,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder
