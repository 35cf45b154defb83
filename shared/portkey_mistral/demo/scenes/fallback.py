"""A Portkey config run in this process, without a framework; its first target fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from portkey_mistral import ChatRequest, Client, Config, Message, sandbox
from portkey_mistral.demo.stage import SANDBOX, Arguments, Stage
from portkey_mistral.responses import AttemptRecord, ChatResponse

QUESTION = "Did anybody answer?"
ROUTE: Mapping[str, Any] = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {
            "provider": "mistral-ai",
            "custom_host": "sandbox:broken",
            "override_params": {"model": "mistral-large-latest"},
            "retry": {"attempts": 1},
        },
        {"provider": "mistral-ai", "custom_host": "sandbox:"},
    ],
}


def answer(connection: Arguments) -> ChatResponse:
    client = Client(portkey_config=ROUTE, **connection)
    question = Message.user(QUESTION)
    request = ChatRequest(model="mistral-small-latest", messages=[question])
    return client.chat(request)


def play(stage: Stage) -> None:
    stage.code(answer)
    stage.say("route", Text(Config.parse(ROUTE).explain()))
    stage.ask(QUESTION)
    # A real service cannot be made to fail, so both targets are sandboxes, even with a key.
    sandbox.get("broken").fail(503, times=None)
    found = answer(SANDBOX)
    stage.say("attempts", _table(found.info.attempts))
    stage.answer(found.text)


def _table(attempts: Iterable[AttemptRecord]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("target", "model", "status", "ms"):
        table.add_column(column)
    for attempt in attempts:
        style = "green" if attempt.error is None else "red"
        status = Text(str(attempt.status), style=style)
        table.add_row(attempt.path, attempt.model, status, f"{1000 * attempt.seconds:.0f}")
    return table
