"""Answers that a test scripts, and answers by the sandbox's rules."""

from __future__ import annotations

from helpdesk import handbook, orders

from portkey_mistral.sandbox import Sandbox


def test_the_question_reaches_the_model(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.reply("Certainly.")
    assert orders.answer("Do you sell maps?") == "Certainly."
    (request,) = mistral_sandbox.requests
    assert request.path == "/v1/chat/completions"
    assert request.body["messages"][-1] == {"role": "user", "content": "Do you sell maps?"}
    assert request.body["temperature"] == 0


def test_an_order_is_looked_up(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.reply(calls=[{"name": "order_status", "arguments": {"number": "1234"}}])
    mistral_sandbox.reply("It was sent on Monday.")
    assert orders.answer("Where is order 1234?") == "It was sent on Monday."
    result = mistral_sandbox.requests[-1].body["messages"][-1]
    assert (result["role"], result["content"]) == ("tool", "sent on Monday")


def test_the_handbook_is_searched(mistral_sandbox: Sandbox) -> None:
    # Nothing is scripted: the sandbox embeds texts by their words, and answers from the context it is given.
    assert "30 days" in handbook.answer("Within how many days can books be returned?")
    paths = {request.path for request in mistral_sandbox.requests}
    assert paths == {"/v1/embeddings", "/v1/chat/completions"}
