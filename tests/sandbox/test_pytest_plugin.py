"""The fixtures that users of the package get."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest

from mistral_calls import KEY, chat_body
from portkey_mistral.sandbox import Fault, get


def test_the_sandbox_of_this_process(mistral_sandbox):
    assert mistral_sandbox is get()
    mistral_sandbox.fail(500, times=None)


def test_nothing_is_left_of_the_test_before(mistral_sandbox):
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("status", [503, 500])
def test_the_same_over_http(mistral_sandbox, mistral_sandbox_url, status):
    url = f"{mistral_sandbox_url}/chat/completions"
    mistral_sandbox.inject(Fault(status=status))
    body = chat_body("Hello")
    assert [httpx.post(url, json=body, headers=KEY).status_code for _ in range(2)] == [status, 200]
    assert len(mistral_sandbox.requests) == 2


def test_importing_the_plugin_loads_nothing_of_the_sandbox():
    code = (
        "import sys, portkey_mistral.sandbox.pytest_plugin\n"
        "print([m for m in sys.modules if m.startswith('portkey_mistral.sandbox.')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['portkey_mistral.sandbox.pytest_plugin']"
