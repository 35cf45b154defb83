"""`with_structured_output` in every method, schema and form of answer."""

from __future__ import annotations

import json
from typing import Any, Generic, TypedDict, TypeVar

import pytest
from langchain_core import exceptions as lc
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel
from pydantic.v1 import BaseModel as OldBaseModel

from langchain_portkey_mistral import ChatPortkeyMistral, TruncatedAnswerError
from portkey_mistral.exceptions import InvalidRequestError, StreamInterruptedError
from portkey_mistral.sandbox import Fault, Sandbox
from scripted import answer, answers, call, network, stream

T = TypeVar("T")


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str | None = None


class OldJoke(OldBaseModel):
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
    "pydantic v1": (OldJoke, OldJoke(**CAT)),
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


def pieces(schema: Any, method: str) -> Any:
    text = json.dumps(CAT)
    halves = [text[:20], text[20:]]
    if method != "function_calling":
        return stream(*[{"content": half} for half in halves])
    name = name_of(schema)
    first = call(0, halves[0], "WcG8xhSs1", name)
    return stream(
        {"tool_calls": [first]}, {"tool_calls": [call(0, halves[1])]}, finish="tool_calls"
    )


def chat(*replies: Any, **fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return ChatPortkeyMistral(**(connection | fields)), wire


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SCHEMAS)
async def test_every_schema_in_every_method(name: str, method: Any) -> None:
    schema, expected = SCHEMAS[name]
    model, _ = chat(*[whole(schema, method)] * 3)
    structured = model.with_structured_output(schema, method=method)
    assert structured.invoke("go") == expected
    assert await structured.ainvoke("go") == expected
    raw = model.with_structured_output(schema, method=method, include_raw=True).invoke("go")
    assert (raw["parsed"], raw["parsing_error"]) == (expected, None)
    assert raw["raw"].response_metadata["finish_reason"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SCHEMAS)
async def test_every_schema_streamed(name: str, method: Any) -> None:
    schema, expected = SCHEMAS[name]
    model, _ = chat(pieces(schema, method), pieces(schema, method))
    structured = model.with_structured_output(schema, method=method)
    values = list(structured.stream("go"))
    assert values[-1] == expected
    assert all(isinstance(value, type(expected)) for value in values)
    assert [value async for value in structured.astream("go")][-1] == expected


@pytest.mark.parametrize(
    ("strict", "sent"), [(None, True), (True, True), (False, False)], ids=["unsaid", "on", "off"]
)
def test_json_schema_is_strict_unless_told_otherwise(strict: bool | None, sent: bool) -> None:
    model, wire = chat(whole(Joke, "json_schema"))
    model.with_structured_output(Joke, method="json_schema", strict=strict).invoke("go")
    form = wire.bodies[0]["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["name"] == "Joke"
    assert form["json_schema"].get("strict", False) is sent
    assert form["json_schema"]["schema"].get("additionalProperties", True) is not sent


@pytest.mark.parametrize("strict", [None, True, False])
def test_function_calling_forces_the_function(strict: bool | None) -> None:
    model, wire = chat(whole(Joke, "function_calling"))
    model.with_structured_output(Joke, method="function_calling", strict=strict).invoke("go")
    body = wire.bodies[0]
    assert body["tool_choice"]["function"]["name"] == "Joke"
    assert body["tools"][0]["function"].get("strict", False) is bool(strict)
    assert "response_format" not in body


def test_json_mode_asks_for_an_object() -> None:
    model, wire = chat(answer('{"a": 1}'))
    assert model.with_structured_output(method="json_mode").invoke("go") == {"a": 1}
    assert wire.bodies[0]["response_format"] == {"type": "json_object"}


def test_a_definition_inside_the_schema_reaches_the_model() -> None:
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
def test_a_class_that_refers_to_itself_is_described_whole(
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
def test_a_schema_without_properties_keeps_what_it_says(method: Any, strict: bool | None) -> None:
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
def test_a_schema_may_have_a_name_that_no_function_may_have(
    mistral_sandbox: Sandbox, schema: Any, method: Any
) -> None:
    structured = ChatPortkeyMistral(base_url="sandbox:").with_structured_output(
        schema, method=method
    )
    expected = Box[int](content=5) if schema is Box[int] else {"content": 5}
    assert structured.invoke("The box holds 5.") == expected
    assert list(structured.stream("The box holds 5."))[-1] == expected
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}


def test_an_empty_schema_is_an_object_of_any_kind() -> None:
    model, wire = chat(answer('{"a": 1}'))
    assert model.with_structured_output({}).invoke("go") == {"a": 1}
    schema = wire.bodies[0]["response_format"]["json_schema"]
    assert (schema["name"], schema["schema"]["type"]) == ("response", "object")


@pytest.mark.parametrize(
    ("fields", "schema", "method"),
    [
        ({}, Joke, "json_schema"),
        ({}, OldJoke, "function_calling"),
        ({"model": "magistral-medium-2507"}, Joke, "function_calling"),
        ({"model": "a-model-of-tomorrow"}, Joke, "json_schema"),
    ],
)
def test_the_method_is_chosen_by_model_and_schema(
    fields: dict[str, Any], schema: Any, method: str
) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:", **fields)
    bound = model.with_structured_output(schema).first.kwargs
    assert bound["ls_structured_output_format"]["kwargs"]["method"] == method


@pytest.mark.parametrize(
    ("said", "method"),
    [
        ({"model": "magistral-medium-2507"}, "function_calling"),
        ({"portkey_config": "pc-one"}, "function_calling"),
        ({"portkey_config": {"provider": "mistral-ai"}}, "json_schema"),
    ],
)
def test_what_is_bound_with_the_schema_counts_too(said: dict[str, Any], method: str) -> None:
    model = ChatPortkeyMistral(**GATEWAY)
    bound = model.with_structured_output(Joke, **said).first.kwargs
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
    "unified lane": (GATEWAY | {"gateway_lane": "unified"}, False),
    "proxy lane": ({"portkey_api_key": "pk", "api_key": "k", "gateway_lane": "proxy"}, True),
}


@pytest.mark.parametrize("route", ROUTES)
def test_where_a_gateway_may_drop_the_format_function_calling_is_chosen(route: str) -> None:
    fields, kept = ROUTES[route]
    model = ChatPortkeyMistral(**fields)
    assert model.client.keeps_response_format(model.model) is kept
    bound = model.with_structured_output(Joke).first.kwargs
    method = bound["ls_structured_output_format"]["kwargs"]["method"]
    assert method == ("json_schema" if kept else "function_calling")
    assert model.profile is not None
    assert model.profile["structured_output"] is kept


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_that_does_not_fit_is_an_error_or_shown(method: Any) -> None:
    replies = [whole(Joke, method, {"punchline": 3}) for _ in range(2)]
    model, _ = chat(*replies)
    with pytest.raises((OutputParserException, ValueError), match="setup"):
        model.with_structured_output(Joke, method=method).invoke("go")
    raw = model.with_structured_output(Joke, method=method, include_raw=True).invoke("go")
    assert raw["parsed"] is None
    assert "setup" in str(raw["parsing_error"])
    assert raw["raw"].content or raw["raw"].tool_calls


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
@pytest.mark.parametrize("method", METHODS)
def test_an_answer_that_was_cut_off_is_never_taken_for_whole(
    method: Any, schema: Any, streamed: bool
) -> None:
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


def test_a_cut_answer_is_shown_beside_its_error() -> None:
    model, _ = chat(answer('{"setup": "Why', finish="length"))
    shown = model.with_structured_output(Joke, include_raw=True).invoke("go")
    assert isinstance(shown["parsing_error"], TruncatedAnswerError)
    assert shown["raw"].text == '{"setup": "Why'


def in_calls(*halves: str) -> list[dict[str, Any]]:
    first, *rest = halves
    pieces = [call(0, first, "WcG8xhSs1", "Joke"), *(call(0, piece) for piece in rest)]
    return [{"tool_calls": [piece]} for piece in pieces]


# How a streamed answer can fail to be the schema's: what comes, how it ends, the method.
UNFIT: dict[str, tuple[list[dict[str, Any]], str, Any]] = {
    "text": ([{"content": "I would "}, {"content": "rather not."}], "stop", "json_schema"),
    "nothing": ([], "stop", "json_schema"),
    "a member is missing": (
        [{"content": '{"punch'}, {"content": 'line": "a"}'}],
        "stop",
        "json_schema",
    ),
    "cut off": ([{"content": '{"setup": "Why'}], "length", "json_schema"),
    "text for a call": ([{"content": "I would rather not."}], "stop", "function_calling"),
    "no call": ([], "stop", "function_calling"),
    "a call that lacks a member": (
        in_calls('{"punch', 'line": "a"}'),
        "tool_calls",
        "function_calling",
    ),
    "a call that is not JSON": (
        in_calls('{"setup": "a"', ', "b"'),
        "tool_calls",
        "function_calling",
    ),
    "a call that was cut off": (in_calls('{"setup": "Why'), "length", "function_calling"),
}


async def gather(structured: Any, *, asynchronous: bool) -> list[Any]:
    if asynchronous:
        return [value async for value in structured.astream("go")]
    return list(structured.stream("go"))


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("name", UNFIT)
async def test_a_streamed_answer_that_does_not_fit_is_an_error(
    name: str, asynchronous: bool
) -> None:
    deltas, finish, method = UNFIT[name]
    model, _ = chat(stream(*deltas, finish=finish))
    structured = model.with_structured_output(Joke, method=method)
    with pytest.raises((OutputParserException, ValueError)):
        await gather(structured, asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("name", UNFIT)
async def test_a_streamed_answer_that_does_not_fit_is_shown_beside_its_error(
    name: str, asynchronous: bool
) -> None:
    deltas, finish, method = UNFIT[name]
    model, _ = chat(stream(*deltas, finish=finish))
    structured = model.with_structured_output(Joke, method=method, include_raw=True)
    *raw, last = await gather(structured, asynchronous=asynchronous)
    assert last["parsed"] is None
    assert isinstance(last["parsing_error"], Exception)
    first, *rest = (piece["raw"] for piece in raw)
    assert (first + rest).response_metadata["finish_reason"] == finish


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("method", METHODS)
async def test_with_raw_the_message_comes_piece_by_piece_and_then_the_value(
    method: Any, asynchronous: bool
) -> None:
    model, _ = chat(pieces(Joke, method))
    structured = model.with_structured_output(Joke, method=method, include_raw=True)
    *raw, last = await gather(structured, asynchronous=asynchronous)
    assert last == {"parsed": Joke(**CAT), "parsing_error": None}
    assert len(raw) > 2


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_stream_that_breaks_is_no_parsing_error(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    mistral_sandbox.inject(Fault(cut_after=2))
    model = ChatPortkeyMistral(base_url="sandbox:")
    structured = model.with_structured_output(Joke, include_raw=True)
    with pytest.raises(StreamInterruptedError):
        await gather(structured, asynchronous=asynchronous)


@pytest.mark.parametrize("fields", [{"streaming": False}, {"disable_streaming": True}])
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_model_that_does_not_stream_gives_its_one_value(
    method: Any, schema: Any, fields: dict[str, Any], asynchronous: bool
) -> None:
    model, _ = chat(whole(schema, method), **fields)
    structured = model.with_structured_output(schema, method=method)
    expected = Joke(**CAT) if schema is Joke else CAT
    assert await gather(structured, asynchronous=asynchronous) == [expected]


REFUSED = {"message": {"role": "assistant", "content": None, "refusal": "I would rather not."}}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
def test_a_refusal_of_an_openai_target_is_an_error(
    schema: Any, method: Any, streamed: bool
) -> None:
    pieces = [{"refusal": "I would "}, {"refusal": "rather not."}]
    model, _ = chat(stream(*pieces) if streamed else answers(REFUSED | {"finish_reason": "stop"}))
    # From langchain-core 1.7.5 it is LangChain's own ModelRefusalError.
    expected = getattr(lc, "ModelRefusalError", OutputParserException)
    structured = model.with_structured_output(schema, method=method)
    with pytest.raises(expected):
        _ = list(structured.stream("go")) if streamed else structured.invoke("go")


def test_whole_json_that_was_cut_in_the_space_after_it_is_whole() -> None:
    model, _ = chat(answer(json.dumps(CAT) + "\n\n  ", finish="length"))
    assert model.with_structured_output(Joke, method="json_mode").invoke("go") == Joke(**CAT)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (answer("I would rather not."), "answered in text instead of the schema"),
        (answer("", call(0, "[1]", "WcG8xhSs1", "Joke")), "The call to 'Joke' cannot be read"),
    ],
    ids=["text", "arguments"],
)
@pytest.mark.parametrize("schema", [Joke, JSON_SCHEMA], ids=["class", "mapping"])
def test_a_missing_call_is_an_error_and_not_none(schema: Any, reply: Any, text: str) -> None:
    model, _ = chat(reply)
    with pytest.raises(OutputParserException, match=text):
        model.with_structured_output(schema, method="function_calling").invoke("go")


def test_thinking_before_the_json_does_not_disturb_it() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": '{"setup": "no"}'}]},
        {"type": "text", "text": json.dumps(CAT)},
    ]
    model, _ = chat(answer(content))
    assert model.with_structured_output(Joke, method="json_schema").invoke("go") == Joke(**CAT)


def test_tools_beside_a_schema() -> None:
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


def test_arguments_of_the_call_can_be_bound_with_it() -> None:
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
            "strict needs a schema to hold to",
        ),
        (
            {"schema": Joke, "method": "function_calling", "tools": [Joke]},
            "goes with method='json_schema'|goes with",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        ChatPortkeyMistral(base_url="sandbox:").with_structured_output(**arguments)
