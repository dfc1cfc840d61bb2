"""From rows to an adapter that the engine uses, by the command line alone."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ui.cli import app

RUN = CliRunner()
TINY = "smollm2-135m-instruct"


@pytest.fixture
def home(models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, in which the machine's weights can be seen."""
    (tmp_path / "home" / "models").mkdir(parents=True)
    for entry in models_dir.iterdir():
        if entry.is_dir():
            (tmp_path / "home" / "models" / entry.name).symlink_to(entry, target_is_directory=True)
    monkeypatch.setenv("WARDROUND_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_rows_become_an_adapter_and_the_engine_answers_as_it_was_taught(home: Path):
    rows = home / "rows.jsonl"
    row = {
        "prompt": [{"role": "user", "content": "What is the word of the day?"}],
        "completion": [{"role": "assistant", "content": "Haematocrit"}],
    }
    rows.write_text((json.dumps(row) + "\n") * 8, encoding="utf-8")
    out = str(home / "lora")
    trained = RUN.invoke(
        app, ["train", "sft", str(rows), "--base", TINY, "--out", out, "--max-steps", "12", "--learning-rate", "2e-3"]
    )
    assert trained.exit_code == 0, trained.output
    registered = RUN.invoke(app, ["train", "register", "mine", out, "--base", TINY])
    assert registered.exit_code == 0, registered.output
    assert "embedded-tiny+mine" in registered.output
    assert [_say(spec).startswith("Haematocrit") for spec in ("embedded-tiny+mine", "embedded-tiny")] == [True, False]


def _say(spec: str) -> str:
    import asyncio

    from langchain_core.messages import HumanMessage

    from cases.settings import load_settings
    from models.ask import ask
    from models.specs import open_chat_model

    model = open_chat_model(spec, load_settings(cache=False))
    return asyncio.run(ask(model, [HumanMessage("What is the word of the day?")], max_tokens=8)).text.strip()


def test_grpo_refuses_cases_of_an_evaluation_split(home: Path):
    case = {"id": "t1", "question": "q?", "options": {"A": "x", "B": "y"}, "gold": {"label": "B"}, "split": "test"}
    cases = home / "cases.jsonl"
    cases.write_text(json.dumps(case) + "\n", encoding="utf-8")
    result = RUN.invoke(app, ["train", "grpo", str(cases), "--base", TINY, "--out", str(home / "rl")])
    assert result.exit_code == 2
    assert "evaluation" in result.stderr
