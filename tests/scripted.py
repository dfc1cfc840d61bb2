"""Scripted models that every room's tests share. None of them is given a gold answer: each reads what a model reads."""

from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from models.profile import ModelProfile, attach
from models.scripted import Rule, ScriptedChat


def scripted(*rules: Rule | dict[str, Any], cache_path: Path | None = None, **options: Any) -> BaseChatModel:
    """A scripted model with its profile attached, as `open_chat_model` would give it."""
    made = [rule if isinstance(rule, Rule) else Rule(**rule) for rule in rules]
    profile = ModelProfile(identity="scripted@test", engine="scripted", cache_path=cache_path, timeout_s=10)
    return attach(ScriptedChat(rules=made, **options), profile)


def planted_world(findings: dict[str, str], *, strength: float = 0.9, **options: Any) -> BaseChatModel:
    """A model that knows one thing: a finding (regex in what it is shown) points to a label.

    Without a planted finding in sight it spreads its belief evenly, so a test's null control falls to chance.
    """
    labels = sorted(set(findings.values()))
    rest = (1 - strength) / max(1, len(labels) - 1)
    rules = [
        Rule(
            anywhere=finding,
            has_schema=False,
            reply=f"Answer: {label}",
            probabilities={other: strength if other == label else rest for other in labels},
        )
        for finding, label in findings.items()
    ]
    even = Rule(has_schema=False, reply=labels, probabilities=dict.fromkeys(labels, 1 / len(labels)))
    return scripted(*rules, even, **options)


def calls_of(model: BaseChatModel) -> list[Any]:
    """What a scripted model was asked, in order: `.messages`, `.arguments`, `.reply`."""
    assert isinstance(model, ScriptedChat)
    return model.calls
