"""What was measured to be wrong in other integrations of Mistral, one by one: none of it is so here.

The numbers are those of the list that this package was begun with. Most subjects have their own file,
which goes deeper; here each defect is shown once, as its user would meet it.
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


def over(*replies: Any, **fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    """A model over a scripted network, and the network."""
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return ChatPortkeyMistral(**(connection | fields)), wire


async def ask(model: Any, way: str) -> str:
    match way:
        case "invoke":
            return model.invoke("Say exactly: done").text
        case "ainvoke":
            return (await model.ainvoke("Say exactly: done")).text
        case "stream":
            return "".join(chunk.text for chunk in model.stream("Say exactly: done"))
        case _:
            return "".join([chunk.text async for chunk in model.astream("Say exactly: done")])


every_way = pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
streamed = pytest.mark.parametrize("way", ["stream", "astream"])


def bodies() -> list[Any]:
    return [exchange.body for exchange in sandbox.get().requests]


# --- errors and retries ---


@every_way
@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_01_a_busy_server_is_asked_again_when_it_says(way: str, status: int) -> None:
    sandbox.get().fail(status, retry_after=0.01, times=2)
    assert await ask(chat(), way) == "done"
    assert len(sandbox.get().requests) == 3


def test_01_retry_after_is_waited_for() -> None:
    sandbox.get().fail(429, retry_after=30)
    with pytest.raises(lc.ModelRateLimitError):
        chat(deadline=0.5).invoke("go")  # the server asks for more time than there is
    assert len(sandbox.get().requests) == 1


@streamed
@pytest.mark.parametrize("connection", ["refused", "reset"])
async def test_02_a_stream_that_cannot_begin_is_begun_again(way: str, connection: Any) -> None:
    sandbox.get().inject(Fault(connection=connection))
    assert await ask(chat(), way) == "done"


@pytest.mark.parametrize("name", ["max_concurrency", "max_concurrent_requests"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_03_the_limit_of_concurrency_is_one(name: str, asynchronous: bool) -> None:
    sandbox.get().inject(Fault(delay=0.01), times=None)
    model = chat(**{name: 2})
    await model.abatch(["go"] * 12) if asynchronous else model.batch(["go"] * 12)
    assert sandbox.get().peak_in_flight == 2


FAILURES: dict[str, tuple[Fault, type[Exception]]] = {
    "401": (Fault(status=401), lc.ModelAuthenticationError),
    "404": (Fault(status=404), lc.ModelNotFoundError),
    "422": (Fault(status=422), lc.ModelInvalidRequestError),
    "429": (Fault(status=429), lc.ModelRateLimitError),
    "503": (Fault(status=503), lc.ModelAPIError),
    "no connection": (Fault(connection="refused"), lc.ModelConnectionError),
    "no answer in time": (Fault(connection="timeout"), lc.ModelTimeoutError),
    "no JSON": (Fault(status=200, body="<html>"), lc.ModelAPIError),
    "no answer in the JSON": (Fault(status=200, body={"id": 1}), lc.ModelAPIError),
}


@pytest.mark.parametrize("name", FAILURES)
@every_way
async def test_04_every_failure_is_one_of_langchains_errors(way: str, name: str) -> None:
    fault, expected = FAILURES[name]
    sandbox.get().inject(fault)
    with pytest.raises(expected) as caught:
        await ask(chat(max_retries=0), way)
    assert not isinstance(caught.value, httpx.HTTPError)


def test_04_a_prompt_that_is_too_long_is_a_context_overflow() -> None:
    model = chat(model="codestral-latest")
    with pytest.raises(lc.ContextOverflowError):
        model.invoke("word " * (model.profile or {})["max_input_tokens"])


DAMAGE = {
    "an error in the middle": Fault(error_after=2),
    "cut off": Fault(cut_after=2),
    "ended without a finish reason": Fault(cut_after=2, clean_cut=True),
}


@streamed
@pytest.mark.parametrize("name", DAMAGE)
async def test_05_a_stream_that_broke_never_looks_finished(way: str, name: str) -> None:
    sandbox.get().inject(DAMAGE[name], times=None)
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(chat(), way)
    assert caught.value.partial is not None


@streamed
async def test_05_an_error_that_comes_first_is_told_as_what_it_is(way: str) -> None:
    error = {"object": "error", "message": "Too busy.", "type": "x", "code": "3505"}
    model, _ = over(sse([{"error": error}]), max_retries=0)
    with pytest.raises(APIError, match="Too busy"):
        await ask(model, way)


# --- answers ---


@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_06_cached_tokens_are_counted(way: str) -> None:
    model = chat(prompt_cache_key="a")
    prompt = "What is a mistral? " * 100
    model.invoke(prompt)
    if way == "whole":
        message = model.invoke(prompt)
    else:
        first, *rest = model.stream(prompt)
        message = first + rest
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_token_details"]["cache_read"] > 0


@every_way
async def test_07_the_model_that_answered_is_named(way: str) -> None:
    reply = stream({"content": "a"}) if "stream" in way else answer("a")
    model, wire = over(reply, model="mistral-large-latest")
    bound = model.bind(model="mistral-small-latest")
    match way:
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
    assert message.response_metadata["model_name"] == "mistral-small-2603"  # said by the server


# --- messages in ---

CALLING = AIMessage("I look.", tool_calls=[{"name": "weather", "args": {}, "id": "call_1"}])
REFUSED_ELSEWHERE: dict[str, list[Any]] = {
    "user after tool": [*PARIS, CALLING, ToolMessage("sun", tool_call_id="call_1"), *PARIS],
    "system not first": [*PARIS, AIMessage("Sun."), SystemMessage("Be brief."), *PARIS],
    "assistant last": [*PARIS, AIMessage("It is")],
    "empty assistant": [*PARIS, AIMessage(""), *PARIS],
    "result missing": [*PARIS, CALLING, *PARIS],
}


@pytest.mark.parametrize("name", REFUSED_ELSEWHERE)
def test_08_a_history_that_mistral_would_refuse_is_repaired(name: str) -> None:
    history = REFUSED_ELSEWHERE[name]
    before = copy.deepcopy(history)
    assert chat().invoke(history)
    assert sandbox.get().requests[0].status == 200
    assert history == before


def test_09_text_beside_calls_is_kept_and_no_name_is_null() -> None:
    chat().invoke([*PARIS, CALLING, ToolMessage("sun", tool_call_id="call_1")])
    _, calling, result = bodies()[0]["messages"]
    assert calling["content"] == "I look."
    assert "name" not in result


FOREIGN: dict[str, list[Any]] = {
    "cache marks": [
        HumanMessage([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}])
    ],
    "ids of blocks": [
        SystemMessage([{"type": "text", "text": "a", "id": "lc_1"}]),
        HumanMessage([{"type": "text", "text": "a", "id": "lc_2", "index": 0}]),
    ],
    "calls in the content only": [
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


@pytest.mark.parametrize("name", FOREIGN)
def test_10_no_key_of_another_vendor_reaches_the_wire(name: str) -> None:
    chat(model="mistral-medium-latest").invoke(FOREIGN[name])
    assert sandbox.get().requests[0].status == 200  # its request models are closed
    for leaked in ("cache_control", "lc_", "tool_use", '"source"', "ada"):
        assert leaked not in str(bodies()[0])


def test_11_documents_go_by_url_and_by_data() -> None:
    by_url = {"type": "file", "url": "https://example.org/a.pdf", "mime_type": "application/pdf"}
    by_data = {"type": "file", "base64": "JVBERi0=", "mime_type": "application/pdf"}
    chat(model="mistral-medium-latest").invoke([HumanMessage([by_url, by_data])])
    assert [block["document_url"] for block in bodies()[0]["messages"][0]["content"]] == [
        "https://example.org/a.pdf",
        "data:application/pdf;base64,JVBERi0=",
    ]


# --- tools and schemas ---


def test_12_strict_true_and_names_go_where_they_belong() -> None:
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


def test_12_a_schema_is_forced_by_its_name() -> None:
    chat().with_structured_output(Weather, method="function_calling").invoke("18 in Paris")
    assert bodies()[0]["tool_choice"]["function"]["name"] == "Weather"


def test_13_structured_output_does_what_it_is_told() -> None:
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


# --- streams ---

FRAGMENTS = {
    "index 0": [(0, '{"a":1,', "WcG8xhSs1", "f"), (0, '"b":2}', None, "")],
    "index 1": [(1, '{"a":1,', "WcG8xhSs1", "f"), (1, '"b":2}', None, "")],
    'id "null"': [(0, '{"a":1,', "WcG8xhSs1", "f"), (0, '"b":2}', "null", "")],
    "letter by letter": [
        (0, piece, "WcG8xhSs1" if not place else None, "f" if not place else "")
        for place, piece in enumerate('{"a":1,"b":2}')
    ],
}


@pytest.mark.parametrize("version", [None, "v0", "v1", "v3 events"])
@pytest.mark.parametrize("name", FRAGMENTS)
def test_14_a_call_in_fragments_keeps_all_its_arguments(name: str, version: str | None) -> None:
    reply = stream(*({"tool_calls": [call(*piece)]} for piece in FRAGMENTS[name]))
    if version == "v3 events":
        model, _ = over(reply)
        message: Any = model.stream_events("go", version="v3").output
    else:
        model, _ = over(reply, output_version=version)
        first, *rest = model.stream("go")
        message = first + rest
    (tool_call,) = message.tool_calls
    assert (tool_call["name"], tool_call["args"]) == ("f", {"a": 1, "b": 2})
    assert len(tool_call["id"]) == 9


def test_14_calls_side_by_side_stay_apart() -> None:
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
    model, _ = over(stream(*deltas))
    blocks = model.stream_events("go", version="v3").output.content_blocks
    assert [(block["type"], block.get("text")) for block in blocks] == [
        ("reasoning", None),
        ("text", "Paris"),
        ("text", " is sunny."),
    ]
    assert blocks[1]["annotations"][0]["extras"] == {"reference_ids": [1]}


def test_16_a_piece_of_a_call_is_not_shown_as_a_call() -> None:
    model, _ = over(stream({"tool_calls": [call(0, '{"a":', "WcG8xhSs1", "f")]}, finish=None))
    shown: list[Any] = []
    with pytest.raises(StreamInterruptedError):
        shown.extend(block for chunk in model.stream("go") for block in chunk.content_blocks)
    assert [block["type"] for block in shown] == ["tool_call_chunk"]


def test_17_all_answers_are_given_and_none_is_lost_in_a_stream() -> None:
    choices = [
        {"message": {"role": "assistant", "content": t}, "finish_reason": "stop"} for t in "ab"
    ]
    model, _ = over(answers(*choices), n=2)
    (generations,) = model.generate([[HumanMessage("go")]]).generations
    assert [generation.text for generation in generations] == ["a", "b"]
    with pytest.raises(InvalidRequestError, match="cannot be streamed"):
        list(model.stream("go"))


# --- the object ---


@every_way
async def test_18_without_a_key_nothing_is_sent(way: str) -> None:
    wire = network()
    with pytest.raises(ConfigurationError, match="MISTRAL_API_KEY"):
        await ask(ChatPortkeyMistral(**wire.clients), way)
    assert wire.requests == []


def test_19_objects_pickle_copy_and_take_changes() -> None:
    model, wire = over(answer("a"), answer("b"), api_key="one")
    open_ = model.configurable_fields(api_key=ConfigurableField(id="api_key"))
    open_.invoke("go")
    open_.invoke("go", {"configurable": {"api_key": "two"}})
    sent = [request.headers["authorization"] for request in wire.requests]
    assert sent == ["Bearer one", "Bearer two"]
    used = chat()
    used.invoke("go")
    for again in (pickle.loads(pickle.dumps(used)), copy.deepcopy(used)):
        assert again.invoke("Say exactly: done").text == "done"


def test_19_one_object_serves_several_loops(mistral_sandbox_url: str) -> None:
    model = ChatPortkeyMistral(api_key="k", base_url=mistral_sandbox_url)
    assert [asyncio.run(ask(model, "ainvoke")) for _ in range(3)] == ["done"] * 3


def test_20_tokens_are_counted_without_a_download() -> None:
    assert chat().get_num_tokens("How is the weather in Paris?") > 3
    assert chat().get_num_tokens_from_messages(PARIS, tools=[weather]) > 10


def test_21_one_name_of_the_provider_and_a_true_profile() -> None:
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


def test_22_the_route_is_part_of_what_identifies_an_object() -> None:
    cache = InMemoryCache()
    one = chat(base_url="sandbox:east", cache=cache)
    two = chat(base_url="sandbox:west", cache=cache)
    three = chat(base_url="sandbox:east", stop=["a"], cache=cache)
    for model in (one, two, three):
        model.invoke("go")
    assert (len(sandbox.get("east").requests), len(sandbox.get("west").requests)) == (2, 1)


TRUSTS = """
import os, socket, ssl

asked = []


def create(*args, **kwargs):
    asked.append(kwargs.get("cafile"))
    raise OSError("enough is known")


ssl.create_default_context = create
from langchain_portkey_mistral import ChatPortkeyMistral

server = socket.create_server(("127.0.0.1", 0))
url = f"https://127.0.0.1:{server.getsockname()[1]}/v1"
chat = ChatPortkeyMistral(api_key="k", base_url=url, max_retries=0)
assert not asked, "a TLS context at import or construction"
os.environ["SSL_CERT_FILE"] = "/of/the/company.pem"
try:
    chat.invoke("go")
except Exception as error:
    assert "enough is known" in repr(error), error
assert asked == ["/of/the/company.pem"], asked
"""


def test_23_no_tls_before_the_first_call_and_the_users_certificates_then() -> None:
    subprocess.run([sys.executable, "-c", TRUSTS], check=True)


@every_way
async def test_24_request_id_limits_and_retry_after_are_told(way: str) -> None:
    limits = {"x-ratelimit-remaining-req-minute": "9"}
    reply = stream({"content": "a"}) if "stream" in way else answer("a")
    reply.headers.update(limits | {"mistral-correlation-id": "r1"})
    refusal = httpx.Response(429, json={"message": "no"}, headers={"retry-after": "7"})
    model, _ = over(reply, refusal, max_retries=0)
    match way:
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
        await ask(model, way)
    assert caught.value.retry_after == 7  # type: ignore[attr-defined]


def test_each_of_the_twenty_four_has_its_test() -> None:
    names = {name for name in globals() if name.startswith("test_")}
    numbers = {int(name[5:7]) for name in names if name[5:7].isdigit()}
    assert numbers == set(range(1, 25))
