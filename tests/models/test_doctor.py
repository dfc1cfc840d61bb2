"""The doctor: each check can fail, and says how to mend it."""

import http.server
import json
import socket
import threading
from pathlib import Path

import pytest

from cases.settings import Settings
from models import doctor
from models.doctor import Check, diagnose


def checked(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in diagnose(settings)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "script.json").write_text("{}")
    return Settings(home=tmp_path, model=f"scripted:{tmp_path / 'script.json'}", vision_model=None, port=0)


def test_an_empty_home_lacks_its_weights_and_every_failure_has_a_remedy(settings: Settings):
    checks = checked(settings)
    assert not checks["weights qwen2.5-coder-1.5b-instruct"].ok
    assert "wardround models pull" in checks["weights qwen2.5-coder-1.5b-instruct"].remedy
    assert checks["python"].ok
    assert checks["torch"].ok
    assert checks["import names"].ok
    assert all(check.remedy for check in checks.values() if not check.ok)


def test_tracing_that_would_send_case_text_away_is_a_failure(settings: Settings, monkeypatch):
    assert checked(settings)["telemetry"].ok
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    assert not checked(settings)["telemetry"].ok


def test_another_distribution_with_one_of_our_names_is_found(settings: Settings, monkeypatch):
    monkeypatch.setattr(doctor, "packages_distributions", lambda: {"models": ["some-models"], "ui": ["wardround"]})
    check = checked(settings)["import names"]
    assert not check.ok
    assert "models (some-models)" in check.detail


def test_a_taken_port_and_an_open_address_are_found(settings: Settings):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = settings.model_copy(update={"port": other.getsockname()[1]})
        assert not checked(taken)["port"].ok
    assert not checked(settings.model_copy(update={"host": "0.0.0.0"}))["listening address"].ok


class _Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self._send(200, {"data": [{"id": "vl-model", "max_model_len": 4096}]})

    def do_POST(self):
        content = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"][0]["content"]
        images = sum(block["type"] == "image_url" for block in content)
        self._send(200 if images <= 0 else 400, {"error": {"message": "At most 0 image(s) may be provided"}})

    def _send(self, status: int, body: dict):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/v1"
    running.shutdown()


def test_a_served_model_is_asked_for_its_name_and_its_image_limit(settings: Settings, server: str):
    good = checked(settings.model_copy(update={"model": f"vllm:vl-model@{server}"}))["model"]
    assert good.ok
    assert "context 4096" in good.detail
    wrong = checked(settings.model_copy(update={"model": f"vllm:other@{server}"}))["model"]
    assert not wrong.ok
    assert "vl-model" in wrong.remedy
    blind = checked(settings.model_copy(update={"vision_model": f"vllm:vl-model@{server}"}))["vision model"]
    assert not blind.ok
    assert "At most 0 image" in blind.detail


def test_a_server_that_is_not_there_and_a_spec_that_means_nothing_are_failures(settings: Settings):
    away = checked(settings.model_copy(update={"model": "vllm:m@http://127.0.0.1:9/v1"}))["model"]
    assert not away.ok
    assert "serve-model" in away.remedy
    assert not checked(settings.model_copy(update={"model": "embeded"}))["model"].ok


def test_the_engine_check_asks_for_a_real_reply(settings: Settings):
    check = {c.name: c for c in diagnose(settings, with_engine=True)}["model"]
    assert check.ok
    assert "answered in" in check.detail
