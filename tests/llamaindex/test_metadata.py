"""LlamaIndex's model metadata."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from llamaindex_portkey_mistral import PortkeyMistral
from llamaindex_portkey_mistral._metadata import can
from portkey_mistral import models


class Word(BaseModel):
    text: str


@pytest.mark.parametrize(
    ("fields", "window", "functions"),
    [
        ({"model": "mistral-large-latest"}, models.context_window("mistral-large-latest"), True),
        (
            {"model": "@team/mistral-small-latest"},
            models.context_window("mistral-small-latest"),
            True,
        ),
        ({"model": "an-unknown-model"}, models.DEFAULT_CONTEXT_WINDOW, True),
        ({"model": "an-unknown-model", "context_window": 9000}, 9000, True),
        (
            {"model": "mistral-large-latest", "is_function_calling_model": False},
            models.context_window("mistral-large-latest"),
            False,
        ),
    ],
)
def test_metadata(fields, window, functions):
    metadata = PortkeyMistral(base_url="sandbox:", **fields).metadata
    assert metadata.context_window == window
    assert metadata.is_function_calling_model is functions
    assert metadata.is_chat_model
    assert metadata.model_name == fields["model"]


@pytest.mark.parametrize(("max_tokens", "expected"), [(None, 256), (99, 99)])
def test_num_output_is_max_tokens(max_tokens, expected):
    llm = PortkeyMistral(base_url="sandbox:", max_tokens=max_tokens)
    assert llm.metadata.num_output == expected


def test_metadata_never_raises():
    for model in models.all_models():
        assert PortkeyMistral(base_url="sandbox:", model=model.id).metadata.context_window > 0


SMALL = {"override_params": {"model": "codestral-latest"}}
EMBED = {"override_params": {"model": "mistral-embed"}}


@pytest.mark.parametrize(
    ("config", "name", "window", "functions"),
    [
        (SMALL, "codestral-latest", 131_072, True),
        ({"strategy": {"mode": "fallback"}, "targets": [{}, SMALL]}, None, 131_072, True),
        (
            {"strategy": {"mode": "fallback"}, "targets": [SMALL, {}]},
            "codestral-latest",
            131_072,
            True,
        ),
        ({"strategy": {"mode": "fallback"}, "targets": [{}, EMBED]}, None, 8_192, False),
    ],
)
def test_metadata_is_that_of_the_models_that_calls_reach(config, name, window, functions):
    llm = PortkeyMistral(base_url="sandbox:", portkey_config=config)
    metadata = llm.metadata
    assert metadata.model_name == (name or llm.model)
    assert (metadata.context_window, metadata.is_function_calling_model) == (window, functions)
    assert llm.to_payload()["context_window"] == window

    own = PortkeyMistral(base_url="sandbox:", portkey_config=config, context_window=9000)
    assert own.metadata.context_window == 9000


@pytest.mark.parametrize("per_call", [False, True])
def test_structured_output_takes_a_form_that_every_reached_model_takes(per_call):
    """Magistral calls functions and takes no schema."""
    config = {"override_params": {"model": "magistral-medium-latest"}}
    fields = {} if per_call else {"portkey_config": config}
    llm = PortkeyMistral(base_url="sandbox:", **fields)
    output_format = llm._output_format(Word, {"portkey_config": config} if per_call else None)
    assert output_format.arguments.keys() == {"tools", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(
    ("model", "capability", "expected"),
    [
        ("mistral-small-latest", "tools", True),
        ("mistral-embed", "tools", False),
        ("an-unknown-model", "tools", True),
    ],
)
def test_capabilities_come_from_the_catalog(model, capability, expected):
    assert can((model,), capability) is expected
