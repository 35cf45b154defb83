"""`with_structured_output`: every method with every kind of schema, and answers that are invalid or incomplete."""

from __future__ import annotations

import json
from typing import Any, Generic, TypedDict, TypeVar

import pytest
from langchain_core import exceptions as lc
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, model_validator
from pydantic.v1 import BaseModel as BaseModelV1

from langchain_portkey_mistral import ChatPortkeyMistral, TruncatedAnswerError
from portkey_mistral.exceptions import InvalidRequestError, StreamInterruptedError
from portkey_mistral.sandbox import Fault, Sandbox
from scripted import answer, answers, call, network, stream

T = TypeVar("T")


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str | None = None


class JokeV1(BaseModelV1):
    """A joke."""

    setup: str
    punchline: str


class TypedJoke(TypedDict):
    """A joke."""

    setup: str
    punchline: str


JSON_SCHEMA = {
    "title": "Joke",
    "description": "A joke.",
    "type": "object",
    "properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}},
    "required": ["setup", "punchline"],
}
PARAMETERS = {key: JSON_SCHEMA[key] for key in ("type", "properties", "required")}
CAT = {"setup": "Why do cats purr?", "punchline": "To idle."}

SCHEMAS: dict[str, tuple[Any, Any]] = {
    "pydantic": (Joke, Joke(**CAT)),
    "pydantic v1": (JokeV1, JokeV1(**CAT)),
    "typed dict": (TypedJoke, CAT),
    "json schema": (JSON_SCHEMA, CAT),
    "json schema without a title": (PARAMETERS, CAT),
    "openai function": ({"name": "Joke", "description": "", "parameters": PARAMETERS}, CAT),
    "openai tool": (
        {"type": "function", "function": {"name": "Joke", "parameters": PARAMETERS}},
        CAT,
    ),
    "response format": ({"name": "Joke", "schema": PARAMETERS, "strict": True}, CAT),
    "whole response format": (
        {"type": "json_schema", "json_schema": {"name": "Joke", "schema": PARAMETERS}},
        CAT,
    ),
}
METHODS = ["function_calling", "json_schema", "json_mode"]


def name_of(schema: Any) -> str:
    if isinstance(schema, type):
        return schema.__name__
    return "Joke" if "Joke" in json.dumps(schema) else "response"


def whole(schema: Any, method: str, value: Any = CAT) -> Any:
    text = json.dumps(value)
    if method != "function_calling":
        return answer(text)
    return answer("", call(0, text, "WcG8xhSs1", name_of(schema)), finish="tool_calls")


def halves(schema: Any, method: str) -> Any:
    text = json.dumps(CAT)
    first, second = text[:20], text[20:]
    if method != "function_calling":
        return stream({"content": first}, {"content": second})
    calls = [call(0, first, "WcG8xhSs1", name_of(schema)), call(0, second)]
    return stream(*({"tool_calls": [piece]} for piece in calls), finish="tool_calls")


def chat(*replies: Any, **fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return ChatPortkeyMistral(**(connection | fields)), wire


@pytest.mark.parametrize("method", METHODS)
async def test_every_schema_with_every_method(method: Any) -> None:
    for name, (schema, expected) in SCHEMAS.items():
        model, _ = chat(*[whole(schema, method)] * 3)
        structured = model.with_structured_output(schema, method=method)
        assert structured.invoke("go") == expected, name
        assert await structured.ainvoke("go") == expected, name
        raw = model.with_structured_output(schema, method=method, include_raw=True).invoke("go")
        assert (raw["parsed"], raw["parsing_error"]) == (expected, None), name
        assert raw["raw"].response_metadata["finish_reason"], name


@pytest.mark.parametrize("method", METHODS)
async def test_every_schema_with_every_method_streamed(method: Any) -> None:
    for name, (schema, expected) in SCHEMAS.items():
        model, _ = chat(halves(schema, method), halves(schema, method))
        structured = model.with_structured_output(schema, method=method)
        values = list(structured.stream("go"))
        assert values[-1] == expected, name
        assert all(isinstance(value, type(expected)) for value in values), name
        assert [value async for value in structured.astream("go")][-1] == expected, name


@pytest.mark.parametrize(
    ("strict", "sent"), [(None, True), (True, True), (False, False)], ids=["default", "on", "off"]
)
def test_json_schema_is_strict_by_default(strict: bool | None, sent: bool) -> None:
    model, wire = chat(whole(Joke, "json_schema"))
    model.with_structured_output(Joke, method="json_schema", strict=strict).invoke("go")
    response_format = wire.bodies[0]["response_format"]
    assert response_format["type"] == "json_schema"
    json_schema = response_format["json_schema"]
    assert json_schema["name"] == "Joke"
    assert json_schema.get("strict", False) is sent
    assert json_schema["schema"].get("additionalProperties", True) is not sent


@pytest.mark.parametrize("strict", [None, True, False])
def test_function_calling_forces_the_function(strict: bool | None) -> None:
    model, wire = chat(whole(Joke, "function_calling"))
    model.with_structured_output(Joke, method="function_calling", strict=strict).invoke("go")
    body = wire.bodies[0]
    assert body["tool_choice"]["function"]["name"] == "Joke"
    assert body["tools"][0]["function"].get("strict", False) is bool(strict)
    assert "response_format" not in body


def test_json_mode_requests_an_object() -> None:
    model, wire = chat(answer('{"a": 1}'))
    assert model.with_structured_output(method="json_mode").invoke("go") == {"a": 1}
    assert wire.bodies[0]["response_format"] == {"type": "json_object"}


def test_nested_definitions_are_sent() -> None:
    class Shelf(BaseModel):
        jokes: list[Joke]

    model, wire = chat(answer(json.dumps({"jokes": [CAT]})))
    structured = model.with_structured_output(Shelf, method="json_schema")
    assert structured.invoke("go") == Shelf(jokes=[Joke(**CAT)])
    assert "punchline" in json.dumps(wire.bodies[0]["response_format"])


class Branch(BaseModel):
    """A branch."""

    name: str
    branches: list[Branch] = []


class Garden(BaseModel):
    """A garden."""

    tree: Branch


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("cls", [Branch, Garden], ids=["the class itself", "a class within"])
def test_a_recursive_class_is_sent_completely(
    mistral_sandbox: Sandbox, cls: type[BaseModel], method: Any
) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:")
    structured = model.with_structured_output(cls, method=method, strict=True)
    assert isinstance(structured.invoke("Fill it in: Oak, Twig"), cls)
    body = mistral_sandbox.requests[0].body
    if method == "json_schema":
        sent = body["response_format"]["json_schema"]["schema"]
    else:
        sent = body["tools"][0]["function"]["parameters"]
    branch = sent["$defs"]["Branch"]
    assert branch["properties"]["branches"]["items"] == {"$ref": "#/$defs/Branch"}
    assert branch["additionalProperties"] is False
    assert sent["type"] == "object"


EITHER = {
    "title": "A joke, or nothing",
    "anyOf": [PARAMETERS, {"type": "object", "properties": {}, "required": []}],
}


@pytest.mark.parametrize("strict", [None, False, True])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_schema_without_properties_is_sent_completely(method: Any, strict: bool | None) -> None:
    model, wire = chat(answer(json.dumps(CAT)))
    bound = model.with_structured_output(EITHER, method=method, strict=strict)
    bound.first.invoke("go")  # type: ignore[attr-defined]
    sent = json.dumps(wire.bodies[0])
    assert "punchline" in sent
    assert "A_joke__or_nothing" in sent  # the name of a function may not hold spaces


class Box(BaseModel, Generic[T]):
    """A box."""

    content: T


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize(
    "schema", [Box[int], {"title": "A box!", **Box[int].model_json_schema()}], ids=["class", "dict"]
)
def test_a_schema_name_is_made_a_valid_function_name(
    mistral_sandbox: Sandbox, schema: Any, method: Any
) -> None:
    structured = ChatPortkeyMistral(base_url="sandbox:").with_structured_output(
        schema, method=method
    )
    expected = Box[int](content=5) if schema is Box[int] else {"content": 5}
    assert structured.invoke("The box holds 5.") == expected
    assert list(structured.stream("The box holds 5."))[-1] == expected
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}


def test_an_empty_schema_accepts_any_object() -> None:
    model, wire = chat(answer('{"a": 1}'))
    assert model.with_structured_output({}).invoke("go") == {"a": 1}
    schema = wire.bodies[0]["response_format"]["json_schema"]
    assert (schema["name"], schema["schema"]["type"]) == ("response", "object")


@pytest.mark.parametrize(
    ("fields", "schema", "method"),
    [
        ({}, Joke, "json_schema"),
        ({}, JokeV1, "function_calling"),
        ({"model": "magistral-medium-2507"}, Joke, "function_calling"),
        ({"model": "a-model-of-tomorrow"}, Joke, "json_schema"),
    ],
)
def test_the_default_method_depends_on_model_and_schema(
    fields: dict[str, Any], schema: Any, method: str
) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:", **fields)
    bound = model.with_structured_output(schema).first.kwargs
    assert bound["ls_structured_output_format"]["kwargs"]["method"] == method


GUARDED = {"retry": {"attempts": 1}, "input_guardrails": [{"default.contains": {"words": ["x"]}}]}


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        ({"model": "magistral-medium-2507"}, "function_calling"),
        ({"portkey_config": GUARDED}, "function_calling"),
        ({"portkey_config": "pc-one"}, "function_calling"),
        ({"portkey_config": {"provider": "mistral-ai"}}, "json_schema"),
    ],
)
def test_the_default_method_depends_on_bound_arguments(
    arguments: dict[str, Any], method: str
) -> None:
    model = ChatPortkeyMistral(**GATEWAY)
    bound = model.with_structured_output(Joke, **arguments).first.kwargs
    assert bound["ls_structured_output_format"]["kwargs"]["method"] == method


GATEWAY = {"gateway_url": "http://localhost:8787/v1", "api_key": "k"}
ROUTES: dict[str, tuple[dict[str, Any], bool]] = {
    "direct": ({"api_key": "k"}, True),
    "own gateway": (GATEWAY, True),
    "hosted gateway with a Mistral key": ({"portkey_api_key": "pk", "api_key": "k"}, True),
    "own gateway with a config": (GATEWAY | {"portkey_config": {"retry": {"attempts": 2}}}, True),
    "Portkey key alone": ({"portkey_api_key": "pk"}, False),
    "slug": ({"portkey_api_key": "pk", "portkey_config": "pc-abc"}, False),
    "provider slug": ({"portkey_api_key": "pk", "provider": "@mine"}, False),
    "virtual key": ({"portkey_api_key": "pk", "virtual_key": "vk"}, False),
    "guardrails": (GATEWAY | {"portkey_config": GUARDED}, False),
    "unified lane": (GATEWAY | {"gateway_lane": "unified"}, False),
    "proxy lane": ({"portkey_api_key": "pk", "api_key": "k", "gateway_lane": "proxy"}, True),
}


@pytest.mark.parametrize("route", ROUTES)
def test_function_calling_is_the_default_if_a_gateway_may_drop_response_format(route: str) -> None:
    fields, kept = ROUTES[route]
    model = ChatPortkeyMistral(**fields)
    assert model.client.keeps_response_format(model.model) is kept
    bound = model.with_structured_output(Joke).first.kwargs
    method = bound["ls_structured_output_format"]["kwargs"]["method"]
    assert method == ("json_schema" if kept else "function_calling")
    assert model.profile is not None
    assert model.profile["structured_output"] is kept


@pytest.mark.parametrize("method", METHODS)
def test_an_invalid_answer_raises_or_is_returned_as_raw(method: Any) -> None:
    replies = [whole(Joke, method, {"punchline": 3}) for _ in range(2)]
    model, _ = chat(*replies)
    with pytest.raises((OutputParserException, ValueError), match="setup"):
        model.with_structured_output(Joke, method=method).invoke("go")
    raw = model.with_structured_output(Joke, method=method, include_raw=True).invoke("go")
    assert raw["parsed"] is None
    assert "setup" in str(raw["parsing_error"])
    assert raw["raw"].content or raw["raw"].tool_calls


class Sum(BaseModel):
    a: int
    b: int
    total: int = 0

    @model_validator(mode="before")
    @classmethod
    def add_up(cls, data: dict[str, int]) -> dict[str, int]:
        return {**data, "total": data["a"] + data["b"]}


@pytest.mark.parametrize("method", METHODS)
def test_a_validator_may_rely_on_the_whole_object(method: Any) -> None:
    pieces = ('{"a": 1,', ' "b": 2}')
    if method == "function_calling":
        calls = (call(0, pieces[0], "WcG8xhSs1", "Sum"), call(0, pieces[1]))
        model, _ = chat(stream(*({"tool_calls": [each]} for each in calls), finish="tool_calls"))
    else:
        model, _ = chat(stream(*({"content": each} for each in pieces)))
    values = list(model.with_structured_output(Sum, method=method).stream("go"))
    assert values[-1] == Sum(a=1, b=2, total=3)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
@pytest.mark.parametrize("method", METHODS)
def test_a_truncated_answer_raises(method: Any, schema: Any, streamed: bool) -> None:
    text = '{"setup": "Why'
    function = call(0, text, "WcG8xhSs1", "Joke")
    in_call = method == "function_calling"
    reply = (
        stream({"tool_calls": [function]} if in_call else {"content": text}, finish="length")
        if streamed
        else answer("" if in_call else text, *[function] * in_call, finish="length")
    )
    model, _ = chat(reply)
    structured = model.with_structured_output(schema, method=method)
    with pytest.raises(TruncatedAnswerError, match="cut off before its JSON was complete"):
        _ = list(structured.stream("go")) if streamed else structured.invoke("go")


# Answers that are not complete JSON although the model ended them itself, as with a stop sequence.
INCOMPLETE = {
    "within a string": '{"setup": "Why',
    "within a word": '{"setup": "a", "punchline": "b", "more": tr',
    "after a value": '{"setup": "a", "punchline": "b"',
    "in a fence": '```json\n{"setup": "a", "punchline": "b"\n```',
    "with the wrong bracket": '{"setup": "a", "punchline": "b"]',
    "null": "null",
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
@pytest.mark.parametrize("name", INCOMPLETE)
def test_an_incomplete_answer_is_never_completed(
    name: str, method: Any, schema: Any, streamed: bool
) -> None:
    text = INCOMPLETE[name]
    model, _ = chat(stream({"content": text}) if streamed else answer(text))
    structured = model.with_structured_output(schema, method=method)
    with pytest.raises(OutputParserException):
        _ = list(structured.stream("go")) if streamed else structured.invoke("go")


def test_an_answer_that_a_stop_sequence_ended_says_so() -> None:
    model, _ = chat(answer('{"setup": "Why'))
    with pytest.raises(TruncatedAnswerError, match="the finish reason 'stop'"):
        model.with_structured_output(Joke, stop=["?"]).invoke("go")


# Complete JSON that LangChain reads although it is not valid, or not alone.
LENIENT = {
    "a line break in a string": json.dumps(CAT)[:-1] + ', "more": "a\nb"}',
    "words after it": json.dumps(CAT) + "\nAs you asked: {",
    "a bracket in a string": json.dumps(CAT)[:-1] + ', "more": "{["}',
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", LENIENT)
def test_complete_json_is_read_as_langchain_does(name: str, streamed: bool) -> None:
    text = LENIENT[name]
    model, _ = chat(stream({"content": text}) if streamed else answer(text))
    structured = model.with_structured_output(Joke)
    found = list(structured.stream("go"))[-1] if streamed else structured.invoke("go")
    assert found == Joke(**CAT)


def test_a_truncated_answer_is_returned_as_raw() -> None:
    model, _ = chat(answer('{"setup": "Why', finish="length"))
    returned = model.with_structured_output(Joke, include_raw=True).invoke("go")
    assert isinstance(returned["parsing_error"], TruncatedAnswerError)
    assert returned["raw"].text == '{"setup": "Why'


def tool_call_deltas(*fragments: str) -> list[dict[str, Any]]:
    first, *rest = fragments
    calls = [call(0, first, "WcG8xhSs1", "Joke"), *(call(0, fragment) for fragment in rest)]
    return [{"tool_calls": [fragment]} for fragment in calls]


# Streamed answers that do not match the schema: the deltas, the finish reason, the method.
INVALID_STREAMS: dict[str, tuple[list[dict[str, Any]], str, Any]] = {
    "text": ([{"content": "I would "}, {"content": "rather not."}], "stop", "json_schema"),
    "nothing": ([], "stop", "json_schema"),
    "a required property is missing": (
        [{"content": '{"punch'}, {"content": 'line": "a"}'}],
        "stop",
        "json_schema",
    ),
    "truncated": ([{"content": '{"setup": "Why'}], "length", "json_schema"),
    "text instead of a call": ([{"content": "I would rather not."}], "stop", "function_calling"),
    "no call": ([], "stop", "function_calling"),
    "a call without a required property": (
        tool_call_deltas('{"punch', 'line": "a"}'),
        "tool_calls",
        "function_calling",
    ),
    "a call that is not JSON": (
        tool_call_deltas('{"setup": "a"', ', "b"'),
        "tool_calls",
        "function_calling",
    ),
    "a truncated call": (tool_call_deltas('{"setup": "Why'), "length", "function_calling"),
}


async def collect(structured: Any, *, asynchronous: bool) -> list[Any]:
    if asynchronous:
        return [value async for value in structured.astream("go")]
    return list(structured.stream("go"))


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("name", INVALID_STREAMS)
async def test_an_invalid_streamed_answer_raises_or_is_returned_as_raw(
    name: str, asynchronous: bool
) -> None:
    deltas, finish, method = INVALID_STREAMS[name]
    model, _ = chat(*[stream(*deltas, finish=finish)] * 2)
    structured = model.with_structured_output(Joke, method=method)
    with pytest.raises((OutputParserException, ValueError)):
        await collect(structured, asynchronous=asynchronous)
    structured = model.with_structured_output(Joke, method=method, include_raw=True)
    *raw, last = await collect(structured, asynchronous=asynchronous)
    assert last["parsed"] is None
    assert isinstance(last["parsing_error"], Exception)
    first, *rest = (value["raw"] for value in raw)
    assert (first + rest).response_metadata["finish_reason"] == finish


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("method", METHODS)
async def test_include_raw_streams_the_message_and_then_the_value(
    method: Any, asynchronous: bool
) -> None:
    model, _ = chat(halves(Joke, method))
    structured = model.with_structured_output(Joke, method=method, include_raw=True)
    *raw, last = await collect(structured, asynchronous=asynchronous)
    assert last == {"parsed": Joke(**CAT), "parsing_error": None}
    assert len(raw) > 2


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_interrupted_stream_is_not_a_parsing_error(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    mistral_sandbox.inject(Fault(cut_after=2))
    model = ChatPortkeyMistral(base_url="sandbox:")
    structured = model.with_structured_output(Joke, include_raw=True)
    with pytest.raises(StreamInterruptedError):
        await collect(structured, asynchronous=asynchronous)


@pytest.mark.parametrize("off", [{"streaming": False}, {"disable_streaming": True}], ids=str)
@pytest.mark.parametrize("method", METHODS)
async def test_a_model_with_streaming_disabled_streams_one_value(
    method: Any, off: dict[str, Any]
) -> None:
    for schema, expected in ((Joke, Joke(**CAT)), (JSON_SCHEMA, CAT)):
        model, _ = chat(*[whole(schema, method)] * 2, **off)
        structured = model.with_structured_output(schema, method=method)
        assert await collect(structured, asynchronous=False) == [expected]
        assert await collect(structured, asynchronous=True) == [expected]


REFUSAL = {"message": {"role": "assistant", "content": None, "refusal": "I would rather not."}}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
def test_a_refusal_raises(schema: Any, method: Any, streamed: bool) -> None:
    deltas = [{"refusal": "I would "}, {"refusal": "rather not."}]
    model, _ = chat(stream(*deltas) if streamed else answers(REFUSAL | {"finish_reason": "stop"}))
    # Since langchain-core 1.7.5, LangChain's own ModelRefusalError.
    expected = getattr(lc, "ModelRefusalError", OutputParserException)
    structured = model.with_structured_output(schema, method=method)
    with pytest.raises(expected):
        _ = list(structured.stream("go")) if streamed else structured.invoke("go")


def test_complete_json_with_truncated_whitespace_is_accepted() -> None:
    model, _ = chat(answer(json.dumps(CAT) + "\n\n  ", finish="length"))
    assert model.with_structured_output(Joke, method="json_mode").invoke("go") == Joke(**CAT)


# Answers without a valid call of the tool for the schema: the delta, and a part of the error.
WITHOUT_A_VALID_CALL: dict[str, tuple[dict[str, Any], str]] = {
    "text": (
        {"content": "I would rather not."},
        "answered with text instead of calling the tool",
    ),
    "arguments": (
        {"tool_calls": [call(0, "[1]", "WcG8xhSs1", "Joke")]},
        "The tool call 'Joke' is invalid. The arguments are not a JSON object: expected",
    ),
    "cut arguments": (
        {"tool_calls": [call(0, '{"setup": "a', "WcG8xhSs1", "Joke")]},
        "The tool call 'Joke' is invalid. The arguments are not a JSON object: EOF",
    ),
    "another tool": ({"tool_calls": [call(0, "{}", "WcG8xhSs1", "Tale")]}, "'?Tale'?"),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
@pytest.mark.parametrize("name", WITHOUT_A_VALID_CALL)
def test_a_missing_or_invalid_tool_call_raises(name: str, schema: Any, streamed: bool) -> None:
    delta, text = WITHOUT_A_VALID_CALL[name]
    whole_answer = answer(delta.get("content", ""), *delta.get("tool_calls", ()))
    model, _ = chat(stream(delta) if streamed else whole_answer)
    structured = model.with_structured_output(schema, method="function_calling")
    with pytest.raises(OutputParserException, match=text) as raised:
        _ = list(structured.stream("go")) if streamed else structured.invoke("go")
    assert "the model wrote the first" not in str(raised.value.llm_output)


def test_thinking_before_the_json_is_ignored() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": '{"setup": "no"}'}]},
        {"type": "text", "text": json.dumps(CAT)},
    ]
    model, _ = chat(answer(content))
    assert model.with_structured_output(Joke, method="json_schema").invoke("go") == Joke(**CAT)


def test_tools_can_be_combined_with_a_schema() -> None:
    def search(query: str) -> str:
        """Search."""
        return query

    searching = answer("", call(0, '{"query": "cats"}', "WcG8xhSs1", "search"), finish="tool_calls")
    model, wire = chat(searching, answer(json.dumps(CAT)))
    structured = model.with_structured_output(
        Joke, method="json_schema", tools=[search], include_raw=True
    )
    first, second = structured.invoke("go"), structured.invoke("go")
    assert first["parsed"] is None
    assert first["raw"].tool_calls[0]["name"] == "search"
    assert second["parsed"] == Joke(**CAT)
    assert wire.bodies[0]["tools"][0]["function"]["name"] == "search"
    assert wire.bodies[0]["response_format"]["type"] == "json_schema"


def test_arguments_can_be_bound_with_the_schema() -> None:
    model, wire = chat(whole(Joke, "json_schema"))
    model.with_structured_output(Joke, temperature=0.2, seed=7).invoke("go")
    assert (wire.bodies[0]["temperature"], wire.bodies[0]["random_seed"]) == (0.2, 7)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"schema": Joke, "method": "magic"},
            "method='magic' is unknown; use one of function_calling",
        ),
        ({"schema": None, "method": "json_schema"}, "method='json_schema' needs a schema"),
        (
            {"schema": Joke, "method": "json_mode", "strict": True},
            "strict= needs a schema",
        ),
        (
            {"schema": Joke, "method": "function_calling", "tools": [Joke]},
            "works with method='json_schema' only",
        ),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        ChatPortkeyMistral(base_url="sandbox:").with_structured_output(**arguments)
