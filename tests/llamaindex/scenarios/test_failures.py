"""Failures in transit and at the server, in every kind of method: each has its own error."""

from __future__ import annotations

import json

import pytest
from llama_index.core import SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer

from portkey_mistral import exceptions
from portkey_mistral.sandbox import Fault

CALLS = ("chat", "acomplete", "stream_chat", "astream_complete")
STREAMS = CALLS[2:]

STATUSES = {
    400: exceptions.BadRequestError,
    401: exceptions.AuthenticationError,
    403: exceptions.PermissionDeniedError,
    404: exceptions.NotFoundError,
    408: exceptions.APIStatusError,
    409: exceptions.APIStatusError,
    422: exceptions.UnprocessableEntityError,
    429: exceptions.RateLimitError,
    500: exceptions.InternalServerError,
    502: exceptions.InternalServerError,
    503: exceptions.InternalServerError,
    504: exceptions.InternalServerError,
}
RETRIED = {408, 429, 500, 502, 503, 504}


@pytest.fixture(autouse=True)
def _nothing_was_refused():
    """Here refusals are ordered."""


@pytest.mark.parametrize("method", CALLS)
async def test_a_status_has_its_own_error(make_llm, mistral_sandbox, ask, method):
    for status, kind in STATUSES.items():
        mistral_sandbox.reset()
        mistral_sandbox.fail(status, times=None)
        with pytest.raises(kind, match=str(status)) as error:
            await ask(make_llm(max_retries=0), method, "Hi")
        assert error.value.status_code == status
        assert len(error.value.attempts) == len(mistral_sandbox.requests) == 1


@pytest.mark.parametrize("method", CALLS)
async def test_a_transient_failure_is_retried(make_llm, mistral_sandbox, ask, method):
    for status in RETRIED:
        mistral_sandbox.fail(status, retry_after=0.01)
        items = await ask(make_llm(), method, "Hi")
        assert items[-1].additional_kwargs["finish_reason"] == "stop"
        attempts = items[-1].additional_kwargs["call_info"]["attempts"]
        assert [attempt["status"] for attempt in attempts] == [status, 200]


@pytest.mark.parametrize("status", sorted(STATUSES.keys() - RETRIED))
async def test_a_permanent_failure_is_not_retried(llm, mistral_sandbox, ask, status):
    mistral_sandbox.fail(status, times=None)
    with pytest.raises(STATUSES[status]):
        await ask(llm, "achat", "Hi")
    assert len(mistral_sandbox.requests) == 1


@pytest.mark.parametrize("method", CALLS)
async def test_a_timeout_has_its_own_error(make_llm, mistral_sandbox, ask, method):
    mistral_sandbox.inject(Fault(delay=5), times=None)
    with pytest.raises(exceptions.APITimeoutError, match="timeout"):
        await ask(make_llm(timeout=0.1, max_retries=0), method, "Hi")


@pytest.mark.parametrize("method", CALLS)
async def test_a_lost_connection_has_its_own_error(make_llm, mistral_sandbox, ask, method):
    mistral_sandbox.inject(Fault(connection="reset"), times=None)
    with pytest.raises(exceptions.APIConnectionError):
        await ask(make_llm(max_retries=0), method, "Hi")


BREAKS = {
    "cut": Fault(cut_after=3),
    "ended early": Fault(cut_after=3, clean_cut=True),
    "error event": Fault(error_after=3),
    "broken JSON": Fault(garble_after=3),
}


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
async def test_an_interrupted_stream_raises_with_the_partial_answer(
    llm, mistral_sandbox, ask, fault
):
    for method in STREAMS:
        mistral_sandbox.reply("one two three four five")
        mistral_sandbox.inject(fault)
        with pytest.raises(exceptions.StreamInterruptedError) as error:
            await ask(llm, method, "Count.")
        assert error.value.partial.text == "one two"


@pytest.mark.parametrize("method", STREAMS)
async def test_a_stream_that_fails_before_its_first_content_is_retried(
    llm, mistral_sandbox, ask, method
):
    mistral_sandbox.reply("one two three", times=None)
    mistral_sandbox.inject(Fault(error_after=0))
    items = await ask(llm, method, "Count.")
    assert "".join(item.delta for item in items) == "one two three"
    assert len(mistral_sandbox.requests) == 2


BODIES = {
    "a page": b"<html>Service under maintenance</html>",
    "nothing": b"",
    "no choices": {"id": "x", "object": "chat.completion", "model": "m", "choices": []},
    "no object": [1, 2],
    "an error": {"object": "error", "message": "It is full.", "type": "x", "code": "3505"},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_without_an_answer_is_an_error(make_llm, mistral_sandbox, ask, body):
    mistral_sandbox.fail(200, body=body, times=None)
    for method in ("chat", "acomplete"):
        with pytest.raises(exceptions.APIError) as error:
            await ask(make_llm(max_retries=0), method, "Hi")
        if isinstance(body, dict) and "message" in body:
            assert "It is full." in str(error.value)


@pytest.mark.parametrize("method", CALLS)
async def test_usage_may_be_missing(llm, mistral_sandbox, ask, method):
    if method in STREAMS:
        mistral_sandbox.reply("Hi there")
        mistral_sandbox.inject(Fault(usage="none"))
    else:
        choice = {"index": 0, "message": {"content": "Hi there"}, "finish_reason": "stop"}
        mistral_sandbox.fail(200, body={"id": "x", "model": "m", "choices": [choice]})
    items = await ask(llm, method, "Hi")
    last = items[-1]
    assert (last.text if hasattr(last, "text") else last.message.content) == "Hi there"
    assert "prompt_tokens" not in last.additional_kwargs
    assert not last.raw.get("usage")


HOOKS = {"before_request_hooks": [{"id": "g", "verdict": False, "checks": []}]}


@pytest.fixture
def through_gateway(make_llm, mistral_sandbox_url):
    def make(**fields):
        return make_llm(base_url=None, gateway_url=mistral_sandbox_url, **fields)

    return make


@pytest.mark.parametrize("method", CALLS)
async def test_a_guardrail_that_denies_is_an_error_with_its_verdict(
    through_gateway, mistral_sandbox, ask, method
):
    body = {"error": {"message": "Checks failed.", "type": "hooks_failed"}, "hook_results": HOOKS}
    mistral_sandbox.fail(446, body=body, times=None)
    with pytest.raises(exceptions.GuardrailDeniedError) as error:
        await ask(through_gateway(), method, "Hi")
    assert error.value.hook_results == HOOKS
    assert len(mistral_sandbox.requests) == 1


async def test_a_guardrail_that_only_notes_gives_the_answer(through_gateway, mistral_sandbox, ask):
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    body = {"id": "x", "model": "m", "choices": [choice], "hook_results": HOOKS}
    mistral_sandbox.fail(246, body=body)
    (answer,) = await ask(through_gateway(), "achat", "Hi")
    assert answer.message.content == "Hi"
    assert answer.raw["hook_results"] == HOOKS


async def test_an_engine_and_an_agent_let_the_error_through(make_llm, mistral_sandbox, documents):
    mistral_sandbox.fail(401, times=None)
    engine = SummaryIndex.from_documents(documents).as_query_engine(llm=make_llm())
    with pytest.raises(exceptions.AuthenticationError):
        await engine.aquery("Hi")
    agent = FunctionAgent(tools=[], llm=make_llm())
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    with pytest.raises(exceptions.AuthenticationError):
        await agent.run("Hi", memory=memory)


def test_no_error_contains_the_key(llm, mistral_sandbox):
    body = {"object": "error", "message": "Bad key sk-the-key-that-nobody-may-see", "code": "1"}
    mistral_sandbox.fail(401, body=body)
    with pytest.raises(exceptions.AuthenticationError) as error:
        llm.complete("Hi")
    texts = (str(error.value), repr(error.value), json.dumps(error.value.body))
    assert "sk-the-key" not in str(texts)
