"""PEFT LoRA adapters as GGUF, so that llama.cpp adds them to a quantised base, and their registration.

llama.cpp computes `base + scale * alpha / r * B A`. Its `llama` weights hold the rows of the query and key matrices in
another order than Hugging Face's (interleaved halves of each head), so the rows of B follow; `qwen2` keeps the order.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from cases.errors import TrainingError

PERMUTED_ARCHITECTURES = ("llama",)
"""Architectures whose query and key rows llama.cpp's converter reorders."""

_NAME = re.compile(
    r"^base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])(?:\.default)?\.weight$"
)  # fmt: skip


def write_gguf_adapter(peft_dir: Path, base_gguf: Path, out: Path, *, dtype: str = "float16") -> Path:
    """Convert the PEFT LoRA in `peft_dir` for the base in `base_gguf`; every tensor's name and shape is checked.

    Raises TrainingError for what a GGUF LoRA cannot hold (DoRA, saved modules, ranks by pattern) and for an adapter
    that does not fit the base.
    """
    import gguf

    config = json.loads((peft_dir / "adapter_config.json").read_text(encoding="utf-8"))
    _refuse_unsupported(config, peft_dir)
    base = _BaseModel(base_gguf)
    pairs = _read_pairs(peft_dir)
    scratch = out.with_name(out.name + ".part")
    writer = gguf.GGUFWriter(scratch, base.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, _alpha(config))
    for module, (down, up) in sorted(pairs.items()):
        name = base.tensor_name(module)
        expected = base.shape(name)
        if (up.shape[0], down.shape[1]) != expected:
            raise TrainingError(
                f"{module} is {up.shape[0]} x {down.shape[1]}, the base's {name} is {expected[0]} x {expected[1]}",
                where=str(peft_dir),
                remedy="convert against the base it was trained on",
            )
        if base.architecture in PERMUTED_ARCHITECTURES:
            up = _permute_rows(up, module, base)
        writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(down.astype(dtype)))
        writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(up.astype(dtype)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    scratch.replace(out)
    return out


def register(adapter_id: str, base: str, gguf_file: Path, models_dir: Path, **details: Any) -> Any:
    """Write the adapter into the user's manifest: `embedded+ADAPTER_ID` then finds it. See `models.manifest`."""
    from models.manifest import register_adapter

    return register_adapter(adapter_id, base, gguf_file, models_dir, kind="gguf-lora", **details)


def ship(adapter_id: str, base: str, folder: Path, *, licence: str, description: str, is_research_only: bool) -> Path:
    """Write `folder/entry.json`: the adapters in `folder` become a shipped entry of the manifest (base by its id).

    Cards are left out of the entry, so that its revision changes with the weights alone.
    """
    from models.manifest import Entry, File, file_hash

    paths = sorted(folder.glob("*.gguf"))
    files = tuple(File(path=p.name, sha256=file_hash(p), bytes=p.stat().st_size) for p in paths)
    entry = Entry(
        id=adapter_id, role="adapter", format="gguf-lora", base=base, licence=licence, description=description,
        files=files, is_research_only=is_research_only,
    )  # fmt: skip
    content = {"version": 1, "entries": [entry.model_dump(mode="json", exclude_defaults=True)]}
    target = folder / "entry.json"
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target


class _BaseModel:
    """What the base GGUF says of its tensors."""

    def __init__(self, path: Path):
        import gguf

        if not path.is_file():
            raise TrainingError("no such base model", where=str(path), remedy="wardround models pull")
        reader = gguf.GGUFReader(path)
        self.path = path
        self.architecture = str(reader.fields["general.architecture"].contents())
        self.n_head = int(self._number(reader, "attention.head_count"))
        self.n_kv_head = int(self._number(reader, "attention.head_count_kv", self.n_head))
        self._shapes = {t.name: tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors}
        kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
        self._names = gguf.get_tensor_name_map(kinds[self.architecture], self._number(reader, "block_count"))

    def _number(self, reader: Any, key: str, default: int | None = None) -> int:
        field = reader.fields.get(f"{self.architecture}.{key}")
        if field is None and default is not None:
            return default
        if field is None:
            raise TrainingError(f"metadata {key} is missing", where=str(self.path), remedy="wardround models verify")
        return int(field.contents())

    def tensor_name(self, module: str) -> str:
        """`model.layers.0.self_attn.q_proj` -> `blk.0.attn_q.weight`."""
        name = self._names.get_name(module)
        if name is None or name + ".weight" not in self._shapes:
            raise TrainingError(
                f"{module} has no counterpart in the base", where=str(self.path), remedy="adapt linear layers only"
            )
        return name + ".weight"

    def shape(self, name: str) -> tuple[int, ...]:
        """(rows, columns) of a tensor: outputs, inputs."""
        return self._shapes[name]


def _refuse_unsupported(config: dict[str, Any], where: Path) -> None:
    odd = [
        key
        for key in ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "fan_in_fan_out")
        if config.get(key)
    ]
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none" or odd:
        raise TrainingError(
            f"not a plain LoRA ({', '.join(odd) or config.get('peft_type')})",
            where=str(where),
            remedy="merge it into the base and convert the result, or train without these",
        )


def _alpha(config: dict[str, Any]) -> float:
    """llama.cpp divides alpha by r; rank-stabilised LoRA divides by the root of r (Kalajdzievski 2023)."""
    return float(config["lora_alpha"]) * (math.sqrt(config["r"]) if config.get("use_rslora") else 1.0)


def _read_pairs(peft_dir: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """module -> (A: r x inputs, B: outputs x r), float32."""
    from safetensors import safe_open

    found: dict[str, dict[str, np.ndarray]] = {}
    with safe_open(peft_dir / "adapter_model.safetensors", framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 - not a dictionary
            match = _NAME.match(name)
            if match is None:
                raise TrainingError(f"tensor {name} is no part of a LoRA", where=str(peft_dir))
            found.setdefault(match["module"], {})[match["part"]] = tensors.get_tensor(name).float().numpy()
    lone = [module for module, parts in found.items() if set(parts) != {"A", "B"}]
    if lone or not found:
        raise TrainingError(f"incomplete adapter: {lone or 'no tensors'}", where=str(peft_dir), remedy="train it again")
    return {module: (parts["A"], parts["B"]) for module, parts in found.items()}


def _permute_rows(up: np.ndarray, module: str, base: _BaseModel) -> np.ndarray:
    heads = {"q_proj": base.n_head, "k_proj": base.n_kv_head}.get(module.rsplit(".", 1)[-1])
    if heads is None:
        return up
    rows, rank = up.shape
    return up.reshape(heads, 2, rows // heads // 2, rank).swapaxes(1, 2).reshape(rows, rank)
