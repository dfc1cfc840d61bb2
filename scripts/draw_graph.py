"""Write the round's diagram into docs/architecture.md: `python scripts/draw_graph.py`."""

import re
from pathlib import Path

from graphs.strategies import mermaid

PAGE = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"


def with_diagram(page: str) -> str:
    """The page with the diagram between its two markers made anew from the compiled graph."""
    block = f"<!-- graph: round -->\n```mermaid\n{mermaid('round').strip()}\n```\n<!-- /graph -->"
    return re.sub(r"<!-- graph: round -->.*?<!-- /graph -->", lambda _: block, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(with_diagram(PAGE.read_text()))
