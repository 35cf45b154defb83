"""Every failure is the core's error and LangChain's at once."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from langchain_core import exceptions as lc
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
    errors,
)
from portkey_mistral import exceptions as core
from portkey_mistral.responses import AttemptRecord
from scripted import network, sse

KEY = "sk-very-secret-key"

STATUSES: dict[int, tuple[type[Exception], type[Exception]]] = {
    400: (core.BadRequestError, lc.ModelInvalidRequestError),
    401: (core.AuthenticationError, lc.ModelAuthenticationError),
    403: (core.PermissionDeniedError, lc.ModelPermissionDeniedError),
    404: (core.NotFoundError, lc.ModelNotFoundError),
    408: (core.APIStatusError, lc.ModelTimeoutError),
    412: (core.APIStatusError, lc.ModelInvalidRequestError),
    422: (core.UnprocessableEntityError, lc.ModelInvalidRequestError),
    429: (core.RateLimitError, lc.ModelRateLimitError),
    500: (core.InternalServerError, lc.ModelAPIError),
    503: (core.InternalServerError, lc.ModelAPIError),
}


def refusal(status: int, message: str = "no", code: str | None = None) -> httpx.Response:
    body = {"object": "error", "message": message, "type": "x", "param": None, "code": code}
    return httpx.Response(
        status, json=body, headers={"mistral-correlation-id": "r1", "set-cookie": "c=1"}
    )


def connection(*replies: Any) -> dict[str, Any]:
    return {
        "api_key": KEY,
        "base_url": "https://mistral.test",
        "max_retries": 0,
        **network(*replies).clients,
    }


async def drain(chunks: AsyncIterator[Any]) -> None:
    async for _ in chunks:
        pass


# v3 events are in beta, and say so.
pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)


CALLS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "invoke": lambda fields: ChatPortkeyMistral(**fields).invoke("go"),
    "ainvoke": lambda fields: ChatPortkeyMistral(**fields).ainvoke("go"),
    "stream": lambda fields: list(ChatPortkeyMistral(**fields).stream("go")),
    "astream": lambda fields: drain(ChatPortkeyMistral(**fields).astream("go")),
    "events": lambda fields: ChatPortkeyMistral(**fields).stream_events("go", version="v3").output,
    "embed": lambda fields: PortkeyMistralEmbeddings(**fields).embed_query("go"),
    "aembed": lambda fields: PortkeyMistralEmbeddings(**fields).aembed_query("go"),
    "fim": lambda fields: PortkeyMistralFIM(**fields).invoke("go"),
    "afim": lambda fields: PortkeyMistralFIM(**fields).ainvoke("go"),
    "fim stream": lambda fields: list(PortkeyMistralFIM(**fields).stream("go")),
    "fim astream": lambda fields: drain(PortkeyMistralFIM(**fields).astream("go")),
}


async def fail(way: str, *replies: Any) -> core.PortkeyMistralError:
    """Make one call and return its error."""
    with pytest.raises(core.PortkeyMistralError) as caught:
        result = CALLS[way](connection(*replies))
        if inspect.isawaitable(result):
            await result
    return caught.value


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("status", STATUSES)
async def test_each_status_is_both_ours_and_langchains(status: int, way: str) -> None:
    ours, theirs = STATUSES[status]
    error = await fail(way, refusal(status))
    assert isinstance(error, ours)
    assert isinstance(error, theirs)
    assert isinstance(error, lc.ModelError)
    assert error.is_retryable is (status in (408, 429, 500, 503))
    assert isinstance(error, core.APIStatusError)
    assert [attempt.status for attempt in error.attempts] == [status]
    assert error.response.status_code == status
    assert "set-cookie" not in error.response.headers
    assert KEY not in repr(error) + str(error) + repr(error.__dict__)


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize(
    ("failure", "ours", "theirs"),
    [
        (httpx.ConnectError("refused"), core.APIConnectionError, lc.ModelConnectionError),
        (httpx.ReadTimeout("slow"), core.APITimeoutError, lc.ModelTimeoutError),
        (httpx.Response(200, text="<html>"), core.APIError, lc.ModelError),
    ],
    ids=["connection", "timeout", "body"],
)
async def test_failures_without_a_status(
    failure: Any, ours: type[Exception], theirs: type[Exception], way: str
) -> None:
    error = await fail(way, failure)
    assert isinstance(error, ours)
    assert isinstance(error, theirs)
    assert error.is_retryable is True


async def test_a_prompt_that_is_too_long_is_langchains_context_overflow() -> None:
    text = (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum "
        "context length"
    )
    error = await fail("invoke", refusal(400, text, "3051"))
    assert isinstance(error, core.ContextWindowExceededError)
    assert isinstance(error, lc.ContextOverflowError)
    assert isinstance(error, lc.ModelInvalidRequestError)
    assert error.is_retryable is False


# What Mistral says within a stream that began with a good status, by its code.
IN_BAND: dict[str, tuple[str, type[Exception], bool]] = {
    "3051": ("Prompt contains 40000 tokens, too large for model", lc.ContextOverflowError, False),
    "1500": ("Invalid model: x", lc.ModelInvalidRequestError, False),
    "1300": ("Rate limit exceeded", lc.ModelRateLimitError, True),
    "3505": ("Service tier capacity exceeded", lc.ModelRateLimitError, True),
    "3000": ("boom", lc.ModelAPIError, True),
}


@pytest.mark.parametrize("code", IN_BAND)
@pytest.mark.parametrize("way", ["stream", "astream", "events", "invoke"])
async def test_an_error_with_a_good_status_is_what_its_code_says(way: str, code: str) -> None:
    message, theirs, retryable = IN_BAND[code]
    body = {"object": "error", "message": message, "type": "x", "param": None, "code": code}
    reply = httpx.Response(200, json=body) if way == "invoke" else sse([body], done=False)
    error = await fail(way, reply)
    assert isinstance(error, theirs)
    assert isinstance(error, lc.ModelError)
    assert error.is_retryable is retryable


def test_a_missing_key_is_said_at_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(core.ConfigurationError, match="MISTRAL_API_KEY") as caught:
        ChatPortkeyMistral().invoke("go")
    assert "PORTKEY_API_KEY" in str(caught.value)
    assert "sandbox:" in str(caught.value)
    assert isinstance(caught.value, lc.ModelError)
    assert caught.value.is_retryable is False


CLASSES = [
    core.ConfigurationError("m"),
    core.InvalidRequestError("m"),
    core.CapabilityError("m"),
    core.ParameterLossError("m", parameters=("n",)),
    core.ResidencyError("m", path="config"),
    core.APIError("m"),
    core.APIConnectionError("m"),
    core.APITimeoutError("m"),
    core.APIStatusError("m", status_code=418),
    core.APIStatusError("m", status_code=408),
    core.BadRequestError("m", status_code=400),
    core.ContextWindowExceededError("m", status_code=400),
    core.AuthenticationError("m", status_code=401),
    core.PermissionDeniedError("m", status_code=403),
    core.NotFoundError("m", status_code=404),
    core.UnprocessableEntityError("m", status_code=422),
    core.RateLimitError("m", status_code=429, retry_after=3.0),
    core.InternalServerError("m", status_code=500),
    core.GatewayError("m", status_code=412),
    core.GatewayError("m", status_code=502),
    *(core.GatewayError("m", status_code=status) for status in (401, 403, 404, 408)),
    core.GuardrailDeniedError("m", status_code=446, hook_results={"a": 1}),
    core.ResponseFormatError("m", body="x"),
    core.StreamInterruptedError("m"),
]


def test_the_table_knows_every_class_of_the_core() -> None:
    known = {type(error) for error in CLASSES} | {core.PortkeyMistralError}
    assert known == {getattr(core, name) for name in core.__all__}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: type(error).__name__)
def test_a_converted_error_loses_nothing_and_pickles(error: core.PortkeyMistralError) -> None:
    error.attempts = (AttemptRecord("config", "mistral-ai", "m", 1, 500),)
    error.add_note("first target: down")
    converted = errors.for_langchain(error)
    assert isinstance(converted, type(error))
    assert isinstance(converted, lc.ModelError)
    assert str(converted) == "m"
    assert converted.__notes__ == ["first target: down"]
    again = pickle.loads(pickle.dumps(converted))
    assert type(again) is type(converted)
    for name, value in vars(error).items():
        assert getattr(converted, name) == value
        assert getattr(again, name) == value
    assert errors.for_langchain(converted) is converted


OF_A_GATEWAY: dict[int, tuple[type[Exception], bool]] = {
    400: (lc.ModelInvalidRequestError, False),
    401: (lc.ModelAuthenticationError, False),
    403: (lc.ModelPermissionDeniedError, False),
    404: (lc.ModelNotFoundError, False),
    408: (lc.ModelTimeoutError, True),
    412: (lc.ModelInvalidRequestError, False),
    429: (lc.ModelRateLimitError, True),
    446: (lc.ModelPermissionDeniedError, False),
    500: (lc.ModelAPIError, True),
    502: (lc.ModelAPIError, True),
}


@pytest.mark.parametrize("status", OF_A_GATEWAY)
def test_what_the_gateway_itself_says_is_langchains_error_by_its_status(status: int) -> None:
    theirs, retryable = OF_A_GATEWAY[status]
    refused = httpx.Response(status, json={"status": "failure", "message": "no"})
    chat = ChatPortkeyMistral(
        gateway_url="https://gateway.test/v1",
        provider="mistral-ai",
        api_key=KEY,
        max_retries=0,
        **network(refused).clients,
    )
    with pytest.raises(theirs) as caught:
        chat.invoke("go")
    assert isinstance(caught.value, core.GatewayError | core.RateLimitError)
    assert caught.value.is_retryable is retryable  # type: ignore[attr-defined]


class Tracer(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.seen.append((error, kwargs.get("response")))


def test_tracers_see_status_body_and_request_id() -> None:
    tracer = Tracer()
    chat = ChatPortkeyMistral(**connection(refusal(429, "Rate limit exceeded", "1300")))
    with pytest.raises(core.RateLimitError):
        chat.invoke([HumanMessage("go")], {"callbacks": [tracer]})
    ((_, response),) = tracer.seen
    metadata = response.generations[0][0].message.response_metadata
    assert metadata["status_code"] == 429
    assert metadata["body"]["message"] == "Rate limit exceeded"
    assert metadata["request_id"] == "r1"
    assert KEY not in repr(tracer.seen)


def test_langchains_own_retry_sees_the_class() -> None:
    wire = network(refusal(503), refusal(503), refusal(401))
    chat = ChatPortkeyMistral(
        api_key=KEY, base_url="https://mistral.test", max_retries=0, **wire.clients
    )
    retrying = chat.with_retry(
        retry_if_exception_type=(lc.ModelAPIError,),
        wait_exponential_jitter=False,
        stop_after_attempt=5,
    )
    with pytest.raises(lc.ModelAuthenticationError):
        retrying.invoke("go")
    assert len(wire.requests) == 3
