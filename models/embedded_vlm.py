"""The embedded VLM as a chat model: image blocks and text in, one short line out. Research use only.

Every image is read on its own; what several images say is listed, and their option scores are averaged. It follows
no instructions beyond a question with options or "describe": the 4-bit text model reasons over what it says.
"""

import base64
import binascii
import io
import math
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from cases.case import Record
from cases.errors import MediaError, ModelError, WeightsError
from models.tower import load_tower, read_weights, revision_of
from models.vision_language import FEATURES, TOKENS, VisionLanguage, load_language_model, new_projector, prompt

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "wardround-vlm"
SHIPPED = Path(__file__).parent / "weights" / "vlm"
ADAPTER_FILES = ("projector.safetensors", "adapter_model.safetensors", "adapter_config.json")
LANGUAGE_MODEL = "smollm2-135m-instruct"
MAX_IMAGES = 32
"""Images of one request; each is read on its own, in about a second on two cores."""
MAX_TOKENS = 48
FAMILIES = frozenset({"x-ray", "ultrasound"})
"""Where it was measured to see anything. It was trained on fundus photographs and blood smears too, and did not learn
to read them (`benchmarks/results/vlm.md`)."""
FINDINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "breast ultrasound": (
        "Breast ultrasound image. Which category does it belong to?",
        ("benign lesion", "malignant lesion", "normal breast tissue"),
    ),
    "chest X-ray": ("Which projection is this chest X-ray?", ("PA view", "AP view")),
}
"""What it says of an image when no options are given: per kind the question, as it was trained on it, and the findings
that it was measured to tell apart."""
DESCRIBE = "What does this image show?"

_OPTION = re.compile(r"^\s*\(?([A-Z])[.):]\s+(\S.*?)\s*$", re.MULTILINE)
_REPLY = re.compile(r"finding:\s*(?P<finding>[^;]*)(?:;\s*answer:\s*(?P<answer>[A-Z])\b)?", re.IGNORECASE)


class VisualReply(Record):
    """A reply taken apart; `answer` is None where the model gave no label."""

    finding: str
    answer: str | None = None


class Question(Record):
    """What the messages ask: the question's words and its options, if any."""

    text: str
    options: dict[str, str] | None = None


def parse_reply(text: str) -> VisualReply:
    """Reads `finding: ...; answer: B`; text in another form becomes the finding, without an answer."""
    match = _REPLY.search(text)
    if match is None:
        return VisualReply(finding=text.strip())
    return VisualReply(finding=match["finding"].strip(), answer=(match["answer"] or "").upper() or None)


def read_question(text: str) -> Question:
    """Finds question and options (`A. text` on a line of its own) in what an agent asks."""
    options = dict(_OPTION.findall(text))
    head = _OPTION.split(text, maxsplit=1)[0] if options else text
    lines = [line.strip() for line in head.splitlines()]
    words = " ".join(line for line in lines if line and line.rstrip(":").lower() not in ("options", "choices"))
    return Question(text=re.sub(r"^question:\s*", "", words, flags=re.IGNORECASE) or DESCRIBE, options=options or None)


def images_of(messages: Sequence[BaseMessage]) -> "list[Image]":
    """The pictures in the messages' image blocks, which must be base64 data URLs.

    Raises MediaError for another kind of URL or bytes that are no picture, ModelError for more than MAX_IMAGES.
    """
    urls = [_url(block) for message in messages if isinstance(message.content, list) for block in message.content]
    found = [url for url in urls if url is not None]
    if len(found) > MAX_IMAGES:
        raise ModelError(
            f"{len(found)} images in one request, the limit is {MAX_IMAGES}",
            where=NAME,
            remedy="ask about fewer images",
        )
    return [_decode(url, f"image {number}") for number, url in enumerate(found, start=1)]


def _url(block: Any) -> str | None:
    if not isinstance(block, dict):
        return None
    if block.get("type") == "image_url":
        value = block["image_url"]
        return value["url"] if isinstance(value, dict) else value
    if block.get("type") == "image" and block.get("base64"):
        return f"data:{block.get('mime_type', 'image/png')};base64,{block['base64']}"
    return None


def _decode(url: str, where: str) -> "Image":
    from PIL import Image, UnidentifiedImageError

    if not url.startswith("data:") or "," not in url:
        raise MediaError("is not a data URL", where=where, remedy="pass images as base64 data URLs")
    try:
        return Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1], validate=True))).convert("RGB")
    except (binascii.Error, UnidentifiedImageError, OSError) as error:
        raise MediaError(f"is not a picture: {error}", where=where) from error


def _text(messages: Sequence[BaseMessage]) -> list[str]:
    """The text of each human message, oldest first."""
    return [str(message.text).strip() for message in messages if message.type == "human"]


class EmbeddedVLM(BaseChatModel):
    """Reads images with the tower, projector and SmolLM2 of `models/weights/vlm`; loads them at the first call."""

    models_dir: Path
    weights_dir: Path = SHIPPED
    families: frozenset[str] = FAMILIES
    """Kinds of images it reads; anything else it would describe as one of these."""
    _network: VisionLanguage | None = PrivateAttr(default=None)
    _lock: threading.RLock = PrivateAttr(default_factory=threading.RLock)

    @classmethod
    def from_weights(cls, models_dir: Path, weights_dir: Path = SHIPPED) -> "EmbeddedVLM":
        """Checks that the shipped files are there; nothing heavy is loaded yet. Raises WeightsError."""
        for name in ADAPTER_FILES:
            if not (weights_dir / name).is_file():
                raise WeightsError("the VLM's trained part is missing", where=str(weights_dir / name),
                                   remedy="reinstall wardround")  # fmt: skip
        return cls(models_dir=models_dir, weights_dir=weights_dir)

    @property
    def _llm_type(self) -> str:
        return NAME

    @property
    def model_name(self) -> str:
        return NAME

    @property
    def revision(self) -> str:
        """Changes with any byte of the shipped projector, adapter or tower."""
        from models.tower import SHIPPED as TOWER
        from models.tower import WEIGHTS_FILE

        return revision_of(*(self.weights_dir / name for name in ADAPTER_FILES), TOWER / WEIGHTS_FILE)

    @property
    def identity(self) -> str:
        return f"{NAME}@{self.revision}"

    @property
    def network(self) -> VisionLanguage:
        """The loaded network. Raises WeightsError when a base is not in `models_dir` or a file is damaged."""
        with self._lock:
            if self._network is None:
                self._network = load_network(self.models_dir, self.weights_dir)
            return self._network

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        images = images_of(messages)
        if not images:
            raise ModelError("no image to read", where=NAME, remedy="ask a text model, or attach an image")
        question = _generation_question(messages)
        limit = max(1, min(int(kwargs.get("max_tokens") or MAX_TOKENS), MAX_TOKENS))
        lines, spent, prompted = [], 0, 0
        for number, image in enumerate(images, start=1):
            with self._lock:
                network = self.network
                if question.options:
                    embedded = network.embed(network.features([image])[0], prompt(question.text, question.options))
                    text, tokens = network.write(embedded, limit)
                    read = embedded.shape[1]
                else:
                    (text, read), tokens = describe(network, image), 2
            lines.append(text if len(images) == 1 else f"image {number}: {text}")
            spent, prompted = spent + tokens, prompted + read
        message = AIMessage(
            "\n".join(lines),
            usage_metadata={"input_tokens": prompted, "output_tokens": spent, "total_tokens": prompted + spent},
            response_metadata={"model_name": self.identity, "finish_reason": "stop"},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def score_choices(self, messages: Sequence[BaseMessage], labels: Sequence[str]) -> dict[str, float]:
        """The probability of each label: of its option's words as the finding, over the options, mean of images.

        A label without an option line in the messages is scored by itself. Raises as `invoke` does.
        """
        return self.score_with_usage(messages, labels)[0]

    def score_with_usage(
        self, messages: Sequence[BaseMessage], labels: Sequence[str]
    ) -> tuple[dict[str, float], dict[str, int]]:
        """`score_choices`, and the prompt and reply tokens that it read."""
        images = images_of(messages)
        if not images:
            raise ModelError("no image to read", where=NAME, remedy="ask a text model, or attach an image")
        question = _question(messages)
        texts = [(question.options or {}).get(label, label) for label in labels]
        totals = [0.0] * len(labels)
        prompted = 0
        for image in images:
            with self._lock:
                network = self.network
                embedded = network.embed(network.features([image])[0], prompt(question.text, question.options))
                scores = network.log_probabilities(embedded, [f"finding: {text};" for text in texts])
            prompted += embedded.shape[1]
            totals = [total + score / len(images) for total, score in zip(totals, scores, strict=True)]
        top = max(totals)
        weights = [math.exp(total - top) for total in totals]
        shares = {label: weight / sum(weights) for label, weight in zip(labels, weights, strict=True)}
        return shares, {"input_tokens": prompted, "output_tokens": len(images)}


def _question(messages: Sequence[BaseMessage]) -> Question:
    """The latest message with options, else the latest message."""
    texts = _text(messages)
    asked = [read_question(text) for text in texts if text]
    return next((q for q in reversed(asked) if q.options), asked[-1] if asked else Question(text=DESCRIBE))


def _generation_question(messages: Sequence[BaseMessage]) -> Question:
    """As `_question`, but a last message that asks to describe wins over the options before it."""
    texts = [text for text in _text(messages) if text]
    if texts and re.match(r"(please )?(describe|what (does|do) th)", texts[-1], re.IGNORECASE) and len(texts) > 1:
        return Question(text=DESCRIBE)
    return _question(messages)


def describe(network: VisionLanguage, image: "Image") -> tuple[str, int]:
    """(`finding: KIND, FINDING` of the likeliest words among `FINDINGS`, prompt tokens read).

    Chosen by likelihood, not written freely: a language model of this size sometimes runs on in syllables.
    """
    features = network.features([image])[0]

    def likeliest(question: str, words: Sequence[str], options: dict[str, str] | None) -> tuple[str, int]:
        embedded = network.embed(features, prompt(question, options))
        scores = network.log_probabilities(embedded, [f"finding: {text}{';' if options else ''}" for text in words])
        return words[scores.index(max(scores))], embedded.shape[1]

    kind, read = likeliest(DESCRIBE, tuple(FINDINGS), None)
    question, findings = FINDINGS[kind]
    finding, more = likeliest(question, findings, {chr(ord("A") + i): text for i, text in enumerate(findings)})
    return f"finding: {kind}, {finding}", read + more


def load_network(models_dir: Path, weights_dir: Path = SHIPPED) -> VisionLanguage:
    """Tower, projector and language model with the LoRA merged in. Raises WeightsError."""
    tower = load_tower(models_dir)
    language, tokenizer = load_language_model(models_dir / LANGUAGE_MODEL)
    state = {name: value.float() for name, value in read_weights(weights_dir / ADAPTER_FILES[0]).items()}
    projector = new_projector(FEATURES, language.config.hidden_size)
    try:
        projector.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"does not fit: {error}", where=str(weights_dir / ADAPTER_FILES[0]),
                           remedy="reinstall wardround") from error  # fmt: skip
    from peft import PeftModel

    merged = PeftModel.from_pretrained(language, str(weights_dir), autocast_adapter_dtype=True).merge_and_unload()
    return VisionLanguage(tower, projector.eval(), merged.eval(), tokenizer)


__all__ = [
    "MAX_IMAGES",
    "TOKENS",
    "EmbeddedVLM",
    "VisualReply",
    "describe",
    "load_network",
    "parse_reply",
    "read_question",
]
