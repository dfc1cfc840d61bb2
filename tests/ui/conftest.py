"""A demo on the loopback interface with a scripted ward, and a real browser to drive it."""

import shutil

import pytest
from ward_of_scripts import CHEST_PAIN, ScriptedHouse, image_case

from cases.case import Case
from cases.settings import Settings

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(
        home=tmp_path / "home",
        evidence_k=3,
        convene_entropy=0.6,
        convene_margin=0.25,
        deidentify=False,
        cache=False,
        max_seconds=60,
    )


@pytest.fixture
def store(settings):
    from graphs.store import TrajectoryStore

    with TrajectoryStore(settings.trajectories_path) as opened:
        yield opened


class RunningDemo:
    """A served page, its address and its store."""

    def __init__(self, home, *, delay_s: float):
        from graphs.store import TrajectoryStore
        from ui.demo import serve, usable_port
        from ui.page import Page

        made = Settings(
            home=home, evidence_k=3, convene_entropy=0.6, convene_margin=0.25, deidentify=False, cache=False, port=0
        )
        made = made.model_copy(update={"port": usable_port(made)})
        self.store = TrajectoryStore(made.trajectories_path)
        emergency = Case(
            id="example-emergency",
            question="A 61-year-old man presents with crushing substernal chest pain for 40 minutes radiating to the "
            "left arm. He is sweating. What is the next step?",
            options={"A": "Discharge", "B": "Reperfusion pathway"},
            meta={"title": "Crushing chest pain"},
        )
        self.house = ScriptedHouse(made, delay_s=delay_s)
        page = Page(self.house, self.store, [CHEST_PAIN, image_case(home), emergency], ["scripted"])
        self.blocks = serve(made, page=page, blocks_thread=False)
        self.url = f"http://127.0.0.1:{made.port}/"

    def close(self) -> None:
        self.blocks.close(verbose=False)
        self.store.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    running = RunningDemo(tmp_path_factory.mktemp("demo"), delay_s=0.15)
    yield running
    running.close()


@pytest.fixture(scope="module")
def chromium():
    """Ends with its module: playwright's synchronous interface keeps an event loop running while it is open."""
    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if path is None:
        pytest.skip("needs a Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, demo):
    """Opens the demo as a new visitor: own cookies, dialogs and errors recorded."""
    contexts = []

    def open_page(width: int = 1280, height: int = 900):
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (page.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((demo.url, "data:", "blob:", "ws://127.0.0.1"))
                else page.problems.append(f"request: {asked.url}")
            ),
        )
        page.goto(demo.url)
        page.wait_for_selector("text=No case yet")
        return page

    yield open_page
    for context in contexts:
        context.close()
