"""The arguments of a LlamaIndex call become a request to the core."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import SecretStr

from llamaindex_portkey_mistral._arguments import chat_request, fim_request
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import Message
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    FIMRequest,
    ResponseFormat,
    ToolChoice,
)
from portkey_mistral.settings.generation import GenerationSettings

HELLO = [ChatMessage(role="user", content="Hello")]
SCHEMA = {"type": "object", "properties": {}}


def prepare(settings=None, extra=None, **kwargs):
    return chat_request(settings or GenerationSettings(), HELLO, kwargs, extra=extra or {})


def request(settings=None, extra=None, **kwargs):
    return prepare(settings, extra, **kwargs).request


def test_fields_that_are_not_set_are_not_sent():
    assert request() == ChatRequest(
        model="mistral-small-latest", messages=(Message.user("Hello"),), tools=[]
    )


@pytest.mark.parametrize(
    ("kwargs", "field", "expected"),
    [
        ({"model": "m"}, "model", "m"),
        ({"model": None}, "model", "mistral-small-latest"),
        ({"temperature": 0.2}, "temperature", 0.2),
        ({"seed": 7}, "random_seed", 7),
        ({"random_seed": 7}, "random_seed", 7),
        ({"max_tokens": None}, "max_tokens", None),
        ({"stop": ["x"]}, "stop", ["x"]),
        ({"request_metadata": {"a": 1}}, "metadata", {"a": 1}),
        (
            {"response_format": {"type": "json_object"}},
            "response_format",
            ResponseFormat("json_object"),
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "N", "schema": SCHEMA, "strict": True},
                }
            },
            "response_format",
            ResponseFormat("json_schema", name="N", schema=SCHEMA, strict=True),
        ),
        ({"additional_kwargs": {"new": 1}}, "extra", {"old": 0, "new": 1}),
        ({"formatted": True, "verbose": True}, "extra", {"old": 0}),
        ({"whatever": None}, "extra", {"old": 0}),
    ],
)
def test_a_calls_argument_overrides_the_objects_field(kwargs, field, expected):
    settings = GenerationSettings(max_tokens=5, temperature=1)
    assert getattr(request(settings, {"old": 0}, **kwargs), field) == expected


@pytest.mark.parametrize(
    ("extra", "kwargs", "expected"),
    [
        ({"max_tokens": 5, "new": 1}, {"max_tokens": 9}, {"new": 1}),
        ({"max_tokens": 5}, {"max_completion_tokens": 9}, {}),
        ({"seed": 5}, {"random_seed": 9}, {}),
        ({"metadata": {"a": 1}}, {"request_metadata": {"b": 1}}, {}),
        ({"tool_choice": "any"}, {"tools": [], "tool_choice": "auto"}, {}),
        ({"max_tokens": 5}, {"max_tokens": None, "top_p": 0.5}, {"max_tokens": 5}),
        (
            {"max_tokens": 5},
            {"max_tokens": 9, "additional_kwargs": {"max_tokens": 7}},
            {"max_tokens": 7},
        ),
    ],
)
def test_a_calls_argument_overrides_the_objects_body_fields(extra, kwargs, expected):
    assert request(extra=extra, **kwargs).extra == expected


def test_per_call_options_are_separated():
    options = prepare(
        trace_id="t", timeout=3, portkey_metadata={"a": "b"}, headers={"x": "y"}
    ).options
    assert options == CallOptions(
        trace_id="t", timeout=3, portkey_metadata={"a": "b"}, headers={"x": "y"}
    )


def test_extra_headers_are_headers_and_the_plain_name_wins():
    options = prepare(extra_headers={"a": "1", "b": "1"}, headers={"b": SecretStr("2")}).options
    assert options.headers == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"temprature": 1}, r"unknown argument 'temprature'; did you mean 'temperature'\?"),
        ({"trace": "t"}, r"did you mean 'trace_id'\?"),
        (
            {"frobnicate": 1},
            r"unknown argument 'frobnicate'\. Parameters that this package has no name for.*additional_kwargs=\{",
        ),
        ({"system_prompt": "Be brief."}, "'system_prompt': it is a setting of the object"),
        ({"context_window": 9}, "'context_window': it is a setting of the object"),
        ({"response_format": {"type": "xml"}}, "response_format must be"),
    ],
)
def test_an_unknown_argument_gets_a_suggestion(kwargs, expected):
    with pytest.raises(InvalidRequestError, match=expected):
        prepare(**kwargs)


def tool(name):
    return FunctionTool.from_defaults(lambda: 1, name=name, description="One.")


def test_tool_names_are_made_legal_and_mapped_back():
    prepared = prepare(tools=[tool("my docs")], tool_choice="my docs")
    assert prepared.request.tools[0].name == "my_docs"
    assert prepared.request.tool_choice == ToolChoice(function="my_docs")
    assert prepared.tool_names == {"my_docs": "my docs"}


def test_a_tool_choice_must_be_one_of_the_tools():
    with pytest.raises(InvalidRequestError, match=r"names 'sub', which is not one of.*'add'"):
        prepare(tools=[tool("add")], tool_choice="sub")


def test_a_tool_choice_without_tools_is_dropped():
    assert request(tool_choice="any").tool_choice is None


@pytest.mark.parametrize(("parallel", "single"), [(None, False), (True, False), (False, True)])
def test_parallel_tool_calls_false_means_a_single_call(parallel, single):
    assert prepare(GenerationSettings(parallel_tool_calls=parallel)).single_call is single


def test_fim_leaves_out_fields_it_does_not_take():
    settings = GenerationSettings(model="codestral-latest", temperature=0, n=2, safe_prompt=True)
    prepared = fim_request(settings, "def f(", "return 1", {"max_tokens": 9, "stop": "x"})
    assert prepared.request == FIMRequest(
        model="codestral-latest",
        prompt="def f(",
        suffix="return 1",
        temperature=0,
        max_tokens=9,
        stop="x",
    )
    assert not prepared.single_call


@pytest.mark.parametrize("kwargs", [{"n": 2}, {"tools": [1]}, {"safe_mode": True}])
def test_fim_refuses_arguments_it_does_not_take(kwargs):
    with pytest.raises(InvalidRequestError, match=f"does not take '{next(iter(kwargs))}'"):
        fim_request(GenerationSettings(), "a", "b", kwargs)
