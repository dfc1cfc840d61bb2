"""What tokens cost: a small dated table, and the user's own prices over it. Local models cost nothing."""

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field, ValidationError

from cases.case import Record
from cases.errors import SettingsError

VERSION = "2025-10"
"""When the table was read from the vendors' public price lists. Prices change: put yours into HOME/prices.toml."""


class Price(Record):
    """US dollars per million tokens."""

    prompt: float = Field(ge=0)
    cached: float = Field(ge=0, description="Prompt tokens that the vendor served from its cache.")
    reply: float = Field(ge=0)


FREE = Price(prompt=0, cached=0, reply=0)

TABLE: dict[str, Price] = {
    "gpt-4.1": Price(prompt=2.0, cached=0.5, reply=8.0),
    "gpt-4.1-mini*": Price(prompt=0.4, cached=0.1, reply=1.6),
    "gpt-4.1-nano*": Price(prompt=0.1, cached=0.025, reply=0.4),
    "gpt-4o-mini*": Price(prompt=0.15, cached=0.075, reply=0.6),
    "gpt-4o*": Price(prompt=2.5, cached=1.25, reply=10.0),
    "gpt-5-mini*": Price(prompt=0.25, cached=0.025, reply=2.0),
    "gpt-5-nano*": Price(prompt=0.05, cached=0.005, reply=0.4),
    "gpt-5": Price(prompt=1.25, cached=0.125, reply=10.0),
    "o4-mini*": Price(prompt=1.1, cached=0.275, reply=4.4),
}
"""First match counts; names may end in `*`."""


def price_of(model: str, *, is_remote: bool, own: dict[str, Price] | None = None) -> Price:
    """The price of a model's tokens. Local models are free; a remote one that no table knows counts as free, too."""
    for table in (own or {}, TABLE if is_remote else {}):
        for pattern, price in table.items():
            if fnmatchcase(model, pattern):
                return price
    return FREE


def own_prices(home: Path) -> dict[str, Price]:
    """The user's `HOME/prices.toml`: `["MODEL or PATTERN*"]` with prompt, cached, reply. Raises SettingsError."""
    path = home / "prices.toml"
    if not path.is_file():
        return {}
    try:
        return {name: Price.model_validate(row) for name, row in tomllib.loads(path.read_text("utf-8")).items()}
    except (ValidationError, tomllib.TOMLDecodeError, OSError) as error:
        raise SettingsError(
            f"no price table: {error}", where=str(path), remedy='write ["MODEL"] with prompt, cached and reply'
        ) from error
