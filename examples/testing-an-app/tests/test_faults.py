"""What the application does when Mistral's API fails."""

from __future__ import annotations

import pytest
from helpdesk import orders

from portkey_mistral.sandbox import Fault, Sandbox


def test_a_full_server_is_called_again(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.fail(429, retry_after=0)
    mistral_sandbox.reply("Here you are.")
    assert orders.answer("Hello?") == "Here you are."
    assert [request.status for request in mistral_sandbox.requests] == [429, 200]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, retry_after=0),
        Fault(status=401),
        Fault(connection="refused"),
        Fault(body="<html>a proxy's page</html>", status=502, retry_after=0),
    ],
    ids=["down", "wrong key", "unreachable", "a proxy in between"],
)
def test_customers_read_an_apology(mistral_sandbox: Sandbox, fault: Fault) -> None:
    mistral_sandbox.inject(fault, times=None)
    assert orders.answer("Hello?") == orders.SORRY


def test_a_broken_stream_keeps_what_came(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.reply("one two three four five six")
    mistral_sandbox.inject(Fault(cut_after=3))
    *texts, last = orders.stream("Count to six.")
    assert "".join(texts).startswith("one")
    assert last == " [interrupted]"
    assert mistral_sandbox.requests[0].state == "abandoned"


def test_only_embeddings_fail(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(on="/embeddings", status=503), times=None)
    mistral_sandbox.reply("Chat works.")
    assert orders.answer("Hello?") == "Chat works."
