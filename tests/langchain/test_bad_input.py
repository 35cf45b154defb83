"""Invalid arguments and missing capabilities are errors that say what to do."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import pytest
from langchain_core.exceptions import ModelError
from langchain_core.messages import HumanMessage

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from portkey_mistral import models
from portkey_mistral.exceptions import (
    CapabilityError,
    ConfigurationError,
    InvalidRequestError,
)
from portkey_mistral.models import ModelRetiredWarning
from portkey_mistral.sandbox import Sandbox
from portkey_mistral.settings.connection import ConnectionSettings
from scripted import answer, network

CLASSES: list[type[ConnectionSettings]] = [
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
]
CONSTRUCTION: dict[str, tuple[dict[str, Any], str]] = {
    "unknown argument": (
        {"time_out": 3},
        r"\w+: unknown argument 'time_out'; did you mean 'timeout'",
    ),
    "misspelt key in the config": (
        {"portkey_config": {"stratgy": {"mode": "fallback"}, "targets": []}},
        r"config\.stratgy.*did you mean 'strategy'",
    ),
    "wrong value in the config": (
        {"portkey_config": {"strategy": {"mode": "fallbak"}, "targets": [{"provider": "openai"}]}},
        r"config\.strategy\.mode.*[Dd]id you mean 'fallback'",
    ),
    "key in the wrong place": (
        {"portkey_api_key": "pk", "virtual_key": "vk", "api_key": "k"},
        r"a Portkey key is passed as portkey_api_key=",
    ),
    "gateway and sandbox": (
        {"base_url": "sandbox:", "gateway_url": "http://localhost:8787"},
        r"a gateway cannot reach it",
    ),
    "URL without a scheme": ({"base_url": "mistral.ai"}, r"must start with http:// or https://"),
}


@pytest.mark.parametrize("cls", CLASSES)
def test_construction_errors_name_the_fix(cls: type[ConnectionSettings]) -> None:
    for fields, text in CONSTRUCTION.values():
        with pytest.raises(ConfigurationError, match=text):
            cls(**fields)


@pytest.mark.parametrize("cls", CLASSES)
def test_no_key_is_needed_for_construction_or_the_sandbox(
    cls: type[ConnectionSettings], mistral_sandbox: Sandbox
) -> None:
    assert cls().mode == "direct"
    model: Any = cls(base_url="sandbox:")
    _ = model.embed_query("a") if cls is PortkeyMistralEmbeddings else model.invoke("a")
    assert mistral_sandbox.requests[0].status == 200


def test_a_retired_model_warns_once_with_its_replacement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "_warned", set())
    wire = network(answer("a"), answer("b"))
    chat = ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", model="mistral-large-2411", **wire.clients
    )
    with pytest.warns(ModelRetiredWarning, match="Use mistral-medium-3-5 instead"):
        chat.invoke("go")
    # A second warning would be an error here.
    assert chat.invoke("go").text == "b"


UNSUPPORTED: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "image without vision": (
        "codestral-latest",
        [HumanMessage([{"type": "image", "url": "https://example.org/a.png"}])],
        {},
    ),
    "audio input without audio": (
        "mistral-small-latest",
        [HumanMessage([{"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}])],
        {},
    ),
    "a tool of agents": ("mistral-small-latest", "search", {"tools": [{"type": "web_search"}]}),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_missing_capability_is_an_error_before_sending(
    name: str, mistral_sandbox: Sandbox
) -> None:
    model, prompt, arguments = UNSUPPORTED[name]
    with pytest.raises(CapabilityError, match=f"{model} cannot") as caught:
        ChatPortkeyMistral(model=model, base_url="sandbox:").invoke(prompt, **arguments)
    assert isinstance(caught.value, ModelError)
    assert mistral_sandbox.requests == []


NO_TOOLS = "tools must be a list of tools, got"


@pytest.mark.parametrize(
    ("tools", "text"),
    [
        (5, NO_TOOLS),
        ("weather", NO_TOOLS),
        ({"name": "weather"}, NO_TOOLS),
        (len, NO_TOOLS),
        ([len, None], r"tools\[1\] is None"),
    ],
    ids=str,
)
def test_tools_are_a_list(tools: Any, text: str) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    for call in (chat.bind_tools, lambda given: chat.invoke("Hello!", tools=given)):
        with pytest.raises(InvalidRequestError, match=text):
            call(tools)


class Callable:
    """Can be called."""

    def __call__(self, city: str) -> str:
        return city


class Forgotten:
    """A class that was to be a pydantic class."""

    city: str


class Constructed:
    """A class with an initializer."""

    def __init__(self, city: str) -> None:
        self.city = city


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (partial(len, "a"), "pass a function that calls it"),
        (Callable(), "pass a function that calls it"),
        (Forgotten, "derive it from pydantic's BaseModel"),
        (Constructed, "derive it from pydantic's BaseModel"),
        (datetime, "derive it from pydantic's BaseModel"),
    ],
    ids=["partial", "callable", "annotated class", "class with an initializer", "datetime"],
)
def test_what_has_no_known_parameters_is_refused(source: Any, text: str) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    for use in (lambda: chat.bind_tools([source]), lambda: chat.with_structured_output(source)):
        with pytest.raises(InvalidRequestError, match=text):
            use()


class Pair(NamedTuple):
    """Two cities."""

    first: str
    second: str


def test_a_named_tuple_has_fields() -> None:
    bound: Any = ChatPortkeyMistral(base_url="sandbox:").bind_tools([Pair])
    (tool,) = bound.kwargs["tools"]
    assert list(tool["function"]["parameters"]["properties"]) == ["first", "second"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"stop": 5}, "stop must be a list, got int"),
        ({"model_kwargs": {"a": object()}}, "cannot be written as JSON: a: "),
        ({"temperature": object()}, "cannot be written as JSON: temperature: "),
    ],
)
def test_values_of_a_call_that_cannot_be_sent_are_named(
    arguments: dict[str, Any], text: str
) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    for call in (chat.invoke, lambda question, **given: list(chat.stream(question, **given))):
        with pytest.raises(InvalidRequestError, match=text):
            call("Hello!", **arguments)
