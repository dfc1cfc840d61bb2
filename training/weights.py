"""Trainable weights from a quantised file: a GGUF is dequantised once and kept as safetensors beside it."""

import shutil
from pathlib import Path
from typing import Any

from cases.errors import WeightsError

GGUF_NAME = "model.gguf"


def trainable_folder(entry_dir: Path) -> Path:
    """The Hugging Face folder of a manifest entry: `entry_dir/hf`, written on first use from `entry_dir/model.gguf`.

    The result is what the 4-bit engine computes with, up to rounding: weights are dequantised to float32 and stored as
    float16 (about 3.6 GB for a 1.5B model). Raises WeightsError when the GGUF is absent or holds no known architecture.
    """
    folder = entry_dir / "hf"
    if (folder / "config.json").is_file():
        return folder
    gguf = entry_dir / GGUF_NAME
    if not gguf.is_file():
        raise WeightsError(
            "no weights to train from", where=str(gguf), remedy="wardround models pull " + entry_dir.name
        )
    _dequantise(entry_dir, folder)
    return folder


def _dequantise(entry_dir: Path, folder: Path) -> None:
    from models.torchvision_guard import install

    install()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    part = entry_dir / "hf.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        tokenizer = AutoTokenizer.from_pretrained(entry_dir, gguf_file=GGUF_NAME)
        model: Any = AutoModelForCausalLM.from_pretrained(entry_dir, gguf_file=GGUF_NAME, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"cannot be dequantised: {error}", where=str(entry_dir / GGUF_NAME), remedy="wardround models verify"
        ) from error
    # transformers remembers the file it came from and would try to dequantise again on the next load.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    is_tied = model.get_output_embeddings().weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    model.config.tie_word_embeddings = is_tied
    model.to(torch.float16).save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(folder)


def load_for_training(folder: Path | str, device: str | None = None) -> tuple[Any, Any]:
    """(model in float32 on CPU or bfloat16 on a GPU, tokenizer) of a Hugging Face folder or hub id."""
    from models.torchvision_guard import install

    install()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    model.to(device)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer
