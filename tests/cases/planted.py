"""Notes with planted identifiers: the templates of planted.json, with [[KIND|value]] marks, filled from its pools.

The pools share few values with the recognisers' own lists: names are taken from many origins. The templates "first"
were there when the recognisers were written; the other three were written afterwards, measured, and then
used to mend what was missed.
"""

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

PLANTED = json.loads((Path(__file__).parent / "planted.json").read_text(encoding="utf-8"))
POOLS: dict[str, list[str]] = PLANTED["pools"]
FIRST = tuple(PLANTED["first"])
SECOND = tuple(PLANTED["second"])
THIRD = tuple(PLANTED["third"])
FOURTH = tuple(PLANTED["fourth"])
_MARK = re.compile(r"\[\[(?P<kind>[A-Z_]+)\|(?P<value>[^\]]*)\]\]")


@dataclass(frozen=True)
class PlantedNote:
    text: str
    spans: tuple[tuple[str, int, int], ...]


def planted_notes(templates: tuple[str, ...] = FIRST, per_template: int = 3, seed: int = 7) -> list[PlantedNote]:
    """Each template filled `per_template` times."""
    generator = random.Random(seed)
    return [_parsed(_filled(template, generator)) for template in templates for _ in range(per_template)]


def _filled(template: str, generator: random.Random) -> str:
    values = {name: generator.choice(pool) for name, pool in POOLS.items()}
    values["state"] = POOLS["state"][POOLS["city"].index(values["city"])]
    for extra in ("first2", "last2", "last3", "date2"):
        values[extra] = generator.choice(POOLS[extra.rstrip("23")])
    values |= {"FIRST": values["first"].upper(), "LAST": values["last"].upper(), "year": "2011"}
    return template.format(**values)


def _parsed(marked: str) -> PlantedNote:
    text, spans, position = "", [], 0
    for match in _MARK.finditer(marked):
        text += marked[position : match.start()]
        spans.append((match["kind"], len(text), len(text) + len(match["value"])))
        text += match["value"]
        position = match.end()
    return PlantedNote(text + marked[position:], tuple(spans))
