"""The model catalog becomes LangChain's model profiles."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_portkey_mistral import ChatPortkeyMistral
from langchain_portkey_mistral._profiles import catalog_profile
from portkey_mistral.models import all_models


def test_every_model_of_the_catalog_has_a_valid_profile() -> None:
    for model in all_models():
        chat = ChatPortkeyMistral(model=model.id, base_url="sandbox:")
        if model.capabilities:
            assert chat.profile == catalog_profile((model.id,))
            assert chat.profile is not None
            assert chat.profile.get("max_input_tokens") == model.context_window
            assert chat.profile["structured_output"] is ("json" in model.capabilities)
            weights = {"open": True, "premier": False}.get(model.family)
            assert chat.profile.get("open_weights") is weights
        else:
            assert chat.profile is None


def test_a_profile_is_found_by_every_alias() -> None:
    names = ("mistral-small-latest",), ("@slug/mistral-small-2603",)
    assert catalog_profile(names[0]) == catalog_profile(names[1])


OTHER = "codestral-latest"
OTHER_CONFIG = {"provider": "mistral-ai", "override_params": {"model": OTHER}}
UNKNOWN = "a-model-of-tomorrow"


def assigned(chat: ChatPortkeyMistral, model: str) -> ChatPortkeyMistral:
    chat.model = model
    return chat


CHANGES: dict[str, Any] = {
    "assigned": assigned,
    "copied": lambda chat, model: chat.model_copy(update={"model": model}),
    "bound": lambda chat, model: chat.bind(model=model),
    "bound before tools": lambda chat, model: chat.bind(model=model).bind(temperature=0),
    "bound config": lambda chat, model: chat.bind(
        portkey_config=OTHER_CONFIG | {"override_params": {"model": model}}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_is_set_later_has_its_own_profile(change: str) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    assert CHANGES[change](chat, OTHER).profile == catalog_profile((OTHER,))
    chat = ChatPortkeyMistral(base_url="sandbox:", model=UNKNOWN)
    assert CHANGES[change](chat, OTHER).profile == catalog_profile((OTHER,))
    assert CHANGES[change](ChatPortkeyMistral(base_url="sandbox:"), UNKNOWN).profile is None


def test_a_profile_of_the_users_own_stays() -> None:
    own: Any = {"max_input_tokens": 5}
    chat = ChatPortkeyMistral(base_url="sandbox:", profile=own)
    assert chat.model_copy(update={"model": OTHER}).profile == own
    assert assigned(chat, OTHER).profile == own
    assert chat.bind(temperature=0).profile == own  # type: ignore[attr-defined]


def test_an_unknown_model_has_no_profile() -> None:
    assert catalog_profile(("a-model-of-tomorrow",)) is None
    assert ChatPortkeyMistral(model="a-model-of-tomorrow", base_url="sandbox:").profile is None


def test_a_profile_is_that_of_the_models_that_calls_reach() -> None:
    """`override_params` of a config name the model; with several, all limits and capabilities hold."""
    targets = [{}, {"override_params": {"model": "codestral-latest"}}]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    chat = ChatPortkeyMistral(base_url="sandbox:", portkey_config=config)
    profile = ChatPortkeyMistral(base_url="sandbox:").profile
    assert profile is not None
    assert chat.profile is not None
    assert (profile["max_input_tokens"], profile["image_inputs"]) == (262_144, True)
    assert (chat.profile["max_input_tokens"], chat.profile["image_inputs"]) == (131_072, False)
    assert chat.profile["tool_calling"] is True
    assert chat.profile["structured_output"] is True

    only = ChatPortkeyMistral(base_url="sandbox:", portkey_config=targets[1])
    assert only.profile == ChatPortkeyMistral(base_url="sandbox:", model="codestral-latest").profile
