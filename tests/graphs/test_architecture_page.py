"""The architecture page shows the graph that is compiled."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_shows_the_round_as_it_is_compiled():
    spec = importlib.util.spec_from_file_location("draw_graph", ROOT / "scripts" / "draw_graph.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert "specialist" in page.split("<!-- graph: round -->")[1].split("<!-- /graph -->")[0]
    assert script.with_diagram(page) == page, "run `python scripts/draw_graph.py`"
