"""What a calculator is, and what running one gives: value, unit, steps, warnings, what was missing, source."""

from collections.abc import Callable, Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any, NamedTuple

from pydantic import Field

from cases.case import Record

FLAG, CHOICE, DATE = "flag", "choice", "date"


class Input(NamedTuple):
    """One thing that a calculator asks for.

    `quantity` names an entry of `units.QUANTITIES`, or is "flag", "choice" or "date". `choices` maps each choice to its
    other spellings. `low` and `high`, in the quantity's own unit, bound what is seen in people: a value beyond them is
    used, with a warning. Unless `is_optional`, a formula cannot do without it.
    """

    name: str
    quantity: str
    description: str
    aliases: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = {}
    low: float | None = None
    high: float | None = None
    is_optional: bool = False

    def called(self, *aliases: str) -> "Input":
        """The same input with more names."""
        return self._replace(aliases=(*self.aliases, *aliases))

    def optional(self) -> "Input":
        """The same input, not required."""
        return self._replace(is_optional=True)


class Given(SimpleNamespace):
    """The inputs of a run by name, in each quantity's own unit; None where nothing was given."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def has(self, *names: str) -> bool:
        return all(getattr(self, name) is not None for name in names)


class Working:
    """What a calculator writes down while it computes."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.warnings: list[str] = []
        self.missing: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


Compute = Callable[[Given, Working], "float | date"]


class Calculator(NamedTuple):
    """A formula or score of the literature. `number` is its id in MedCalc-Bench (None: not part of it)."""

    name: str
    number: int | None
    title: str
    unit: str
    inputs: tuple[Input, ...]
    compute: Compute
    source: str
    keywords: str = ""
    is_score: bool = False
    """A score takes what it is not told as absent, and says so; a formula needs all of its inputs."""

    def schema(self) -> dict[str, Any]:
        """A JSON schema of the inputs, as tools and forms read it."""
        properties = {item.name: _property(item) for item in self.inputs}
        required = [item.name for item in self.inputs if not item.is_optional and not self.is_score]
        return {
            "title": self.title, "type": "object", "properties": properties, "required": required,
            "additionalProperties": False,
        }  # fmt: skip


class Calculation(Record):
    """The result of a run. `text` is the value as one reads it; `inputs` are what was computed with."""

    calculator: str
    title: str
    value: float | date
    unit: str
    text: str
    steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = Field(default=(), description="Inputs that were not given and count as absent.")
    inputs: dict[str, Any] = Field(default_factory=dict)
    source: str = ""


def _property(item: Input) -> dict[str, Any]:
    from knowledge.calculators.units import quantity

    if item.quantity == FLAG:
        return {"type": "boolean", "description": item.description}
    if item.quantity == CHOICE:
        return {"type": "string", "enum": list(item.choices), "description": item.description}
    if item.quantity == DATE:
        return {"type": "string", "format": "date", "description": item.description}
    kind = quantity(item.quantity)
    if not kind.unit:
        return {"type": "number", "description": item.description}
    return {
        "type": "object",
        "description": item.description,
        "properties": {"value": {"type": "number"}, "unit": {"enum": list(kind.units)}},
        "required": ["value", "unit"],
        "additionalProperties": False,
    }


def plain(value: float) -> str:
    """A number as a person writes it: six significant digits, no trailing zeros."""
    return f"{value:.6g}"
