"""What a chat engine does here: rates, prefix reuse, concurrency, JSON, and which choice prompt answers best.

    python benchmarks/engine.py --out benchmarks/results/engine.md
    python benchmarks/engine.py --choices ../shared/data/text_mcq/medqa_us_test.jsonl --rows 40

Every number is measured in this run, without the disk cache; the load of the machine is printed beside them.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from cases.errors import ModelReplyError
from cases.settings import load_settings
from models.ask import ask, choice_probabilities
from models.profile import profile_of
from models.specs import open_chat_model

SYSTEM = "You are a panel of physicians. Use only what the case says."
CASE = """Case. A 61-year-old man comes to the emergency department with two hours of crushing chest pain that
radiates to the jaw, with nausea and sweating. He smokes and takes metformin, lisinopril and atorvastatin. Temperature
36.9 C, pulse 52/min, respirations 18/min, blood pressure 92/60 mmHg, oxygen saturation 95% on room air. Jugular veins
are distended, lungs are clear. The ECG shows ST elevation in leads II, III and aVF, more in III than in II, and ST
depression in I and aVL. High-sensitivity troponin T is 480 ng/L. Potassium 4.4 mmol/L, creatinine 1.1 mg/dL.
Evidence 1. In inferior infarction with hypotension and clear lungs, right-sided leads should be recorded; ST elevation
in V4R shows right ventricular involvement, which depends on preload. Evidence 2. Nitrates, diuretics and morphine lower
preload and may cause severe hypotension in right ventricular infarction; isotonic fluid is the first measure.
Options: A) give nitroglycerin; B) give isotonic saline and record right-sided leads; C) give furosemide;
D) give metoprolol."""
ROLES = ("cardiologist", "emergency physician", "pharmacist", "nephrologist", "radiologist", "attending physician")


class View(BaseModel):
    """The small opinion that the JSON test asks for."""

    answer: Literal["A", "B", "C", "D"]
    confidence: float = Field(ge=0, le=1)
    rationale: str = Field(max_length=160)


def panel(role: str, ask_for: str, salt: str = "") -> list[BaseMessage]:
    """Shared part first, role last: as the agents write their prompts."""
    return [SystemMessage(SYSTEM), HumanMessage(f"{salt}{CASE}\n\nYou are the {role}. {ask_for}")]


async def rates(model: BaseChatModel, repeats: int) -> dict[str, float]:
    """Prefill rate from fresh prompts for one token, decode rate from a long reply to a prompt already read."""
    reading, writing = [], []
    for i in range(repeats):
        fresh = await ask(model, panel("nurse", "Say yes.", salt=f"{i * 7919}. "), max_tokens=1, use_cache=False)
        reading.append((fresh.usage.prompt_tokens - fresh.usage.cached_tokens) / fresh.usage.seconds)
        long = panel("nurse", "List, in full sentences, everything that must be done.", salt=f"{i * 7919}. ")
        await ask(model, long, max_tokens=1, use_cache=False)
        reply = await ask(model, long, max_tokens=65, use_cache=False)
        writing.append(reply.usage.reply_tokens / reply.usage.seconds)
    return {"prefill tok/s": statistics.median(reading), "decode tok/s": statistics.median(writing)}


async def reuse(model: BaseChatModel) -> dict[str, float]:
    """One case, a question per role, one after the other: what came from the prefix cache."""
    replies = [
        await ask(model, panel(role, "In one word?", salt="reuse. "), max_tokens=1, use_cache=False) for role in ROLES
    ]
    later = replies[1:]
    prompt = sum(r.usage.prompt_tokens for r in later)
    return {
        "first call s": replies[0].usage.seconds,
        "later calls s": statistics.median(r.usage.seconds for r in later),
        "prompt tokens": replies[0].usage.prompt_tokens,
        "cached share of later prompts": sum(r.usage.cached_tokens for r in later) / prompt,
    }


async def together(model: BaseChatModel, count: int) -> dict[str, float]:
    """The same work one after the other and at once, each on a case not read before."""

    def work(i: int, salt: str) -> Any:
        return ask(model, panel(ROLES[i], "What next?", salt=salt), max_tokens=24, use_cache=False)

    started = time.perf_counter()
    for i in range(count):
        await work(i, "row. ")
    in_turn = time.perf_counter() - started
    started = time.perf_counter()
    replies = await asyncio.gather(*[work(i, "crowd. ") for i in range(count)])
    at_once = time.perf_counter() - started
    cached = sum(r.usage.cached_tokens for r in replies) / sum(r.usage.prompt_tokens for r in replies)
    return {f"{count} in turn s": in_turn, f"{count} at once s": at_once, "cached share at once": cached}


async def validity(model: BaseChatModel, count: int) -> dict[str, float]:
    """How many replies of `count`, at temperature 1, are valid after the schema, and how long they are."""
    good, tokens, seconds = 0, [], []
    for i in range(count):
        try:
            reply = await ask(
                model, panel(ROLES[i % len(ROLES)], "Give your view."), schema=View, max_tokens=120, temperature=1.0,
                seed=i, use_cache=False,
            )  # fmt: skip
        except ModelReplyError as error:
            print(f"invalid: {error}", file=sys.stderr)
            continue
        good += 1
        tokens.append(reply.usage.reply_tokens)
        seconds.append(reply.usage.seconds)
    return {
        "valid JSON within 120 tokens, at temperature 1": good / count,
        "median tokens": statistics.median(tokens or [0]),
        "median s": statistics.median(seconds or [0.0]),
    }


INSTRUCTIONS = {
    "letter only": "Answer with the letter of the best option only.",
    "exam": "This is a multiple-choice question of a medical licensing exam. Reply with one letter.",
}
PREFILLS = {
    "none": "",
    "Answer:": "Answer:",
    "The correct answer is": "The correct answer is",
    "Answer: (": "Answer: (",
}


async def choices(model: BaseChatModel, rows: Sequence[dict[str, Any]]) -> list[tuple[str, str, float, float, float]]:
    """(instruction, prefill, accuracy, probability of the right label, mass outside) for every pair of them."""
    results: dict[tuple[str, str], list[tuple[bool, float, float]]] = {}
    for number, row in enumerate(rows):
        options = "\n".join(f"{label}) {text}" for label, text in row["options"].items())
        for name, instruction in INSTRUCTIONS.items():
            for prefill_name, prefill in PREFILLS.items():
                messages: list[BaseMessage] = [
                    SystemMessage("You are an experienced physician."),
                    HumanMessage(f"{row['question']}\n\n{options}\n\n{instruction}"),
                    *([AIMessage(prefill)] if prefill else []),
                ]
                try:
                    scores = await choice_probabilities(model, messages, list(row["options"]), use_cache=False)
                except ModelReplyError:
                    found = (False, 0.0, 1.0)
                else:
                    right = row["answer_idx"]
                    found = (scores.best == right, scores.probabilities[right], scores.outside)
                results.setdefault((name, prefill_name), []).append(found)
        so_far = {" / ".join(pair): f"{statistics.fmean(f[0] for f in found):.2f}" for pair, found in results.items()}
        print(f"row {number + 1} of {len(rows)}: {so_far}", file=sys.stderr)
    return [
        (*pair, *(statistics.fmean(column) for column in zip(*found, strict=True))) for pair, found in results.items()
    ]


def environment(model: BaseChatModel) -> list[str]:
    """The lines that say where the numbers come from."""
    cpu = next(
        (line.split(":")[1].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return [
        f"- command: `python {' '.join(sys.argv)}`",
        f"- model: {profile_of(model).identity}",
        f"- versions: xllamacpp {version('xllamacpp')}, langchain-openai {version('langchain-openai')}, "
        f"Python {platform.python_version()}",
        f"- machine: {os.cpu_count()} cores ({cpu}), load average {os.getloadavg()[0]:.1f} at the start",
    ]


def _read(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


async def measure(arguments: argparse.Namespace) -> str:
    overrides = {name: value for name in ("threads", "slots") if (value := getattr(arguments, name))}
    model = open_chat_model(arguments.model, load_settings(cache=False, request_timeout_s=900.0), **overrides)
    lines = ["# Engine", "", *environment(model), *([f"- settings: {overrides}"] if overrides else []), ""]
    if arguments.choices:
        with arguments.choices.open() as stream:
            rows = [json.loads(line) for line, _ in zip(stream, range(arguments.rows), strict=False)]
        lines += [f"{len(rows)} rows of {arguments.choices.name}, one token per answer.", ""]
        lines += ["| instruction | prefill | accuracy | p(right) | mass outside |", "|---|---|---|---|---|"]
        table = sorted(await choices(model, rows), key=lambda row: -row[2])
        lines += [f"| {a} | `{b}` | {accuracy:.3f} | {p:.3f} | {out:.3f} |" for a, b, accuracy, p, out in table]
        return "\n".join(lines) + "\n"
    started = time.perf_counter()
    await ask(model, [HumanMessage("Hi")], max_tokens=1)
    measured: dict[str, float] = {"load and first token s": time.perf_counter() - started}
    measured |= await rates(model, arguments.repeats)
    measured |= await reuse(model)
    measured |= await together(model, 4)
    measured |= await validity(model, 4 * arguments.repeats)
    started = time.perf_counter()
    scores = await choice_probabilities(model, panel("attending physician", "Which option? One letter."), "ABCD")
    measured |= {"one choice s": time.perf_counter() - started, "choice p(B)": scores.probabilities["B"]}
    lines += ["| what | measured |", "|---|---|", *(f"| {name} | {value:.3g} |" for name, value in measured.items())]
    lines += ["", f"Load average {os.getloadavg()[0]:.1f} at the end."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--threads", type=int, default=0, help="0: what the engine chooses")
    parser.add_argument("--slots", type=int, default=0, help="0: what the engine chooses")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--choices", type=Path, help="JSONL of questions with options and answer_idx")
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    text = asyncio.run(measure(arguments))
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
