"""Fixtures that every room's tests may use."""

import os
from pathlib import Path

import pytest

for name, value in {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "LANGSMITH_TRACING": "false",
}.items():
    os.environ.setdefault(name, value)

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The optional folder of real data sets beside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("needs the optional data folder ../shared/data")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where weights lie on this machine. Tests ask for a model through `models.manifest.resolve` and skip if absent."""
    from cases.settings import load_settings

    return load_settings().models_dir
