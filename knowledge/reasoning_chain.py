"""A reasoning chain guided by graph paths, in three headed sections: paths found, reasoning, conclusion.

MedReason (Wu et al. 2025) keeps a chain only if the answer follows from its reasoning with the conclusion removed, and
every step that it names stands in the graph.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from knowledge.graph import KnowledgeGraph
from knowledge.graph_paths import Path, in_arrows, made_up, read_arrows

PATHS, REASONING, CONCLUSION = "Paths found", "Reasoning", "Conclusion"
_HEADING = re.compile(rf"^#+\s*({PATHS}|{REASONING}|{CONCLUSION})\s*:?\s*$", re.IGNORECASE | re.MULTILINE)

Answer = Callable[[str], Awaitable[str | None]]
"""Reads a chain (a language model, a person) and gives the answer that it finds in it."""


class Chain(NamedTuple):
    """The sections of a chain; a section that is not there is empty."""

    paths: str
    reasoning: str
    conclusion: str

    @property
    def text(self) -> str:
        sections = ((PATHS, self.paths), (REASONING, self.reasoning), (CONCLUSION, self.conclusion))
        return "\n\n".join(f"## {name}\n{body}" for name, body in sections if body)


class Verdict(NamedTuple):
    """Whether a chain is kept, the share of its named steps that the graph states, and why it is not kept."""

    is_kept: bool
    grounding: float
    reason: str = ""


def write_chain(paths: Sequence[Path], reasoning: str, conclusion: str) -> Chain:
    """A chain that names its paths with arrows, as `read_arrows` reads them."""
    return Chain("\n".join(in_arrows(path) for path in paths), reasoning.strip(), conclusion.strip())


def read_chain(text: str) -> Chain:
    """The sections of a reply. What stands under no heading is reasoning."""
    parts = _HEADING.split(text)
    found = {name.casefold(): body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    loose = parts[0].strip()
    reasoning = "\n".join(part for part in (loose, found.get(REASONING.casefold(), "")) if part)
    return Chain(found.get(PATHS.casefold(), ""), reasoning, found.get(CONCLUSION.casefold(), ""))


def grounding(chain: Chain, graph: KnowledgeGraph) -> tuple[float, list[tuple[str, str, str]]]:
    """The share of the steps written with arrows that the graph states, and those that it does not; 0 for no step."""
    lines = f"{chain.paths}\n{chain.reasoning}".splitlines()
    named = [step for line in lines for step in read_arrows(line)]
    wrong = made_up(graph, named)
    return ((len(named) - len(wrong)) / len(named) if named else 0.0), wrong


async def judge(
    chain: Chain, answer: str, graph: KnowledgeGraph, ask: Answer, *, min_grounding: float = 1.0
) -> Verdict:
    """Keep the chain if its steps stand in the graph and its reasoning alone, without conclusion, gives the answer."""
    share, wrong = grounding(chain, graph)
    if share < min_grounding:
        return Verdict(False, share, f"made up: {wrong[0]}" if wrong else "names no step")
    found = await ask(Chain(chain.paths, chain.reasoning, "").text)
    if found is None or found.casefold() != answer.casefold():
        return Verdict(False, share, "the answer does not follow without the conclusion")
    return Verdict(True, share)
