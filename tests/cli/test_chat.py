"""`portkey-mistral chat`: answers on standard output, and everything about them on standard error."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import command, typed
from portkey_mistral import sandbox
from portkey_mistral.sandbox import Sandbox

TOOLS = '''\
"""Tools of a test."""
import asyncio
from typing import Literal

def weather(city: str, unit: Literal["C", "F"] = "C") -> dict[str, str]:
    """Return the weather of a city."""
    print("asked for", city)
    return {"city": city, "sky": "clear", "unit": unit}

async def _hidden() -> None: ...
'''


@pytest.fixture
def server(mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox that the environment selects."""
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    return mistral_sandbox


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    file = tmp_path / "tools.py"
    file.write_text(TOOLS)
    return file


def bodies(name: str) -> list[dict[str, object]]:
    return [exchange.body for exchange in sandbox.get(name).requests]


def test_a_question_is_answered_with_route_and_cost(server: Sandbox) -> None:
    server.reply("Bonjour.")
    done = command("chat", "Say hello.")
    assert (done.status, done.out) == (0, "Bonjour.\n")
    assert re.fullmatch(
        r"mistral-small-latest · sandbox · \d+\+\d+ tokens · \$0\.0000\d+\n", done.err
    )


def test_what_is_piped_is_part_of_the_question() -> None:
    done = command(
        "chat",
        "Sum up.",
        "--base-url",
        "sandbox:piped",
        "-s",
        "Be brief.",
        stdin="Line 1\nLine 2\n",
    )
    assert done.status == 0
    (body,) = bodies("piped")
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Sum up.\n\nLine 1\nLine 2"},
    ]


def test_options_are_sent() -> None:
    options = ("-m", "mistral-large-latest", "--temperature", "0.5", "--max-tokens", "9")
    assert command("chat", "Hi", "--base-url", "sandbox:options", *options).status == 0
    (body,) = bodies("options")
    assert (body["model"], body["temperature"], body["max_tokens"]) == (
        "mistral-large-latest",
        0.5,
        9,
    )


def test_tools_are_run_until_there_is_an_answer(tools: Path, server: Sandbox) -> None:
    done = command("chat", "What is the weather in Lyon?", "--tools", tools)
    assert done.status == 0
    assert "clear" in done.out
    assert "asked for" not in done.out
    assert 'weather({"city":"Lyon"}) -> {"city":"Lyon","sky":"clear","unit":"C"}' in done.err
    first, second = (exchange.body for exchange in server.requests)
    (tool,) = first["tools"]
    assert tool["function"]["description"] == "Return the weather of a city."
    assert tool["function"]["parameters"]["required"] == ["city"]
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ({"town": "Lyon"}, "Error: invalid arguments. city: Missing required argument; town:"),
        (
            {"city": "Lyon", "unit": "K"},
            "Error: invalid arguments. unit: Input should be 'C' or 'F'",
        ),
    ],
)
def test_a_model_is_told_what_was_wrong_with_a_call(
    arguments: dict[str, str], result: str, tools: Path, server: Sandbox
) -> None:
    server.reply(calls=[{"name": "weather", "arguments": arguments}])
    server.reply("Sorry.")
    done = command("chat", "Weather?", "--tools", tools)
    assert (done.status, done.out) == (0, "Sorry.\n")
    sent = server.requests[1].body["messages"][-1]["content"]
    assert sent.startswith(result)


def test_an_error_of_a_tool_goes_to_the_model(tmp_path: Path, server: Sandbox) -> None:
    file = tmp_path / "broken.py"
    file.write_text("async def divide(x: int) -> float:\n    return 1 / x\n")
    server.reply(calls=[{"name": "divide", "arguments": {"x": 0}}])
    server.reply(calls=[{"name": "divide", "arguments": {"x": 4}}])
    server.reply("A quarter.")
    done = command("chat", "Divide.", "--tools", file)
    assert (done.status, done.out) == (0, "A quarter.\n")
    results = [message["content"] for message in server.requests[2].body["messages"]]
    assert "Error: ZeroDivisionError: division by zero" in results
    assert "0.25" in results


def test_a_model_that_never_stops_calling_tools_is_stopped(tools: Path, server: Sandbox) -> None:
    for _ in range(10):
        server.reply(calls=[{"name": "weather", "arguments": {"city": "Lyon"}}])
    done = command("chat", "Weather?", "--tools", tools)
    assert done.status == 1
    assert "still calls tools after 10 rounds" in done.err


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\n", "defines no public function"),
        ("\n\nimport no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module' (line 3)"),
        ("def f(:\n", "SyntaxError"),
        ("def f(): ...\nraise SystemExit\n", "tools.py cannot be loaded: SystemExit:  (line 2)"),
        ("def f(x, /, *, y): ...\n", "The parameters of f"),
        ("def f(x: 'Unknown'): ...\n", "The parameters of f"),
        ("__all__ = ['x']\nx = 1\n", "x in __all__"),
    ],
)  # fmt: skip
def test_a_tools_file_that_is_none_is_explained(source: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "tools.py"
    file.write_text(source)
    done = command("chat", "Hi", "--base-url", "sandbox:", "--tools", file)
    assert done.status == 1
    assert expected in done.err


def test_a_relative_path_has_the_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tools.py").write_text("\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    done = command("chat", "Hi", "--base-url", "sandbox:", "--tools", "tools.py")
    assert "ZeroDivisionError: division by zero (line 2)" in done.err


def test_a_tool_cannot_end_the_conversation(tmp_path: Path, server: Sandbox) -> None:
    file = tmp_path / "leaving.py"
    file.write_text("def leave() -> None:\n    raise SystemExit(7)\n")
    server.reply(calls=[{"name": "leave", "arguments": {}}])
    server.reply("Still here.")
    done = command("chat", "Leave.", "--tools", file)
    assert (done.status, done.out) == (0, "Still here.\n")
    assert server.requests[1].body["messages"][-1]["content"] == "Error: SystemExit: 7"


def test_a_tools_file_may_import_its_neighbours(tmp_path: Path, server: Sandbox) -> None:
    (tmp_path / "neighbour_of_tools.py").write_text("ANSWER = 42\n")
    file = tmp_path / "my tools.py"
    file.write_text(
        "from neighbour_of_tools import ANSWER\ndef answer() -> int:\n    return ANSWER\n"
    )
    server.reply(calls=[{"name": "answer", "arguments": {}}])
    server.reply("Done.")
    done = command("chat", "Hi", "--tools", file)
    assert "answer({}) -> 42" in done.err


def test_a_long_result_is_shown_in_part(tmp_path: Path, server: Sandbox) -> None:
    file = tmp_path / "tools.py"
    file.write_text("def book() -> str:\n    return 'x' * 2000\n")
    server.reply(calls=[{"name": "book", "arguments": {}}])
    server.reply("Read.")
    done = command("chat", "Read it.", "--tools", file)
    assert f"book({{}}) -> {'x' * 500}... (2,000 characters)" in done.err
    assert server.requests[1].body["messages"][-1]["content"] == "x" * 2000


def test_piped_bytes_that_are_no_text_are_explained(server: Sandbox) -> None:
    done = command("chat", "Hi", stdin=io.TextIOWrapper(io.BytesIO(b"\x89PNG"), encoding="utf-8"))
    assert (done.status, done.out) == (1, "")
    assert "standard input is not text encoded as UTF-8" in done.err


# --- routes, errors, limits ---------------------------------------------------------------------


def fallback(first: str, second: str) -> str:
    targets = [
        {"provider": "mistral-ai", "custom_host": host, "api_key": "sk-very-secret"}
        for host in (first, second)
    ]
    return json.dumps({"strategy": {"mode": "fallback"}, "targets": targets})


def test_a_fallback_is_shown(tmp_path: Path) -> None:
    route = tmp_path / "route.json"
    route.write_text(fallback("sandbox:down", "sandbox:up"))
    sandbox.get("down").fail(503, times=None)
    done = command("chat", "Hi", "--config", route)
    assert done.status == 0
    assert "after config.targets[0] 503 · config.targets[1]" in done.err
    assert "sk-very-secret" not in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["chat", "Hi"], 1, "MISTRAL_API_KEY"),
        (["chat", "Hi", "--base-url", "mistral.ai"], 1, "must start with http"),
        (["chat", "Hi", "--config", '{"targets": 1}'], 1, "config.targets"),
        (["chat", "Hi", "--temperature", "7"], 2, "1.5"),
        (["chat", "Hi", "--tools", "no-such-file.py"], 2, "no-such-file.py"),
        (["chat"], 2, "pass a question, or pipe one"),
        (["chat", "--no-such-option"], 2, "No such option"),
    ],
)
def test_errors_are_explained(arguments: list[str], status: int, expected: str) -> None:
    done = command(*arguments)
    assert (done.status, done.out) == (status, "")
    assert expected in done.words


def test_an_error_of_the_server_ends_the_command(server: Sandbox) -> None:
    server.fail(401, times=None)
    done = command("chat", "Hi")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("AuthenticationError ")


def test_a_call_that_was_cut_off_is_not_run(tools: Path, server: Sandbox) -> None:
    server.reply(calls=[{"name": "weather", "arguments": ""}], finish_reason="length")
    server.reply("Sorry.")
    assert command("chat", "Weather?", "--tools", tools).status == 0
    *_, result = server.requests[-1].body["messages"]
    assert "the answer was cut off before them" in result["content"]


def test_an_answer_that_was_cut_off_is_marked(server: Sandbox) -> None:
    done = command("chat", "Tell me a long story.", "--max-tokens", "2")
    assert done.status == 0
    assert "cut off at the token limit" in done.err


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line(server: Sandbox) -> None:
    done = command("chat", "Hi", "-m", "open-mistral-nemo")
    assert done.err.startswith("warning: ")
    assert "ministral" in done.err.splitlines()[0]


# --- the conversation -----------------------------------------------------------------------------


def test_a_conversation_remembers_until_it_is_reset(server: Sandbox) -> None:
    done = command(
        "chat",
        *("-s", "Be brief."),
        stdin=typed("First", "Second \\", "line", "/model mistral-large-latest", "/reset", "Third"),
    )
    assert done.status == 0
    questions = [
        [(each["role"], each["content"]) for each in exchange.body["messages"] if each["role"] != "assistant"]
        for exchange in server.requests
    ]  # fmt: skip
    system = ("system", "Be brief.")
    assert questions == [
        [system, ("user", "First")],
        [system, ("user", "First"), ("user", "Second \nline")],
        [system, ("user", "Third")],
    ]
    assert server.requests[2].body["model"] == "mistral-large-latest"
    assert re.search(r"\n3 calls, \$0\.00\d+\n$", done.err)


def test_a_failed_question_is_not_remembered(server: Sandbox) -> None:
    server.fail(400, times=1)
    done = command("chat", stdin=typed("First", "Second", "/exit", "Third"))
    assert done.status == 0
    assert "BadRequestError" in done.err
    assert len(server.requests) == 2
    (message,) = server.requests[1].body["messages"]
    assert message["content"] == "Second"


def test_ctrl_c_stops_an_answer_and_not_the_conversation(tmp_path: Path, server: Sandbox) -> None:
    file = tmp_path / "tools.py"
    file.write_text("def slow() -> None:\n    raise KeyboardInterrupt\n")
    server.reply(calls=[{"name": "slow", "arguments": {}}])
    done = command("chat", "--tools", file, stdin=typed("First", "/help", "Second"))
    assert done.status == 0
    assert "Stopped." in done.err
    assert "/model NAME" in done.err
    (message,) = server.requests[-1].body["messages"]
    assert message["content"] == "Second"


def test_ctrl_c_ends_a_single_question(tmp_path: Path, server: Sandbox) -> None:
    file = tmp_path / "tools.py"
    file.write_text("def slow() -> None:\n    raise KeyboardInterrupt\n")
    server.reply(calls=[{"name": "slow", "arguments": {}}])
    done = command("chat", "Hi", "--tools", file)
    assert done.status == 130
    assert done.err.endswith("Interrupted.\n")


# --- a real terminal --------------------------------------------------------------------------------


def in_a_terminal(keys: bytes, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command in a terminal of its own, type the keys, and return its status and what was shown."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "portkey_mistral", *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", **environment},
    ) as process:
        os.close(its)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is closed with the process
            while piece := os.read(ours, 4096):
                shown += piece
                if b"> " in shown and keys:
                    os.write(ours, keys)
                    keys = b""
        os.close(ours)
    return process.returncode, shown.decode()


def test_a_terminal_gets_no_codes_from_a_model(
    mistral_sandbox_url: str, mistral_sandbox: Sandbox
) -> None:
    """An answer may quote a text that moves the cursor, or sets the title of the window."""
    mistral_sandbox.reply("\x1b[2J\x07\x9b2JGreetings", times=None)
    environment = {"MISTRAL_BASE_URL": mistral_sandbox_url, "MISTRAL_API_KEY": "k"}
    status, shown = in_a_terminal(b"Hello\n\x04", "chat", **environment)
    assert status == 0
    assert "[2J2JGreetings" in shown
    assert not {"\x1b[2J", "\x07", "\x9b"} & {*re.findall(r"\x1b\[2J|\x07|\x9b", shown)}
    assert "1 call, cost unknown" in shown
