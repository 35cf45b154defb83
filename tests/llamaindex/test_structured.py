"""Classes as schemas and as functions, and what comes back."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ToolCallBlock
from pydantic import BaseModel, Field, RootModel

from llamaindex_portkey_mistral.structured import (
    Growing,
    RefusedOutputError,
    StructuredOutputError,
    TruncatedOutputError,
    as_function,
    as_schema,
    whole,
)
from portkey_mistral import CallOptions, ConnectionSettings

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


class Box(BaseModel, Generic[T]):
    content: T


class Numbers(RootModel[list[int]]):
    pass


def said(
    text: str | None = None, *, arguments: object = None, finish: str = "stop"
) -> ChatResponse:
    blocks = [] if text is None else [TextBlock(text=text)]
    if arguments is not None:
        blocks.append(ToolCallBlock(tool_name="Car", tool_kwargs=arguments))
    return ChatResponse(
        message=ChatMessage(role="assistant", blocks=blocks),
        additional_kwargs={"finish_reason": finish},
    )


def test_a_schema_closes_every_object_and_changes_no_other():
    wanted = as_schema(Car).arguments["response_format"]["json_schema"]
    assert (wanted["name"], wanted["strict"]) == ("Car", True)
    assert wanted["schema"]["additionalProperties"] is False
    assert wanted["schema"]["$defs"]["Wheel"]["additionalProperties"] is False
    assert "additionalProperties" not in wanted["schema"]["$defs"]["Colour"]
    assert wanted["schema"]["properties"]["owner"] == Car.model_json_schema()["properties"]["owner"]


def test_a_function_has_to_be_called_alone():
    arguments = as_function(Car).arguments
    function = arguments["tools"][0]["function"]
    assert (function["name"], function["description"]) == ("Car", "A car.")
    assert function["parameters"] == Car.model_json_schema()
    assert arguments["tool_choice"]["function"]["name"] == "Car"
    assert arguments["parallel_tool_calls"] is False


@pytest.mark.parametrize("form", [as_schema, as_function])
def test_generic_names_are_spelled_as_mistral_takes_them(form):
    assert "Box_int_" in repr(form(Box[int]).arguments)


def test_a_forms_arguments_beat_the_callers_and_leave_them_alone():
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
        (as_schema, said(CAR.model_dump_json())),
        (as_function, said(arguments=CAR.model_dump(mode="json"))),
        (as_function, said("Here:", arguments=CAR.model_dump_json())),
    ],
)
def test_a_whole_answer_is_read(form, answer):
    assert whole(answer, Car, form(Car)) == CAR


def test_a_root_model_is_read():
    assert whole(said("[1, 2]"), Numbers, as_schema(Numbers)).root == [1, 2]


@pytest.mark.parametrize("finish", ["length", "model_length"])
@pytest.mark.parametrize(
    ("form", "answer"),
    [(as_schema, {"text": '{"name": "2'}), (as_function, {"arguments": '{"name": "2'})],
)
def test_a_truncated_answer_says_so(form, answer, finish):
    with pytest.raises(
        TruncatedOutputError, match=r"broke off before Car was complete\. Raise max"
    ):
        whole(said(**answer, finish=finish), Car, form(Car))


@pytest.mark.parametrize("form", [as_schema, as_function])
def test_words_instead_of_an_object_are_shown(form):
    with pytest.raises(RefusedOutputError, match=r"in words instead of giving Car: 'I cannot\.'"):
        whole(said("I cannot."), Car, form(Car))


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (as_schema, {"text": '{"name": "x", "colour": "green"}'}),
        (as_function, {"arguments": {"name": "x", "colour": "green"}}),
    ],
)
def test_an_answer_that_does_not_fit_names_the_place(form, answer):
    with pytest.raises(
        StructuredOutputError, match=r"does not fit Car: colour: Input should be"
    ) as error:
        whole(said(**answer), Car, form(Car))
    assert isinstance(error.value, ValueError)
    assert "green" in error.value.body


def grow(form, *texts: str):
    growing = Growing(Car, form(Car))
    field = "text" if form is as_schema else "arguments"
    return [growing.read(said(**{field: text}).message) for text in texts], growing


@pytest.mark.parametrize("form", [as_schema, as_function])
def test_an_object_grows(form):
    texts = [
        "{",
        '{"colour": "re',
        '{"colour": "red", "name": ',
        '{"colour": "red", "name": "2CV"}',
    ]
    seen, growing = grow(form, *texts)

    assert type(seen[1]).__name__ == "FlexibleCar"
    assert seen[1].colour == "re"
    assert seen[2].colour == "red"
    assert seen[3] == Car(name="2CV", colour=Colour.RED)
    field = "text" if form is as_schema else "arguments"
    assert growing.end(said(**{field: texts[-1]})) is None


class Trip(BaseModel):
    start: str = Field(alias="from")
    end: str = Field(validation_alias="to")


def test_a_field_with_another_name_grows_too():
    growing = Growing(Trip, as_schema(Trip))
    first = growing.read(said('{"from": "Par').message)
    second = growing.read(said('{"from": "Paris", "to": "L').message)
    assert (first.start, first.end) == ("Par", None)
    assert (second.start, second.end) == ("Paris", "L")
    text = '{"from": "Paris", "to": "Lyon"}'
    assert growing.end(said(text)) == Trip.model_validate_json(text)


def test_nothing_new_is_not_shown_again():
    seen, _ = grow(as_schema, '{"name": "2CV"', '{"name": "2CV" ', '{"name": "2CV"}')
    assert [item is None for item in seen] == [False, True, True]


def test_the_end_is_checked_like_a_whole_answer():
    _, growing = grow(as_schema, '{"na')
    with pytest.raises(TruncatedOutputError):
        growing.end(said('{"na', finish="length"))


GATEWAY = {"gateway_url": "http://localhost:8787/v1"}
TARGETS = {"strategy": {"mode": "single"}, "targets": [{"provider": "mistral-ai", "api_key": "k"}]}


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
        pytest.param(
            {**GATEWAY, "portkey_config": "pc-a", "gateway_lane": "proxy"},
            {},
            True,
            id="proxy by choice",
        ),
    ],
)
def test_a_schema_goes_only_where_it_is_kept(fields, llm_kwargs, expected):
    client = ConnectionSettings(**fields).client
    assert client.keeps_response_format("m", CallOptions(**llm_kwargs)) is expected


def test_a_model_of_a_provider_slug_is_not_seen_either():
    client = ConnectionSettings(**GATEWAY, api_key="k").client
    assert not client.keeps_response_format("@team/m")
