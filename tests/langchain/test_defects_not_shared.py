"""Defects that were measured in other Mistral integrations, 1 to 24; none of them is here.

Most subjects have their own file, which goes deeper. Here each defect is tested once, as a user would meet it.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import subprocess
import sys
from typing import Any

import httpx
import pytest
from langchain_core import exceptions as lc
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral import sandbox
from portkey_mistral.exceptions import (
    APIError,
    ConfigurationError,
    InvalidRequestError,
    StreamInterruptedError,
)
from portkey_mistral.models import all_models
from portkey_mistral.sandbox import Call, Fault
from scripted import answer, answers, call, network, sse, stream

pytestmark = [
    pytest.mark.usefixtures("mistral_sandbox"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]
PARIS = [HumanMessage("How is the weather in Paris?")]


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    celsius: int


def chat(**fields: Any) -> ChatPortkeyMistral:
    return ChatPortkeyMistral(**({"base_url": "sandbox:"} | fields))


def scripted(*replies: Any, **fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    """Return a model with a scripted network, and the network."""
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return ChatPortkeyMistral(**(connection | fields)), wire


async def ask(model: Any, mode: str) -> str:
    match mode:
        case "invoke":
            return model.invoke("Say exactly: done").text
        case "ainvoke":
            return (await model.ainvoke("Say exactly: done")).text
        case "stream":
            return "".join(chunk.text for chunk in model.stream("Say exactly: done"))
        case _:
            return "".join([chunk.text async for chunk in model.astream("Say exactly: done")])


every_mode = pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream"])
streamed = pytest.mark.parametrize("mode", ["stream", "astream"])


def bodies() -> list[Any]:
    return [exchange.body for exchange in sandbox.get().requests]


# --- errors and retries


@every_mode
async def test_01_a_busy_server_is_retried(mode: str) -> None:
    for status in (429, 500, 502, 503):
        sandbox.get().reset()
        sandbox.get().fail(status, retry_after=0.01, times=2)
        assert await ask(chat(), mode) == "done", status
        assert len(sandbox.get().requests) == 3, status


def test_01_retry_after_is_honoured() -> None:
    sandbox.get().fail(429, retry_after=30)
    with pytest.raises(lc.ModelRateLimitError):
        chat(deadline=0.5).invoke("go")  # Retry-After goes beyond the deadline
    assert len(sandbox.get().requests) == 1


@streamed
@pytest.mark.parametrize("connection", ["refused", "reset"])
async def test_02_a_stream_that_cannot_start_is_retried(mode: str, connection: Any) -> None:
    sandbox.get().inject(Fault(connection=connection))
    assert await ask(chat(), mode) == "done"


@pytest.mark.parametrize("name", ["max_concurrency", "max_concurrent_requests"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_03_max_concurrency_limits_requests_in_flight(name: str, asynchronous: bool) -> None:
    sandbox.get().inject(Fault(delay=0.01), times=None)
    model = chat(**{name: 2})
    await model.abatch(["go"] * 12) if asynchronous else model.batch(["go"] * 12)
    assert sandbox.get().peak_in_flight == 2


FAILURES: list[tuple[Fault, type[Exception]]] = [
    (Fault(status=401), lc.ModelAuthenticationError),
    (Fault(status=404), lc.ModelNotFoundError),
    (Fault(status=422), lc.ModelInvalidRequestError),
    (Fault(status=429), lc.ModelRateLimitError),
    (Fault(status=503), lc.ModelAPIError),
    (Fault(connection="refused"), lc.ModelConnectionError),
    (Fault(connection="timeout"), lc.ModelTimeoutError),
    (Fault(status=200, body="<html>"), lc.ModelAPIError),
    (Fault(status=200, body={"id": 1}), lc.ModelAPIError),
]


@every_mode
async def test_04_every_failure_is_a_model_error(mode: str) -> None:
    for fault, expected in FAILURES:
        sandbox.get().inject(fault)
        with pytest.raises(expected) as caught:
            await ask(chat(max_retries=0), mode)
        assert not isinstance(caught.value, httpx.HTTPError), fault


def test_04_a_prompt_that_is_too_long_is_a_context_overflow() -> None:
    model = chat(model="codestral-latest")
    with pytest.raises(lc.ContextOverflowError):
        model.invoke("word " * (model.profile or {})["max_input_tokens"])


INTERRUPTIONS = {
    "error event": Fault(error_after=2),
    "connection closed": Fault(cut_after=2),
    "no finish reason": Fault(cut_after=2, clean_cut=True),
}


@streamed
@pytest.mark.parametrize("name", INTERRUPTIONS)
async def test_05_an_interrupted_stream_raises(mode: str, name: str) -> None:
    sandbox.get().inject(INTERRUPTIONS[name], times=None)
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(chat(), mode)
    assert caught.value.partial is not None


@streamed
async def test_05_an_error_as_the_first_event_is_raised(mode: str) -> None:
    error = {"object": "error", "message": "Too busy.", "type": "x", "code": "3505"}
    model, _ = scripted(sse([{"error": error}]), max_retries=0)
    with pytest.raises(APIError, match="Too busy"):
        await ask(model, mode)


# --- answers


@pytest.mark.parametrize("mode", ["whole", "streamed"])
def test_06_cached_tokens_are_counted(mode: str) -> None:
    model = chat(prompt_cache_key="a")
    prompt = "What is a mistral? " * 100
    model.invoke(prompt)
    if mode == "whole":
        message = model.invoke(prompt)
    else:
        first, *rest = model.stream(prompt)
        message = first + rest
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_token_details"]["cache_read"] > 0


@every_mode
async def test_07_model_name_is_the_model_that_answered(mode: str) -> None:
    reply = stream({"content": "a"}) if "stream" in mode else answer("a")
    model, wire = scripted(reply, model="mistral-large-latest")
    bound = model.bind(model="mistral-small-latest")
    match mode:
        case "invoke":
            message = bound.invoke("go")
        case "ainvoke":
            message = await bound.ainvoke("go")
        case "stream":
            first, *rest = bound.stream("go")
            message = first + rest
        case _:
            first, *rest = [chunk async for chunk in bound.astream("go")]
            message = first + rest
    assert wire.bodies[0]["model"] == "mistral-small-latest"
    assert message.response_metadata["model_name"] == "mistral-small-2603"  # the server's


# --- messages

CALLING = AIMessage("I look.", tool_calls=[{"name": "weather", "args": {}, "id": "call_1"}])
REFUSED_BY_MISTRAL: dict[str, list[Any]] = {
    "user after tool": [*PARIS, CALLING, ToolMessage("sun", tool_call_id="call_1"), *PARIS],
    "system not first": [*PARIS, AIMessage("Sun."), SystemMessage("Be brief."), *PARIS],
    "assistant last": [*PARIS, AIMessage("It is")],
    "empty assistant": [*PARIS, AIMessage(""), *PARIS],
    "result missing": [*PARIS, CALLING, *PARIS],
}


@pytest.mark.parametrize("name", REFUSED_BY_MISTRAL)
def test_08_a_history_that_mistral_would_refuse_is_repaired(name: str) -> None:
    history = REFUSED_BY_MISTRAL[name]
    before = copy.deepcopy(history)
    assert chat().invoke(history)
    assert sandbox.get().requests[0].status == 200
    assert history == before


def test_09_text_beside_tool_calls_is_kept() -> None:
    chat().invoke([*PARIS, CALLING, ToolMessage("sun", tool_call_id="call_1")])
    _, calling, result = bodies()[0]["messages"]
    assert calling["content"] == "I look."
    assert "name" not in result


OTHER_VENDORS: dict[str, list[Any]] = {
    "cache_control": [
        HumanMessage([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}])
    ],
    "block ids": [
        SystemMessage([{"type": "text", "text": "a", "id": "lc_1"}]),
        HumanMessage([{"type": "text", "text": "a", "id": "lc_2", "index": 0}]),
    ],
    "tool calls in the content only": [
        *PARIS,
        AIMessage([{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}]),
        ToolMessage("sun", tool_call_id="toolu_1"),
    ],
    "Anthropic's image": [
        HumanMessage(
            [
                {"type": "text", "text": "What is this?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                },
            ]
        )
    ],
    "Anthropic's thinking": [
        *PARIS,
        AIMessage([{"type": "thinking", "thinking": "Hm.", "signature": "s"}, "Sun."]),
        *PARIS,
    ],
    "a name": [HumanMessage("Hi.", name="ada")],
}


@pytest.mark.parametrize("name", OTHER_VENDORS)
def test_10_keys_of_other_vendors_are_not_sent(name: str) -> None:
    chat(model="mistral-medium-latest").invoke(OTHER_VENDORS[name])
    assert sandbox.get().requests[0].status == 200  # the sandbox refuses unknown keys
    for leaked in ("cache_control", "lc_", "tool_use", '"source"', "ada"):
        assert leaked not in str(bodies()[0])


def test_11_documents_are_sent_by_url_and_as_data() -> None:
    by_url = {"type": "file", "url": "https://example.org/a.pdf", "mime_type": "application/pdf"}
    by_data = {"type": "file", "base64": "JVBERi0=", "mime_type": "application/pdf"}
    chat(model="mistral-medium-latest").invoke([HumanMessage([by_url, by_data])])
    assert [block["document_url"] for block in bodies()[0]["messages"][0]["content"]] == [
        "https://example.org/a.pdf",
        "data:application/pdf;base64,JVBERi0=",
    ]


# --- tools and schemas


def test_12_strict_and_tool_choice_are_sent_correctly() -> None:
    model = chat()
    model.bind_tools([weather], strict=True, tool_choice=True).invoke("Weather in Paris?")
    model.bind_tools([weather], tool_choice="weather", parallel_tool_calls=False).invoke("Paris?")
    first, second = bodies()
    assert "strict" not in first
    assert first["tools"][0]["function"]["strict"] is True
    assert first["tool_choice"] == "any"
    assert second["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert second["parallel_tool_calls"] is False
    assert "parallel_tool_calls" in inspect.signature(model.bind_tools).parameters
    with pytest.raises(InvalidRequestError, match="did you mean 'weather'"):
        model.bind_tools([weather], tool_choice="wether")


def test_12_a_schema_is_forced_by_name() -> None:
    chat().with_structured_output(Weather, method="function_calling").invoke("18 in Paris")
    assert bodies()[0]["tool_choice"]["function"]["name"] == "Weather"


def test_13_structured_output_honours_its_arguments() -> None:
    model = chat()
    model.with_structured_output(Weather, method="json_schema", strict=False).invoke("18 in Paris")
    model.with_structured_output(Weather, method="json_schema", tools=[weather]).invoke("Hello")
    given = {"name": "W", "schema": Weather.model_json_schema(), "strict": False}
    model.with_structured_output(given).invoke("18 in Paris")
    first, second, third = bodies()
    assert first["response_format"]["json_schema"]["strict"] is False
    assert {"tools", "response_format"} <= second.keys()
    assert third["response_format"]["json_schema"]["name"] == "W"
    with pytest.raises(InvalidRequestError, match="method='magic' is unknown"):
        model.with_structured_output(Weather, method="magic")  # type: ignore[arg-type]


# --- streams

FRAGMENTS = {
    "index 0": [(0, '{"a":1,', "WcG8xhSs1", "f"), (0, '"b":2}', None, "")],
    "index 1": [(1, '{"a":1,', "WcG8xhSs1", "f"), (1, '"b":2}', None, "")],
    'id "null"': [(0, '{"a":1,', "WcG8xhSs1", "f"), (0, '"b":2}', "null", "")],
    "single characters": [
        (0, text, "WcG8xhSs1" if position == 0 else None, "f" if position == 0 else "")
        for position, text in enumerate('{"a":1,"b":2}')
    ],
}


@pytest.mark.parametrize("version", [None, "v0", "v1", "v3 events"])
@pytest.mark.parametrize("name", FRAGMENTS)
def test_14_a_fragmented_tool_call_keeps_its_arguments(name: str, version: str | None) -> None:
    reply = stream(*({"tool_calls": [call(*piece)]} for piece in FRAGMENTS[name]))
    if version == "v3 events":
        model, _ = scripted(reply)
        message: Any = model.stream_events("go", version="v3").output
    else:
        model, _ = scripted(reply, output_version=version)
        first, *rest = model.stream("go")
        message = first + rest
    (tool_call,) = message.tool_calls
    assert (tool_call["name"], tool_call["args"]) == ("f", {"a": 1, "b": 2})
    assert len(tool_call["id"]) == 9


def test_14_parallel_tool_calls_stay_separate() -> None:
    sandbox.get().inject(Fault(split_calls=True))
    two = [Call("weather", '{"city": "Paris"}'), Call("weather", '{"city": "Rome"}')]
    sandbox.get().reply("I look.", calls=two)
    first, *rest = chat(output_version="v1").bind_tools([weather]).stream("go")
    message = first + rest
    assert [each["args"]["city"] for each in message.tool_calls] == ["Paris", "Rome"]
    assert [block["type"] for block in message.content_blocks] == ["text", "tool_call", "tool_call"]
    assert "text" not in message.content_blocks[1]


def test_15_thinking_text_and_citation_keep_their_order_in_events() -> None:
    deltas = [
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
        {
            "content": [
                {"type": "text", "text": "Paris"},
                {"type": "reference", "reference_ids": [1]},
            ]
        },
        {"content": " is sunny."},
    ]
    model, _ = scripted(stream(*deltas))
    blocks = model.stream_events("go", version="v3").output.content_blocks
    assert [(block["type"], block.get("text")) for block in blocks] == [
        ("reasoning", None),
        ("text", "Paris"),
        ("text", " is sunny."),
    ]
    assert blocks[1]["annotations"][0]["extras"] == {"reference_ids": [1]}


def test_16_a_fragment_is_not_a_tool_call_block() -> None:
    model, _ = scripted(stream({"tool_calls": [call(0, '{"a":', "WcG8xhSs1", "f")]}, finish=None))
    blocks: list[Any] = []
    with pytest.raises(StreamInterruptedError):
        blocks.extend(block for chunk in model.stream("go") for block in chunk.content_blocks)
    assert [block["type"] for block in blocks] == ["tool_call_chunk"]


def test_17_every_choice_is_returned_or_refused() -> None:
    choices = [
        {"message": {"role": "assistant", "content": t}, "finish_reason": "stop"} for t in "ab"
    ]
    model, _ = scripted(answers(*choices), n=2)
    (generations,) = model.generate([[HumanMessage("go")]]).generations
    assert [generation.text for generation in generations] == ["a", "b"]
    with pytest.raises(InvalidRequestError, match="cannot be streamed"):
        list(model.stream("go"))


# --- the object


@every_mode
async def test_18_nothing_is_sent_without_a_key(mode: str) -> None:
    wire = network()
    with pytest.raises(ConfigurationError, match="MISTRAL_API_KEY"):
        await ask(ChatPortkeyMistral(**wire.clients), mode)
    assert wire.requests == []


def test_19_models_pickle_copy_and_reconfigure() -> None:
    model, wire = scripted(answer("a"), answer("b"), api_key="one")
    configurable = model.configurable_fields(api_key=ConfigurableField(id="api_key"))
    configurable.invoke("go")
    configurable.invoke("go", {"configurable": {"api_key": "two"}})
    sent = [request.headers["authorization"] for request in wire.requests]
    assert sent == ["Bearer one", "Bearer two"]
    used = chat()
    used.invoke("go")
    for copied in (pickle.loads(pickle.dumps(used)), copy.deepcopy(used)):
        assert copied.invoke("Say exactly: done").text == "done"


def test_19_one_model_serves_several_event_loops(mistral_sandbox_url: str) -> None:
    model = ChatPortkeyMistral(api_key="k", base_url=mistral_sandbox_url)
    assert [asyncio.run(ask(model, "ainvoke")) for _ in range(3)] == ["done"] * 3


def test_20_tokens_are_counted_without_a_download() -> None:
    assert chat().get_num_tokens("How is the weather in Paris?") > 3
    assert chat().get_num_tokens_from_messages(PARIS, tools=[weather]) > 10


def test_21_provider_name_and_profile_are_consistent() -> None:
    model = chat()
    provider = model.invoke("go").response_metadata["model_provider"]
    assert model._get_ls_params()["ls_provider"] == provider
    assert model.profile, "the default model has a profile"
    for info in all_models():
        if "chat" in info.capabilities:
            profile = chat(model=info.id).profile or {}
            assert profile["structured_output"] is ("json" in info.capabilities)
            assert {"image_url_inputs", "pdf_inputs", "tool_choice"} <= profile.keys()
            assert ("reasoning_effort_levels" in profile) is bool(info.reasoning_efforts)


def test_22_the_route_is_part_of_the_cache_key() -> None:
    cache = InMemoryCache()
    one = chat(base_url="sandbox:east", cache=cache)
    two = chat(base_url="sandbox:west", cache=cache)
    three = chat(base_url="sandbox:east", stop=["a"], cache=cache)
    for model in (one, two, three):
        model.invoke("go")
    assert (len(sandbox.get("east").requests), len(sandbox.get("west").requests)) == (2, 1)


TLS_AT_FIRST_CALL = """
import os, socket, ssl

ca_files = []


def create(*args, **kwargs):
    ca_files.append(kwargs.get("cafile"))
    raise OSError("stop here")


ssl.create_default_context = create
from langchain_portkey_mistral import ChatPortkeyMistral

server = socket.create_server(("127.0.0.1", 0))
url = f"https://127.0.0.1:{server.getsockname()[1]}/v1"
os.environ["SSL_CERT_FILE"] = "/company.pem"
chat = ChatPortkeyMistral(api_key="k", base_url=url, max_retries=0)
assert not ca_files, "a TLS context at import or construction"
try:
    chat.invoke("go")
except Exception as error:
    assert "stop here" in repr(error), error
assert ca_files == ["/company.pem"], ca_files
"""


def test_23_the_tls_context_is_created_at_the_first_call() -> None:
    subprocess.run([sys.executable, "-c", TLS_AT_FIRST_CALL], check=True)


@every_mode
async def test_24_request_id_rate_limits_and_retry_after_are_exposed(mode: str) -> None:
    limits = {"x-ratelimit-remaining-req-minute": "9"}
    reply = stream({"content": "a"}) if "stream" in mode else answer("a")
    reply.headers.update(limits | {"mistral-correlation-id": "r1"})
    refusal = httpx.Response(429, json={"message": "no"}, headers={"retry-after": "7"})
    model, _ = scripted(reply, refusal, max_retries=0)
    match mode:
        case "invoke":
            message: Any = model.invoke("go")
        case "ainvoke":
            message = await model.ainvoke("go")
        case "stream":
            *_, message = model.stream("go")
        case _:
            *_, message = [chunk async for chunk in model.astream("go")]
    assert message.response_metadata["request_id"] == "r1"
    assert message.response_metadata["rate_limits"] == limits
    with pytest.raises(lc.ModelRateLimitError) as caught:
        await ask(model, mode)
    assert caught.value.retry_after == 7  # type: ignore[attr-defined]


def test_every_defect_has_a_test() -> None:
    names = {name for name in globals() if name.startswith("test_")}
    numbers = {int(name[5:7]) for name in names if name[5:7].isdigit()}
    assert numbers == set(range(1, 25))
