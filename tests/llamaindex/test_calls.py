"""What a call says, as a request."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import SecretStr

from llamaindex_portkey_mistral.calls import chat_call, fim_call
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.generation import GenerationSettings
from portkey_mistral.messages import Message
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    FIMRequest,
    ResponseFormat,
    ToolChoice,
)

HELLO = [ChatMessage(role="user", content="Hello")]
SCHEMA = {"type": "object", "properties": {}}


def call(settings=None, extra=None, **kwargs):
    return chat_call(settings or GenerationSettings(), HELLO, kwargs, extra=extra or {})


def request(settings=None, extra=None, **kwargs):
    return call(settings, extra, **kwargs).request


def test_what_is_not_set_is_not_asked():
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
def test_a_call_overrides_the_model(kwargs, field, expected):
    settings = GenerationSettings(max_tokens=5, temperature=1)
    assert getattr(request(settings, {"old": 0}, **kwargs), field) == expected


def test_options_of_the_call_go_with_it():
    said = call(trace_id="t", timeout=3, portkey_metadata={"a": "b"}, headers={"x": "y"}).options
    assert said == CallOptions(
        trace_id="t", timeout=3, portkey_metadata={"a": "b"}, headers={"x": "y"}
    )


def test_extra_headers_are_headers_and_the_plain_name_wins():
    said = call(extra_headers={"a": "1", "b": "1"}, headers={"b": SecretStr("2")}).options
    assert said.headers == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"temprature": 1}, r"unknown argument 'temprature'; did you mean 'temperature'\?"),
        ({"trace": "t"}, r"did you mean 'trace_id'\?"),
        (
            {"frobnicate": 1},
            r"unknown argument 'frobnicate'\. What this package does not know.*additional_kwargs=\{",
        ),
        ({"response_format": {"type": "xml"}}, "response_format must be"),
    ],
)
def test_a_slip_is_told(kwargs, expected):
    with pytest.raises(InvalidRequestError, match=expected):
        call(**kwargs)


def tool(name):
    return FunctionTool.from_defaults(lambda: 1, name=name, description="One.")


def test_tools_are_spelled_and_chosen_by_either_name():
    said = call(tools=[tool("my docs")], tool_choice="my docs")
    assert said.request.tools[0].name == "my_docs"
    assert said.request.tool_choice == ToolChoice(function="my_docs")
    assert said.names == {"my_docs": "my docs"}


def test_a_choice_that_is_no_tool_is_told():
    with pytest.raises(InvalidRequestError, match=r"names 'sub', which is not among.*'add'"):
        call(tools=[tool("add")], tool_choice="sub")


def test_a_choice_without_tools_is_let_go():
    assert request(tool_choice="any").tool_choice is None


@pytest.mark.parametrize(("parallel", "single"), [(None, False), (True, False), (False, True)])
def test_a_call_knows_whether_one_tool_call_is_wanted(parallel, single):
    assert call(GenerationSettings(parallel_tool_calls=parallel)).single is single


def test_fim_takes_what_it_knows():
    settings = GenerationSettings(model="codestral-latest", temperature=0, n=2, safe_prompt=True)
    said = fim_call(settings, "def f(", "return 1", {"max_tokens": 9, "stop": "x"})
    assert said.request == FIMRequest(
        model="codestral-latest",
        prompt="def f(",
        suffix="return 1",
        temperature=0,
        max_tokens=9,
        stop="x",
    )
    assert not said.single


@pytest.mark.parametrize("kwargs", [{"n": 2}, {"tools": [1]}, {"safe_mode": True}])
def test_fim_refuses_what_it_does_not_know(kwargs):
    with pytest.raises(InvalidRequestError, match=f"does not know '{next(iter(kwargs))}'"):
        fim_call(GenerationSettings(), "a", "b", kwargs)
