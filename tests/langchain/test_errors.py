"""Every failure is an error of the core's class and of LangChain's."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
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


async def fail(mode: str, *replies: Any) -> core.PortkeyMistralError:
    """Make one call and return its error."""
    with pytest.raises(core.PortkeyMistralError) as caught:
        result = CALLS[mode](connection(*replies))
        if inspect.isawaitable(result):
            await result
    return caught.value


@pytest.mark.parametrize("mode", CALLS)
async def test_every_status_maps_to_the_core_and_to_langchain(mode: str) -> None:
    for status, (core_class, langchain_class) in STATUSES.items():
        error = await fail(mode, refusal(status))
        assert isinstance(error, core_class), status
        assert isinstance(error, langchain_class), status
        assert isinstance(error, lc.ModelError), status
        assert error.is_retryable is (status in (408, 429, 500, 503)), status
        assert isinstance(error, core.APIStatusError), status
        assert [attempt.status for attempt in error.attempts] == [status]
        assert error.response.status_code == status
        assert "set-cookie" not in error.response.headers
        assert KEY not in repr(error) + str(error) + repr(error.__dict__)


FAILURES: list[tuple[Any, type[Exception], type[Exception]]] = [
    (httpx.ConnectError("refused"), core.APIConnectionError, lc.ModelConnectionError),
    (httpx.ReadTimeout("slow"), core.APITimeoutError, lc.ModelTimeoutError),
    (httpx.Response(200, text="<html>"), core.APIError, lc.ModelError),
]


@pytest.mark.parametrize("mode", CALLS)
async def test_failures_without_a_status_map_to_both(mode: str) -> None:
    for failure, core_class, langchain_class in FAILURES:
        error = await fail(mode, failure)
        assert isinstance(error, core_class), failure
        assert isinstance(error, langchain_class), failure
        assert error.is_retryable is True, failure


async def test_a_prompt_that_is_too_long_is_a_context_overflow() -> None:
    text = (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum "
        "context length"
    )
    error = await fail("invoke", refusal(400, text, "3051"))
    assert isinstance(error, core.ContextWindowExceededError)
    assert isinstance(error, lc.ContextOverflowError)
    assert isinstance(error, lc.ModelInvalidRequestError)
    assert error.is_retryable is False


# Errors in a response with status 200, whole or as an event of a stream, by Mistral's code.
IN_BAND: dict[str, tuple[str, type[Exception], bool]] = {
    "3051": ("Prompt contains 40000 tokens, too large for model", lc.ContextOverflowError, False),
    "1500": ("Invalid model: x", lc.ModelInvalidRequestError, False),
    "1300": ("Rate limit exceeded", lc.ModelRateLimitError, True),
    "3505": ("Service tier capacity exceeded", lc.ModelRateLimitError, True),
    "3000": ("boom", lc.ModelAPIError, True),
}


@pytest.mark.parametrize("mode", ["stream", "astream", "events", "invoke"])
async def test_an_error_in_a_200_response_is_classified_by_its_code(mode: str) -> None:
    for code, (message, langchain_class, retryable) in IN_BAND.items():
        body = {"object": "error", "message": message, "type": "x", "param": None, "code": code}
        reply = httpx.Response(200, json=body) if mode == "invoke" else sse([body], done=False)
        error = await fail(mode, reply)
        assert isinstance(error, langchain_class), code
        assert isinstance(error, lc.ModelError), code
        assert error.is_retryable is retryable, code


def test_a_missing_key_is_an_error_at_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(core.ConfigurationError, match="MISTRAL_API_KEY") as caught:
        ChatPortkeyMistral().invoke("go")
    assert "PORTKEY_API_KEY" in str(caught.value)
    assert "sandbox:" in str(caught.value)
    assert isinstance(caught.value, lc.ModelError)
    assert caught.value.is_retryable is False


ERRORS = [
    core.ConfigurationError("m"),
    core.InvalidRequestError("m"),
    core.CapabilityError("m"),
    core.ParameterLossError("m", parameters=("n",)),
    core.ResidencyError("m", path="config"),
    core.ModerationError("m", violations={0: {"pii": 0.8}}),
    core.APIError("m"),
    core.BudgetExceededError(
        "m",
        key="team",
        per="day",
        limit=Decimal(5),
        spent=Decimal(4),
        estimate=Decimal(2),
        resets_at=datetime(2026, 12, 1, tzinfo=UTC),
    ),
    core.BatchError("m", status="FAILED"),
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
    core.GatewayError("m", status_code=408),
    core.GuardrailDeniedError("m", status_code=446, hook_results={"a": 1}),
    core.ResponseFormatError("m", body="x"),
    core.StreamInterruptedError("m"),
]


def test_every_class_of_the_core_is_covered() -> None:
    covered = {type(error) for error in ERRORS} | {core.PortkeyMistralError}
    assert covered == {getattr(core, name) for name in core.__all__}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_converted_error_keeps_everything_and_pickles(error: core.PortkeyMistralError) -> None:
    error.attempts = (AttemptRecord("config", "mistral-ai", "m", 1, 500),)
    error.add_note("first target: down")
    converted = errors.for_langchain(error)
    assert isinstance(converted, type(error))
    assert isinstance(converted, lc.ModelError)
    assert str(converted) == "m"
    assert converted.__notes__[-1] == "first target: down"
    again = pickle.loads(pickle.dumps(converted))
    assert type(again) is type(converted)
    for name, value in vars(error).items():
        assert getattr(converted, name) == value
        assert getattr(again, name) == value
    assert errors.for_langchain(converted) is converted


GATEWAY_STATUSES: dict[int, tuple[type[Exception], type[Exception], bool]] = {
    400: (core.GatewayError, lc.ModelInvalidRequestError, False),
    401: (core.AuthenticationError, lc.ModelAuthenticationError, False),
    402: (core.PermissionDeniedError, lc.ModelPermissionDeniedError, False),
    403: (core.PermissionDeniedError, lc.ModelPermissionDeniedError, False),
    404: (core.NotFoundError, lc.ModelNotFoundError, False),
    408: (core.GatewayError, lc.ModelTimeoutError, True),
    412: (core.PermissionDeniedError, lc.ModelPermissionDeniedError, False),
    429: (core.RateLimitError, lc.ModelRateLimitError, True),
    446: (core.GuardrailDeniedError, lc.ModelPermissionDeniedError, False),
    500: (core.GatewayError, lc.ModelAPIError, True),
    502: (core.GatewayError, lc.ModelAPIError, True),
}


@pytest.mark.parametrize("status", GATEWAY_STATUSES)
def test_gateway_errors_map_to_langchain_by_status(status: int) -> None:
    core_class, langchain_class, retryable = GATEWAY_STATUSES[status]
    refused = httpx.Response(status, json={"status": "failure", "message": "no"})
    chat = ChatPortkeyMistral(
        gateway_url="https://gateway.test/v1",
        provider="mistral-ai",
        api_key=KEY,
        max_retries=0,
        **network(refused).clients,
    )
    with pytest.raises(langchain_class) as caught:
        chat.invoke("go")
    assert isinstance(caught.value, core_class)
    assert caught.value.is_retryable is retryable  # type: ignore[attr-defined]


class Tracer(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.seen.append((error, kwargs.get("response")))


def test_tracers_get_status_body_and_request_id() -> None:
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


def test_langchains_with_retry_works_with_the_classes() -> None:
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
