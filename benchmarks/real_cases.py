"""A batch of real cases, killed in the middle and resumed: is every case there once, and what do its citations hold?

    python benchmarks/real_cases.py ../shared/data runs/real-cases

Draws questions of MedQA, chest X-rays and MedPix cases with images, adjudicates them with the settings in force, sends
SIGKILL after `--kill-after` verdicts, resumes, and writes `benchmarks/results/real_cases.md`. A complete OUT is only
reported on.
"""

import json
import os
import platform
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from cases.case import Case
from cases.loading import load_cases

SETS = {
    "MedQA": "text_mcq/medqa_us_test.jsonl",
    "COVID CXR": "multimodal/covid_cxr/labels.jsonl",
    "MedPix": "multimodal/medpix/cases.jsonl",
}
RESULTS = Path(__file__).parent / "results"
PRODUCT = [sys.executable, "-c", "from ui.cli import main; main()"]


def draw(data: Path, per_set: int) -> dict[str, list[Case]]:
    """Per set a seeded draw of cases, gold included."""
    drawn = {}
    for name, file in SETS.items():
        cases = list(load_cases((data / file).resolve(), on_error="collect").cases)
        random.Random(7).shuffle(cases)
        drawn[name] = cases[:per_set]
    return drawn


def written(out: Path) -> list[dict[str, Any]]:
    """The verdict records of a run's folder, as they lie on disk."""
    path = out / "verdicts.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def adjudicate(cases: Path, out: Path, kill_after: int) -> None:
    """Run until `kill_after` verdicts, SIGKILL, and run again to the end."""
    command = [*PRODUCT, "adjudicate", str(cases), "--out", str(out), "--strategy", "round", "--concurrency", "1"]
    environment = os.environ | {"WARDROUND_CACHE": "false"}
    first = subprocess.Popen(command, env=environment)
    while first.poll() is None and len(written(out)) < kill_after:
        time.sleep(2)
    time.sleep(5)  # into the next case
    first.send_signal(signal.SIGKILL)
    first.wait()
    print(f"killed after {len(written(out))} verdicts")
    subprocess.run(command, env=environment, check=True)


def citation_of(citation: dict[str, Any], evidence: dict[str, dict[str, Any]]) -> str:
    """A citation's status; 'wrong' where the record says located and the text at that place is something else."""
    source, status = evidence.get(citation["evidence_id"]), str(citation["status"])
    if status == "unverified":
        return status
    if source is None or citation["start"] is None:
        return "wrong"
    span = source["text"][citation["start"] : citation["end"]]
    if status == "exact" and span != citation["quote"]:
        return "wrong"
    if status == "normalised" and _letters(span) != _letters(citation["quote"]):
        return "wrong"
    return status


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def page(drawn: dict[str, list[Case]], records: list[dict[str, Any]]) -> str:
    """The result page."""
    times = Counter(record["case_id"] for record in records)
    wanted = [case.id for cases in drawn.values() for case in cases]
    by_id = {record["case_id"]: record["verdict"] for record in records}
    others = len(times.keys() - set(wanted))
    lines = [
        "# A batch of real cases, killed and resumed",
        "",
        f"`python benchmarks/real_cases.py DATA OUT` with the embedded model and the default settings, "
        f"{platform.machine()}, {os.cpu_count()} shared cores, no GPU, Python {platform.python_version()}, xllamacpp "
        f"{version('xllamacpp')}. SIGKILL in the middle of the run, then the same command again.",
        "",
        f"- Cases: {len(wanted)}; with exactly one verdict: {sum(times[name] == 1 for name in wanted)}; "
        f"with none: {sum(times[name] == 0 for name in wanted)}; verdicts of other cases: {others}.",
        "",
        "| set | cases | images | answered | emergency notice | abstained | right of answered choices |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, cases in drawn.items():
        done = [(case, by_id[case.id]) for case in cases if case.id in by_id]
        outcomes = Counter(verdict["outcome"] for _, verdict in done)
        choices = [(c, v) for c, v in done if c.options and c.gold and c.gold.label and v["outcome"] == "answered"]
        right = sum(verdict["answer"] == case.gold.label for case, verdict in choices if case.gold)
        lines.append(
            f"| {name} | {len(cases)} | {sum(len(case.all_media) for case in cases)} | {outcomes['answered']} | "
            f"{outcomes['emergency']} | {outcomes['abstained']} | {right} of {len(choices)} |"
        )
    statuses: Counter[str] = Counter()
    for verdict in by_id.values():
        evidence = {item["id"]: item for item in verdict["evidence"]}
        statuses.update(citation_of(citation, evidence) for citation in verdict["citations"])
    usage = [verdict["usage"] for verdict in by_id.values() if verdict["usage"]["calls"]]
    count = max(1, len(usage))
    cited = sum(bool(verdict["citations"]) for verdict in by_id.values())
    lines += [
        "",
        f"- Citations: {sum(statuses.values())} in {cited} verdicts: "
        + ", ".join(f"{n} {status}" for status, n in sorted(statuses.items()))
        + ". *wrong* would be a span that the record calls located and that is not at its place in the source.",
        f"- Per case that asked a model: {sum(u['calls'] for u in usage) / count:.1f} calls, "
        f"{sum(u['prompt_tokens'] for u in usage) / count:.0f} prompt tokens "
        f"({sum(u['cached_tokens'] for u in usage) / count:.0f} from the prefix cache), "
        f"{sum(u['reply_tokens'] for u in usage) / count:.0f} reply tokens, "
        f"{sum(u['seconds'] for u in usage) / count:.0f} s on one busy core.",
        "- The counts of right answers are too small to compare anything; they are here because they were measured.",
    ]
    return "\n".join(lines) + "\n"


def main(
    data: Annotated[Path, typer.Argument(help="Folder with text_mcq/ and multimodal/.")],
    out: Annotated[Path, typer.Argument(help="Folder of the run; resumed where it stands.")],
    per_set: int = 14,
    kill_after: int = 13,
) -> None:
    """Draw, run, kill, resume, report."""
    drawn = draw(data, per_set)
    cases = [case for part in drawn.values() for case in part]
    random.Random(1).shuffle(cases)
    if {record["case_id"] for record in written(out)} != {case.id for case in cases}:
        out.mkdir(parents=True, exist_ok=True)
        listed = out.with_suffix(".cases.jsonl")
        listed.write_text("".join(case.model_dump_json() + "\n" for case in cases), encoding="utf-8")
        adjudicate(listed, out, kill_after)
    text = page(drawn, written(out))
    (RESULTS / "real_cases.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    typer.run(main)
