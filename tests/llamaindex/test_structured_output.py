"""Pydantic classes as JSON Schemas and as functions, and the parsing of answers."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ToolCallBlock
from llama_index.core.prompts import PromptTemplate
from pydantic import AfterValidator, BaseModel, Field, Json, RootModel, model_validator

from llamaindex_portkey_mistral._structured_output import (
    PartialObject,
    RefusedOutputError,
    StructuredOutputError,
    TruncatedOutputError,
    as_function,
    as_json_schema,
    parse_output,
)
from portkey_mistral import CallOptions, ConnectedSettings

T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Wheel(BaseModel):
    size: int


class Car(BaseModel):
    """A car."""

    name: str
    colour: Colour | None = None
    wheels: list[Wheel] = []
    owner: int | str = 0


class Word(BaseModel):
    word: str


class Box(BaseModel, Generic[T]):
    content: T


class Numbers(RootModel[list[int]]):
    pass


def response(
    text: str | None = None, *, arguments: object = None, finish: str = "stop"
) -> ChatResponse:
    blocks = [] if text is None else [TextBlock(text=text)]
    if arguments is not None:
        blocks.append(ToolCallBlock(tool_name="Car", tool_kwargs=arguments))
    return ChatResponse(
        message=ChatMessage(role="assistant", blocks=blocks),
        additional_kwargs={"finish_reason": finish},
    )


def test_a_schema_is_sent_closed_and_otherwise_as_pydantic_writes_it(make_llm, mistral_sandbox):
    mistral_sandbox.reply("{}")
    with pytest.raises(StructuredOutputError):
        make_llm().structured_predict(Car, PromptTemplate("A car."))
    wanted = mistral_sandbox.requests[0].body["response_format"]["json_schema"]
    assert (wanted["name"], wanted["strict"]) == ("Car", True)
    assert wanted["schema"]["additionalProperties"] is False
    assert wanted["schema"]["$defs"]["Wheel"]["additionalProperties"] is False
    assert "additionalProperties" not in wanted["schema"]["$defs"]["Colour"]
    assert wanted["schema"]["properties"]["owner"] == Car.model_json_schema()["properties"]["owner"]


def test_a_function_is_forced_as_the_only_call():
    arguments = as_function(Car).arguments
    function = arguments["tools"][0]["function"]
    assert (function["name"], function["description"]) == ("Car", "A car.")
    assert function["parameters"] == Car.model_json_schema()
    assert arguments["tool_choice"]["function"]["name"] == "Car"
    assert arguments["parallel_tool_calls"] is False


@pytest.mark.parametrize("form", [as_json_schema, as_function])
def test_names_of_generic_classes_are_legal(form):
    assert "Box_int_" in repr(form(Box[int]).arguments)


def test_the_formats_arguments_override_llm_kwargs_without_changing_them():
    given = {"temperature": 0, "tool_choice": None, "tool_required": True}
    arguments = as_function(Car).call_arguments(given)
    assert arguments["tool_choice"] is not None
    assert arguments["temperature"] == 0
    assert "tool_required" not in arguments
    assert given == {"temperature": 0, "tool_choice": None, "tool_required": True}


CAR = Car(name="2CV", colour=Colour.RED, wheels=[Wheel(size=3)])


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (as_json_schema, response(CAR.model_dump_json())),
        (as_function, response(arguments=CAR.model_dump(mode="json"))),
        (as_function, response("Here:", arguments=CAR.model_dump_json())),
    ],
)
def test_a_complete_answer_is_parsed(form, answer):
    assert parse_output(answer, Car, form(Car)) == CAR


def test_a_root_model_is_parsed():
    assert parse_output(response("[1, 2]"), Numbers, as_json_schema(Numbers)).root == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"word": "a"}\n```',
        '```\n{"word": "a"}',
        '{"word": "a"} Done.',
        ' {"word": "a"}\n',
    ],
)
def test_an_answer_may_be_in_a_code_block_and_have_text_after_it(text):
    form = as_json_schema(Word)
    assert parse_output(response(text), Word, form) == Word(word="a")
    partial = PartialObject(Word, form)
    for end in range(len(text)):
        partial.update(response(text[:end]).message)
    assert partial.finish(response(text)) in (Word(word="a"), None)


def test_an_object_is_read_while_its_code_block_arrives():
    partial = PartialObject(Word, as_json_schema(Word))
    assert partial.update(response('```json\n{"word": "ab').message) == Word(word="ab")


def test_strings_of_an_answer_may_have_line_breaks():
    text = '{"word": "a\nb"}'
    assert parse_output(response(text), Word, as_json_schema(Word)) == Word(word="a\nb")


@pytest.mark.parametrize("text", ['{"word": "a",}', '```json\n{"word": }\n```'])
def test_broken_json_is_not_called_prose(text):
    with pytest.raises(
        StructuredOutputError, match="does not fit Word: Word: Invalid JSON"
    ) as error:
        parse_output(response(text), Word, as_json_schema(Word))
    assert type(error.value) is StructuredOutputError


@pytest.mark.parametrize("finish", ["length", "model_length", "max_tokens"])
@pytest.mark.parametrize(
    ("form", "answer"),
    [(as_json_schema, {"text": '{"name": "2'}), (as_function, {"arguments": '{"name": "2'})],
)
def test_a_truncated_answer_has_its_own_error(form, answer, finish):
    with pytest.raises(TruncatedOutputError, match=r"cut off before Car was complete\. Raise max"):
        parse_output(response(**answer, finish=finish), Car, form(Car))


@pytest.mark.parametrize("form", [as_json_schema, as_function])
def test_prose_has_its_own_error(form):
    with pytest.raises(RefusedOutputError, match=r"in prose instead of JSON for Car: 'I cannot\.'"):
        parse_output(response("I cannot."), Car, form(Car))


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (as_json_schema, {"text": '{"name": "x", "colour": "green"}'}),
        (as_function, {"arguments": {"name": "x", "colour": "green"}}),
    ],
)
def test_an_answer_that_does_not_fit_names_the_field(form, answer):
    with pytest.raises(
        StructuredOutputError, match=r"does not fit Car: colour: Input should be"
    ) as error:
        parse_output(response(**answer), Car, form(Car))
    assert isinstance(error.value, ValueError)
    assert "green" in error.value.body


class Settings(BaseModel):
    options: Json[dict[str, int]]


@pytest.mark.parametrize("form", [as_json_schema, as_function])
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("speed: 3", "options: Invalid JSON"),
        ('{"speed": "high"}', r"options\.speed: Input should be"),
    ],
)
def test_a_json_field_that_does_not_fit_is_named(form, options, problem):
    text = json.dumps({"options": options})
    answer = response(text) if form is as_json_schema else response(arguments=text)
    with pytest.raises(StructuredOutputError, match=f"does not fit Settings: {problem}") as error:
        parse_output(answer, Settings, form(Settings))
    assert type(error.value) is StructuredOutputError


def receive(form, *texts: str):
    partial = PartialObject(Car, form(Car))
    field = "text" if form is as_json_schema else "arguments"
    return [partial.update(response(**{field: text}).message) for text in texts], partial


@pytest.mark.parametrize("form", [as_json_schema, as_function])
def test_partial_objects(form):
    texts = [
        "{",
        '{"colour": "re',
        '{"colour": "red", "name": ',
        '{"colour": "red", "name": "2CV"}',
    ]
    seen, partial = receive(form, *texts)

    assert type(seen[1]).__name__ == "FlexibleCar"
    assert seen[1].colour == "re"
    assert seen[2].colour == "red"
    assert seen[3] == Car(name="2CV", colour=Colour.RED)
    field = "text" if form is as_json_schema else "arguments"
    assert partial.finish(response(**{field: texts[-1]})) is None


class Trip(BaseModel):
    start: str = Field(alias="from")
    end: str = Field(validation_alias="to")


def test_partial_objects_with_aliases():
    partial = PartialObject(Trip, as_json_schema(Trip))
    first = partial.update(response('{"from": "Par').message)
    second = partial.update(response('{"from": "Paris", "to": "L').message)
    assert (first.start, first.end) == ("Par", None)
    assert (second.start, second.end) == ("Paris", "L")
    text = '{"from": "Paris", "to": "Lyon"}'
    assert partial.finish(response(text)) == Trip.model_validate_json(text)


class Sum(BaseModel):
    a: int
    b: int
    total: int = 0

    @model_validator(mode="before")
    @classmethod
    def add_up(cls, data: dict[str, int]) -> dict[str, int]:
        return {**data, "total": data["a"] + data["b"]}


def test_a_validator_may_rely_on_the_whole_object():
    partial = PartialObject(Sum, as_json_schema(Sum))
    first = partial.update(response('{"a": 1').message)
    assert (type(first).__name__, first.a, first.b) == ("FlexibleSum", 1, None)
    assert partial.update(response('{"a": 1, "b": 2}').message) == Sum(a=1, b=2, total=3)


def test_an_unchanged_object_is_not_repeated():
    seen, _ = receive(as_json_schema, '{"name": "2CV"', '{"name": "2CV" ', '{"name": "2CV"}')
    assert [item is None for item in seen] == [False, True, True]


@pytest.mark.parametrize("form", [as_json_schema, as_function])
def test_the_work_of_a_stream_grows_with_its_length(form):
    validated = 0

    def count(word: str) -> str:
        nonlocal validated
        validated += 1
        return word

    class Words(BaseModel):
        words: list[Annotated[str, AfterValidator(count)]]

    def stream(length: int) -> int:
        nonlocal validated
        validated = 0
        text = json.dumps({"words": [f"word {n}" for n in range(length)]})
        field = "text" if form is as_json_schema else "arguments"
        partial = PartialObject(Words, form(Words))
        updates = [
            partial.update(response(**{field: text[:end]}).message)
            for end in range(0, len(text), 7)
        ]
        assert sum(update is not None for update in updates) > 100
        partial.finish(response(**{field: text}))
        return validated

    assert stream(4000) < 6 * stream(1000)


@pytest.mark.parametrize("text", ['{"word": "a"', '{"word": "a', "{"])
def test_an_answer_that_a_stop_sequence_ended_is_truncated(text):
    with pytest.raises(TruncatedOutputError, match="ended before Word .* finish reason 'stop'"):
        parse_output(response(text), Word, as_json_schema(Word))


def test_finish_raises_what_parsing_raises():
    _, partial = receive(as_json_schema, '{"na')
    with pytest.raises(TruncatedOutputError):
        partial.finish(response('{"na', finish="length"))


GATEWAY = {"gateway_url": "http://localhost:8787/v1"}
TARGETS = {"strategy": {"mode": "single"}, "targets": [{"provider": "mistral-ai", "api_key": "k"}]}
GUARDED = TARGETS | {"input_guardrails": [{"default.contains": {"words": ["x"]}}]}


@pytest.mark.parametrize(
    ("fields", "llm_kwargs", "expected"),
    [
        pytest.param({"api_key": "k"}, {}, True, id="direct"),
        pytest.param({**GATEWAY, "api_key": "k"}, {}, True, id="own gateway"),
        pytest.param({**GATEWAY, "portkey_config": TARGETS}, {}, True, id="a config"),
        pytest.param({**GATEWAY, "portkey_config": "pc-a"}, {}, False, id="a slug"),
        pytest.param(GATEWAY, {"portkey_config": "pc-a"}, False, id="a slug for the call"),
        pytest.param({**GATEWAY, "provider": "@team"}, {}, False, id="a provider slug"),
        pytest.param({**GATEWAY, "virtual_key": "v"}, {}, False, id="a virtual key"),
        pytest.param({"portkey_api_key": "p"}, {}, False, id="a Portkey key alone"),
        pytest.param({"portkey_api_key": "p", "api_key": "k"}, {}, True, id="both keys"),
        pytest.param({**GATEWAY, "gateway_lane": "unified"}, {}, False, id="unified by choice"),
        pytest.param({**GATEWAY, "portkey_config": GUARDED}, {}, False, id="guardrails"),
        pytest.param(
            {**GATEWAY, "portkey_config": "pc-a", "gateway_lane": "proxy"},
            {},
            True,
            id="proxy by choice",
        ),
    ],
)
def test_whether_response_format_reaches_the_model(fields, llm_kwargs, expected):
    client = ConnectedSettings(**fields).client
    assert client.keeps_response_format("m", CallOptions(**llm_kwargs)) is expected


def test_response_format_may_not_reach_the_model_of_a_provider_slug():
    client = ConnectedSettings(**GATEWAY, api_key="k").client
    assert not client.keeps_response_format("@team/m")
