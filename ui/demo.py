"""The demo: a local web page where a case is given, the panel is watched, and its verdict is checked.

`ui.layout` has its parts, `ui.page` its handlers, `ui.session` what is done, `ui.panels` what is shown.
"""

import os
import socket
import threading
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from cases.errors import SettingsError
from cases.settings import Settings

if TYPE_CHECKING:
    import gradio

    from ui.page import Page


def model_choices(settings: Settings) -> list[str]:
    """The settings' model, and the embedded ones whose weights are on this machine. A visitor has no other."""
    from models.manifest import entries, is_present
    from models.specs import EMBEDDED_MODEL, TINY_MODEL

    present = {entry.id for entry in entries(settings.models_dir) if is_present(entry, settings.models_dir)}
    known = {"embedded": EMBEDDED_MODEL, "embedded-tiny": TINY_MODEL}
    return list(dict.fromkeys([settings.model, *(spec for spec, id_ in known.items() if id_ in present)]))


def is_loopback(host: str) -> bool:
    """True where only this machine can reach the address."""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def usable_port(settings: Settings) -> int:
    """The settings' port, or a free one for 0. Raises SettingsError for a port that is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"the demo cannot listen there: {error.strerror}",
                where=f"{settings.host}:{settings.port}",
                remedy="stop what uses the port, or give --port 0 for a free one",
            ) from error
        return int(probe.getsockname()[1])


def theme() -> Any:
    """Gradio's base theme in this page's colours, with the fonts that ship with Gradio: no request leaves the host."""
    import gradio as gr

    colour = gr.themes.Color(
        "#f0f6f8", "#e3eff3", "#c6dfe7", "#9cc5d2", "#5c9db1", "#0a5a72",
        "#0a5a72", "#084a5e", "#073c4c", "#052d39", "#031e27",
    )  # fmt: skip
    fonts = (gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "Segoe UI", "sans-serif")
    base = gr.themes.Base(primary_hue=colour, secondary_hue=colour, neutral_hue="slate", radius_size="md", font=fonts)
    return base.set(
        body_background_fill="#f4f6f7",
        body_background_fill_dark="#f4f6f7",
        body_text_color="#17222d",
        block_background_fill="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0px",
        block_title_text_color="#17222d",
        block_title_text_weight="700",
        block_title_text_size="14px",
        form_gap_width="0px",
        input_background_fill="#ffffff",
        input_border_width="1px",
        input_border_color="#aeb9c3",
        input_border_color_focus="#0a5a72",
        input_text_size="15px",
        input_padding="9px 12px",
        input_placeholder_color="#66737f",
        button_primary_background_fill="#0a5a72",
        button_primary_background_fill_hover="#084a5e",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#e3eff3",
        button_secondary_border_color="#aeb9c3",
        button_secondary_text_color="#17222d",
        button_border_width="1px",
        button_cancel_background_fill="#ffffff",
        button_cancel_border_color="#9c1420",
        button_cancel_text_color="#9c1420",
        button_large_text_weight="700",
        button_large_text_size="15px",
    )


def serve(
    settings: Settings,
    *,
    page: "Page | None" = None,
    opens_browser: bool = False,
    blocks_thread: bool = True,
    shows_all_runs: bool = False,
) -> "gradio.Blocks":
    """Run the demo on `settings.host`. Returns when it is stopped, or at once with `blocks_thread` False.

    No share link, no analytics, uploads in a private folder below `settings.home` and of limited size.
    """
    spool = settings.home / "demo"
    spool.mkdir(parents=True, exist_ok=True)
    spool.chmod(0o700)
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_TEMP_DIR=str(spool), HF_HUB_DISABLE_TELEMETRY="1")
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from ui import uploads
    from ui.guard import Guard
    from ui.layout import build

    if page is None:
        from cases.loading import example_cases
        from graphs.store import TrajectoryStore
        from ui.page import Page
        from ui.wiring import House

        store = TrajectoryStore(settings.trajectories_path)
        page = Page(House(settings), store, example_cases(), model_choices(settings), shows_all_runs=shows_all_runs)
    hosts = list(dict.fromkeys(["127.0.0.1", "localhost", "[::1]", settings.host]))
    threading.Thread(target=page.house.warm, daemon=True, name="warm").start()
    blocks = build(page)
    blocks.launch(
        server_name=settings.host,
        server_port=settings.port,
        share=False,
        inbrowser=opens_browser,
        prevent_thread_lock=not blocks_thread,
        show_error=False,
        quiet=True,
        max_file_size=uploads.MAX_BYTES,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        theme=theme(),
        css=files("ui").joinpath("theme.css").read_text(encoding="utf-8"),
        js="() => document.body.classList.remove('dark')",
        app_kwargs={"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(Guard)]},
    )
    return blocks
