"""`portkey-mistral sandbox`: it serves until Ctrl+C, at the address that it names."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from portkey_mistral import ChatRequest, Client, Message

COMMAND = (sys.executable, "-m", "portkey_mistral.cli", "sandbox", "--port")


def test_it_answers_until_it_is_interrupted() -> None:
    environment = {**os.environ, "COLUMNS": "100"}
    with subprocess.Popen(
        (*COMMAND, "0"),
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
        request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")])
        assert Client(base_url=base_url, api_key="any").chat(request).finish_reason == "stop"
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0
        assert "The sandbox is closed." in server.stdout.read()


def test_a_taken_port_is_said_plainly(mistral_sandbox_url: str) -> None:
    (port,) = re.findall(r":(\d+)", mistral_sandbox_url)
    result = subprocess.run(
        (*COMMAND, port), capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 1
    assert "is the port taken?" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("port", ["nine", ""])
def test_a_port_is_a_number(port: str) -> None:
    result = subprocess.run(
        (*COMMAND, port), capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 2
    assert "--port" in result.stderr
