"""Direct, gateway and sandbox mode: where a call goes, and what it records."""

from __future__ import annotations

import pytest

from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import sandbox
from portkey_mistral.exceptions import RateLimitError

METHODS = ("complete", "acomplete", "stream_complete", "astream_complete")


@pytest.fixture
def fallback(mistral_sandbox_url):
    """A config whose first target is the sandbox "first", and its second the default one."""
    hosts = (mistral_sandbox_url.replace("/v1", "/s/first/v1"), mistral_sandbox_url)
    targets = [
        {
            "provider": "mistral-ai",
            "api_key": "k",
            "custom_host": host,
            "override_params": {"seed": n},
        }
        for n, host in enumerate(hosts)
    ]
    return {"strategy": {"mode": "fallback"}, "targets": targets}


@pytest.mark.parametrize("given_to", ["constructor", "call"])
@pytest.mark.parametrize("method", METHODS)
async def test_a_call_falls_back_and_records_each_attempt(
    make_llm, mistral_sandbox, ask, bodies, fallback, method, given_to
):
    sandbox.get("first").fail(429)
    mistral_sandbox.reply("From the second.")
    in_constructor = given_to == "constructor"
    llm = make_llm(portkey_config=fallback) if in_constructor else make_llm()

    items = await ask(llm, method, "Hi", **({} if in_constructor else {"portkey_config": fallback}))

    assert items[-1].text == "From the second."
    attempts = items[-1].additional_kwargs["call_info"]["attempts"]
    assert [(each["path"], each["status"]) for each in attempts] == [
        ("config.targets[0]", 429),
        ("config.targets[1]", 200),
    ]
    assert bodies()[0]["random_seed"] == 1


async def test_the_last_error_has_all_attempts(make_llm, mistral_sandbox, ask, fallback):
    sandbox.get("first").fail(500)
    mistral_sandbox.fail(429)
    with pytest.raises(RateLimitError) as error:
        await ask(make_llm(portkey_config=fallback), "acomplete", "Hi")
    assert [attempt.status for attempt in error.value.attempts] == [500, 429]


@pytest.mark.parametrize("method", METHODS)
async def test_gateway_options_hold_for_one_call(mistral_sandbox, mistral_sandbox_url, ask, method):
    llm = PortkeyMistral(gateway_url=mistral_sandbox_url, api_key="k", trace_id="always")
    await ask(llm, method, "Hi", trace_id="once", portkey_metadata={"_user": "é"})
    await ask(llm, method, "Hi")
    first, second = (exchange.headers for exchange in mistral_sandbox.requests)
    assert (first["x-portkey-trace-id"], second["x-portkey-trace-id"]) == ("once", "always")
    assert "_user" in first["x-portkey-metadata"]
    assert "x-portkey-metadata" not in second


@pytest.mark.parametrize("method", METHODS)
async def test_a_sandbox_in_this_process_needs_no_key(mistral_sandbox, ask, method):
    items = await ask(PortkeyMistral(base_url="sandbox:"), method, "Hi")
    assert items[-1].text
    assert items[-1].additional_kwargs["call_info"]["mode"] == "sandbox"
    assert len(PortkeyMistralEmbedding(base_url="sandbox:").get_text_embedding("Hi")) == 1024
