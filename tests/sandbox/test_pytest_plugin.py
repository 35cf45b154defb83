"""The fixtures that users of the package get."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest

from mistral_calls import KEY, chat_body
from portkey_mistral import ChatRequest, Client, Message
from portkey_mistral.sandbox import Fault, get
from portkey_mistral.settings.environment import ENVIRONMENT


def test_the_sandbox_of_this_process(mistral_sandbox):
    assert mistral_sandbox is get()
    mistral_sandbox.fail(500, times=None)


def test_the_sandbox_is_reset_between_tests(mistral_sandbox):
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


# --- an application that builds its own model ---------------------------------------------------------------

VARIABLES = {
    variable: "https://elsewhere.example" for each in ENVIRONMENT.values() for variable in each
}
VARIABLES |= {
    "MISTRAL_DATA_RESIDENCY": "eu",
    "PORTKEY_CONFIG": "pc-main",
    "PORTKEY_PROVIDER": "@mistral-prod",
    "PORTKEY_MISTRAL_STATE": "memory:",
    "PORTKEY_MISTRAL_TRANSPORT": "auto",
}
APPLICATION = """
from portkey_mistral import ChatRequest, Client, Message

client = Client()

def answer(text):
    return client.chat(ChatRequest(model="mistral-small-latest", messages=[Message.user(text)])).text
"""
ITS_TEST = """
from application import answer, client

def test_it(mistral_sandbox):
    mistral_sandbox.reply("Paris.")
    assert answer("The capital of France?") == "Paris."
    assert len(mistral_sandbox.requests) == 1
"""


@pytest.fixture
def every_variable(monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("every_variable")
def test_redirected_in_one_test(request):
    sandbox = request.getfixturevalue("mistral_sandbox_redirect")
    client = Client()
    made = client.settings
    assert (made.base_url, made.portkey_config, made.data_residency) == ("sandbox:", None, "eu")
    client.chat(ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")]))
    assert len(sandbox.requests) == 1
    assert "elsewhere" not in repr(sandbox.requests[0].headers)


@pytest.mark.usefixtures("every_variable")
@pytest.mark.parametrize(
    ("option", "status"), [("true", 0), pytest.param("false", 4, marks=pytest.mark.full)]
)
def test_redirected_by_the_option_before_anything_is_imported(tmp_path, option, status):
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nmistral_sandbox_redirect = {option}\n")
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "conftest.py").write_text("import application\n")
    (tmp_path / "test_it.py").write_text(ITS_TEST)
    command = [sys.executable, "-m", "pytest", "-q", "--allow-hosts=127.0.0.1", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert ("leads to 'elsewhere.example'" in done.stderr) == bool(status)


# --- the stand-in for hosted Portkey -----------------------------------------------------------------------

CHAT = chat_body("Hello")


def ask_portkey(url, key, slug):
    headers = {"x-portkey-api-key": key, "x-portkey-provider": f"@{slug}"}
    return httpx.post(f"{url}/chat/completions", json=CHAT, headers=headers).status_code


@pytest.mark.gateway
@pytest.mark.parametrize("status", [503, 500])
def test_portkey_with_the_smallest_account(portkey_sandbox, portkey_sandbox_url, status):
    portkey_sandbox.provider("mistral-prod").fail(status)
    answers = [ask_portkey(portkey_sandbox_url, "pk-sandbox", "mistral-prod") for _ in range(2)]
    assert answers == [status, 200]
    assert [request.status for request in portkey_sandbox.requests] == [status, 200]


@pytest.mark.gateway
class TestOwnAccount:
    """`portkey_account` is overridden where a project has an account of its own."""

    @pytest.fixture(params=["mapping", "path"])
    def portkey_account(self, request, tmp_path):
        account = {"keys": {"pk-mine": {}}, "providers": {"mine": {"provider": "mistral-ai"}}}
        if request.param == "mapping":
            return account
        (tmp_path / "portkey.json").write_text(json.dumps(account))
        return tmp_path / "portkey.json"

    def test_it_is_served(self, portkey_sandbox_url):
        assert ask_portkey(portkey_sandbox_url, "pk-mine", "mine") == 200
        assert ask_portkey(portkey_sandbox_url, "pk-sandbox", "mine") == 401
