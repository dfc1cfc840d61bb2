"""Questions and answers about an image, made from its facts: what the VLM is taught to reply."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from models.vision_language import prompt, reply
from training.images import MODALITIES, TASKS, ImageRow

DESCRIBE = ("What does this image show?", "Describe this image.", "What are the findings?")
WHICH_MODALITY = ("What kind of image is this?", "Which modality is this?")


@dataclass(frozen=True)
class Turn:
    """One question about one image (`row` is its index) and the reply that loss is taken on."""

    row: int
    prompt: str
    reply: str


def lettered(texts: Sequence[str]) -> dict[str, str]:
    return {chr(ord("A") + i): text for i, text in enumerate(texts)}


def draw_turn(index: int, row: ImageRow, generator: random.Random) -> Turn:
    """A choice (mostly), a yes/no question, the modality, or a description; options in random order and words."""
    names = sorted(row.facts)
    draw = generator.random()
    if not names or draw < 0.05:
        return _modality(index, row, generator)
    if draw < 0.12:
        finding = ", ".join([MODALITIES[row.dataset][0], *(TASKS[name].option(row.facts[name]) for name in names)])
        return Turn(index, prompt(generator.choice(DESCRIBE)), reply(finding))
    name = generator.choice(names)
    if draw < 0.22:
        return _yes_no(index, row, name, generator)
    return _choice(index, row, name, generator)


def _choice(index: int, row: ImageRow, name: str, generator: random.Random) -> Turn:
    task = TASKS[name]
    wording = generator.randrange(min(len(phrases) for phrases in task.phrases.values()))
    values = generator.sample(list(task.phrases), len(task.phrases))
    options = lettered([task.phrases[value][wording] for value in values])
    label = chr(ord("A") + values.index(row.facts[name]))
    return Turn(index, prompt(generator.choice(task.questions), options), reply(options[label], label))


def _yes_no(index: int, row: ImageRow, name: str, generator: random.Random) -> Turn:
    task = TASKS[name]
    value = generator.choice(list(task.phrases))
    answer = "yes" if row.facts[name] == value else "no"
    words = generator.sample(["yes", "no"], 2)
    question = f"Is this right: {generator.choice(task.phrases[value])}?"
    return Turn(index, prompt(question, lettered(words)), reply(answer, chr(ord("A") + words.index(answer))))


def _modality(index: int, row: ImageRow, generator: random.Random) -> Turn:
    sets = generator.sample(list(MODALITIES), len(MODALITIES))
    options = lettered([MODALITIES[name][0] for name in sets])
    label = chr(ord("A") + sets.index(row.dataset))
    return Turn(index, prompt(generator.choice(WHICH_MODALITY), options), reply(options[label], label))
