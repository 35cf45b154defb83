"""What a user sees who asks for something that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.exceptions import ModelError
from langchain_core.messages import HumanMessage

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from portkey_mistral import models
from portkey_mistral.exceptions import CapabilityError, ConfigurationError
from portkey_mistral.models import ModelRetiredWarning
from portkey_mistral.sandbox import Sandbox
from portkey_mistral.settings import ConnectionSettings
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
        r"a Portkey key goes into portkey_api_key=",
    ),
    "gateway and sandbox": (
        {"base_url": "sandbox:", "gateway_url": "http://localhost:8787"},
        r"a gateway cannot reach it",
    ),
    "address that is none": ({"base_url": "mistral.ai"}, r"must start with http:// or https://"),
}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("fault", CONSTRUCTION)
def test_construction_says_what_would_be_right(cls: type[ConnectionSettings], fault: str) -> None:
    fields, text = CONSTRUCTION[fault]
    with pytest.raises(ConfigurationError, match=text):
        cls(**fields)


@pytest.mark.parametrize("cls", CLASSES)
def test_no_key_is_needed_to_construct_nor_on_the_sandbox(
    cls: type[ConnectionSettings], mistral_sandbox: Sandbox
) -> None:
    assert cls().way == "direct"
    given = cls(base_url="sandbox:")
    _ = (
        given.embed_query("a") if isinstance(given, PortkeyMistralEmbeddings) else given.invoke("a")  # type: ignore[attr-defined]
    )
    assert mistral_sandbox.requests[0].status == 200


def test_a_retired_model_warns_once_and_names_its_replacement(
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


BEYOND: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "image without vision": (
        "codestral-latest",
        [HumanMessage([{"type": "image", "url": "https://example.org/a.png"}])],
        {},
    ),
    "audio without ears": (
        "mistral-small-latest",
        [HumanMessage([{"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}])],
        {},
    ),
    "image generation": ("mistral-small-latest", "draw", {"tools": [{"type": "image_generation"}]}),
}


@pytest.mark.parametrize("name", BEYOND)
def test_what_a_model_cannot_do_is_said_before_sending(name: str, mistral_sandbox: Sandbox) -> None:
    model, prompt, said = BEYOND[name]
    with pytest.raises(CapabilityError, match=f"{model} cannot") as caught:
        ChatPortkeyMistral(model=model, base_url="sandbox:").invoke(prompt, **said)
    assert isinstance(caught.value, ModelError)
    assert mistral_sandbox.requests == []
