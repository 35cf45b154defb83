"""An unknown config key is a warning with a gateway and an error in direct mode, in every class."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import Client, ConfigurationError, UnknownConfigKeyWarning

CLASSES = [
    Client,
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
    PortkeyMistral,
    PortkeyMistralEmbedding,
]
KEY = "sk-0123456789abcdef"
CONFIG = {"provider": "mistral-ai", "api_key": KEY, "forward_header": ["x-a"], "deafult_params": {}}
GATEWAYS = [
    {"gateway_url": "http://localhost:8787/v1"},
    {"portkey_api_key": "pk"},
]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("gateway", GATEWAYS, ids=str)
def test_with_a_gateway_it_is_a_warning(cls: Any, gateway: dict[str, str]) -> None:
    with pytest.warns(UnknownConfigKeyWarning) as warned:
        made = cls(portkey_config=CONFIG, **gateway)
    # Whatever is collected meanwhile may warn as well.
    ours = [each for each in warned if each.category is UnknownConfigKeyWarning]
    texts = [str(each.message) for each in ours]
    assert len(texts) == 2
    assert "config.forward_header: unknown key; did you mean 'forward_headers'?" in texts[0]
    assert "config.deafult_params: unknown key; did you mean 'default_params'?" in texts[1]
    # It points here, not into the package or pydantic.
    assert {each.filename for each in ours} == {__file__}
    settings = getattr(made, "settings", made)
    assert settings.portkey_config.to_dict()["forward_header"] == ["x-a"]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("direct", [{}, {"base_url": "sandbox:"}], ids=str)
def test_in_direct_mode_it_is_an_error(cls: Any, direct: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        cls(portkey_config=CONFIG, **direct)
    assert "config.forward_header: unknown key; did you mean 'forward_headers'?" in str(
        caught.value
    )
    assert "config.deafult_params: unknown key" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("cls", CLASSES)
def test_known_keys_do_not_warn(cls: Any) -> None:
    config = {
        "strategy": {"mode": "loadbalance", "sticky": {"enabled": True, "hash_fields": []}},
        "default_params": {"max_tokens": 1},
        "targets": [{"passthrough": True, "drop_params": ["logprobs"]}, {"provider": "@a"}],
        "fetch_integrated_models": True,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cls(portkey_config=config, portkey_api_key="pk")
