"""Pictures of the demo for docs/images: runs the shipped examples on this machine's settings in a headless Chromium.

    .venv/bin/python scripts/screenshots.py [--url http://127.0.0.1:7860/] [--only demo,mobile] [--out docs/images]

Without --url it serves the demo itself, with a store of its own.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
PATIENCE_MS = 540_000


def run(page: Any, example: str) -> None:
    """Load an example by the beginning of its title and ask the panel."""
    page.click("#wr-example input")
    page.click(f"ul[role=listbox] >> text={example}")
    page.wait_for_function("document.querySelector('#wr-question textarea').value.length > 10")
    page.click("#wr-run")


def shoot(page: Any, path: Path, *, to: str | None = None, height: int | None = None) -> None:
    """A picture as high as what it shows."""
    width = page.viewport_size["width"]
    if to is not None:
        bottom = page.evaluate(f"document.querySelector('{to}').getBoundingClientRect().bottom + window.scrollY")
        height = int(bottom) + 24
    if height is not None:
        page.set_viewport_size({"width": width, "height": height})
    page.evaluate("window.scrollTo(0, 0)")
    time.sleep(0.4)
    page.screenshot(path=str(path))
    typer.echo(path)


def demo(page: Any, out: Path) -> None:
    """The panel at work, its verdict, an opened source, the trajectory."""
    run(page, "Metformin")
    page.wait_for_selector(".wr-row:nth-child(7)", timeout=PATIENCE_MS)
    shoot(page, out / "thinking.png", to="#wr-workview")
    page.wait_for_selector("article.wr-verdict", timeout=PATIENCE_MS)
    shoot(page, out / "demo.png", to="#wr-workview")
    cited = page.query_selector("ol.wr-cites button") or page.query_selector(".wr-work .wr-source")
    if cited is not None and not cited.is_visible():
        page.click(".wr-work > summary")
    if cited is not None:
        page.set_viewport_size({"width": 1280, "height": 860})
        cited.click()
        time.sleep(0.5)
        page.screenshot(path=str(out / "evidence.png"))
        page.keyboard.press("Escape")
    page.fill("#wr-ask textarea", "Which finding decides this?")
    page.press("#wr-ask textarea", "Enter")
    page.wait_for_selector(".wr-said-model", timeout=PATIENCE_MS)
    before = ""
    while (text := page.inner_text(".wr-said-model")) != before or text.endswith("…"):
        before = text
        time.sleep(8)
    page.locator("#wr-after").screenshot(path=str(out / "followup.png"))
    page.click("role=tab[name=Trajectories]")
    page.wait_for_selector(".wr-step")
    page.click(".wr-step:not(.wr-step-quiet) >> nth=1")
    shoot(page, out / "trajectory.png", height=1000)


def emergency(page: Any, out: Path) -> None:
    run(page, "Chest pain")
    page.wait_for_selector("article.wr-verdict", timeout=PATIENCE_MS)
    shoot(page, out / "emergency.png", to="#wr-workview")


def image(page: Any, out: Path) -> None:
    run(page, "Round structure")
    page.wait_for_selector("article.wr-verdict, .wr-error", timeout=PATIENCE_MS)
    shoot(page, out / "image.png", to="#wr-workview")


def mobile(page: Any, out: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    run(page, "Dysuria")
    page.wait_for_selector("article.wr-verdict", timeout=PATIENCE_MS)
    page.evaluate("document.querySelector('#wr-verdictview').scrollIntoView()")
    page.evaluate("window.scrollBy(0, -96)")
    time.sleep(0.4)
    page.screenshot(path=str(out / "mobile.png"))
    typer.echo(out / "mobile.png")


SCENES: dict[str, Callable[[Any, Path], None]] = {
    "demo": demo, "emergency": emergency, "image": image, "mobile": mobile,
}  # fmt: skip


@contextmanager
def served(url: str | None) -> Iterator[str]:
    """The address of a demo that runs: the given one, or one started here."""
    if url is not None:
        yield url
        return
    from cases.loading import example_cases
    from cases.settings import load_settings
    from graphs.store import TrajectoryStore
    from ui.demo import model_choices, serve, usable_port
    from ui.page import Page
    from ui.wiring import House

    settings = load_settings(port=0)
    settings = settings.model_copy(update={"port": usable_port(settings)})
    with tempfile.TemporaryDirectory() as folder, TrajectoryStore(Path(folder) / "runs.sqlite") as store:
        page = Page(House(settings), store, example_cases(), model_choices(settings))
        blocks = serve(settings, page=page, blocks_thread=False)
        yield f"http://{settings.host}:{settings.port}/"
        blocks.close(verbose=False)


def main(
    out: Annotated[Path, typer.Option()] = Path(__file__).resolve().parents[1] / "docs" / "images",
    url: Annotated[str | None, typer.Option(help="A demo that is running already.")] = None,
    only: Annotated[str, typer.Option(help=f"Some of: {', '.join(SCENES)}.")] = ",".join(SCENES),
) -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with served(url) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name in only.split(","):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.goto(address)
            page.wait_for_selector("text=No case yet")
            SCENES[name](page, out)
            page.context.close()
        browser.close()


if __name__ == "__main__":
    typer.run(main)
