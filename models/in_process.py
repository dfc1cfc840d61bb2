"""`hf:ID-or-FOLDER`: a causal language model run by transformers inside this process.

For models that have no server, and for checking what a training run wrote. One call at a time; text only. LangChain's
own wrapper around a pipeline has neither async calls, token counts nor probabilities, hence this class.
"""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from cases.errors import ModelError, WeightsError
from models.profile import ModelProfile
from models.requests import asked_for, schema_in, text_of

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class TransformersChat(BaseChatModel):
    """Chat with a local or hub model; weights are loaded with the first call.

    Understands max_tokens, temperature, seed, stop, logprobs, top_logprobs. A schema is put into the prompt, for it
    cannot be enforced here. A last message of the assistant is continued.
    """

    model_name: str
    device: str | None = None
    _loaded: tuple[Any, Any] | None = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "wardround-transformers"

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from cases import torchvision_guard

            torchvision_guard.install()
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.model_name)
                dtype = torch.float32 if device == "cpu" else "auto"
                model: Any = AutoModelForCausalLM.from_pretrained(self.model_name, dtype=dtype)
            except (OSError, ValueError) as error:
                raise WeightsError(
                    f"transformers cannot load it: {str(error).splitlines()[0]}",
                    where=f"hf:{self.model_name}",
                    remedy="give a folder with config.json, or a hub id that is cached or reachable",
                ) from error
            if tokenizer.chat_template is None:
                raise ModelError("has no chat template", where=f"hf:{self.model_name}", remedy="use an instruct model")
            self._loaded = tokenizer, model.to(device).eval()
        return self._loaded

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        with self._lock:
            tokenizer, model = self._load()
            return ChatResult(generations=[ChatGeneration(message=_complete(tokenizer, model, messages, stop, kwargs))])


def open_transformers(name: str, **overrides: Any) -> tuple[BaseChatModel, ModelProfile]:
    """The model and its profile; nothing is loaded yet."""
    return TransformersChat(model_name=name, **overrides), ModelProfile(
        identity=identity_of(name), engine="transformers"
    )


def identity_of(name: str) -> str:
    """id@revision: the hub's commit, or for a folder twelve hex digits of its files' names, sizes and times."""
    folder = Path(name)
    if folder.is_dir():
        facts = "".join(f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}\n" for p in _files(folder))
        return f"{folder.name}@{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    from cases import torchvision_guard

    torchvision_guard.install()
    from transformers.utils import cached_file

    try:
        found = cached_file(name, "config.json", local_files_only=True)
    except OSError:  # not downloaded yet: the first call does that
        found = None
    return f"{name}@{Path(found).parent.name[:12] if found else 'not-cached'}"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file())


def _complete(
    tokenizer: Any, model: Any, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
) -> AIMessage:
    import torch

    inputs = _encode(tokenizer, messages, options).to(model.device)
    given = inputs["input_ids"].shape[1]
    temperature = options.get("temperature") or 0.0
    sampling: dict[str, Any] = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
    if options.get("seed") is not None:
        torch.manual_seed(options["seed"])
    with torch.inference_mode():
        made = model.generate(
            **inputs,
            max_new_tokens=options.get("max_tokens") or 512,
            pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
            return_dict_in_generate=True,
            output_logits=bool(options.get("logprobs")),
            **({"stop_strings": stop, "tokenizer": tokenizer} if stop else {}),
            **(
                sampling if temperature > 0 else {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
            ),
        )
    ids = made.sequences[0, given:].tolist()
    ends = {i for i in _as_list(model.generation_config.eos_token_id) if i is not None}
    is_whole = bool(ids) and ids[-1] in ends
    text = tokenizer.decode(ids, skip_special_tokens=True)
    cut = min((at for word in stop or [] if (at := text.find(word)) >= 0), default=None)
    details: dict[str, Any] = {
        "finish_reason": "stop" if is_whole or cut is not None else "length",
        "model_name": str(model.config.name_or_path),
    }
    if options.get("logprobs"):
        details["logprobs"] = {"content": _logprobs(tokenizer, made.logits, ids, options.get("top_logprobs") or 0)}
    return AIMessage(
        content=text if cut is None else text[:cut],
        response_metadata=details,
        usage_metadata={"input_tokens": given, "output_tokens": len(ids), "total_tokens": given + len(ids)},
    )


def _encode(tokenizer: Any, messages: list[BaseMessage], options: dict[str, Any]) -> Any:
    if any(not isinstance(m.content, str) and any(_is_picture(b) for b in m.content) for m in messages):
        raise ModelError(
            "reads text only", where=str(tokenizer.name_or_path), remedy="serve the model: vllm:MODEL@URL reads images"
        )
    turns = [{"role": _ROLES.get(m.type, "user"), "content": text_of(m)} for m in messages]
    schema = schema_in(options)
    if schema is not None:
        turns[-1]["content"] += "\n\n" + asked_for(schema)
    is_prefill = turns[-1]["role"] == "assistant"
    return tokenizer.apply_chat_template(
        turns,
        add_generation_prompt=not is_prefill,
        continue_final_message=is_prefill,
        return_tensors="pt",
        return_dict=True,
    )


def _logprobs(tokenizer: Any, logits: Any, ids: list[int], top: int) -> list[dict[str, Any]]:
    import torch

    entries = []
    for token, scores in zip(ids, logits, strict=True):
        row = torch.log_softmax(scores[0].float(), dim=-1)
        values, indices = row.topk(min(max(top, 1), row.shape[0]))
        listed = [
            {"id": i, "token": tokenizer.decode([i]), "logprob": v}
            for i, v in zip(indices.tolist(), values.tolist(), strict=True)
        ]
        entry = {"id": token, "token": tokenizer.decode([token]), "logprob": float(row[token])}
        entries.append({**entry, "top_logprobs": listed if top else []})
    return entries


def _is_picture(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in ("image", "image_url")


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
