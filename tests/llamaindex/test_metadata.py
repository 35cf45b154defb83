"""What LlamaIndex is told of a model."""

from __future__ import annotations

import pytest

from llamaindex_portkey_mistral import PortkeyMistral
from llamaindex_portkey_mistral.metadata import can
from portkey_mistral import models


@pytest.mark.parametrize(
    ("fields", "window", "functions"),
    [
        ({"model": "mistral-large-latest"}, models.context_window("mistral-large-latest"), True),
        (
            {"model": "@team/mistral-small-latest"},
            models.context_window("mistral-small-latest"),
            True,
        ),
        ({"model": "never-heard-of"}, models.DEFAULT_CONTEXT_WINDOW, True),
        ({"model": "never-heard-of", "context_window": 9000}, 9000, True),
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
def test_num_output_is_what_may_be_written(max_tokens, expected):
    llm = PortkeyMistral(base_url="sandbox:", max_tokens=max_tokens)
    assert llm.metadata.num_output == expected


@pytest.mark.parametrize("model", [model.id for model in models.all_models()])
def test_metadata_never_raises(model):
    assert PortkeyMistral(base_url="sandbox:", model=model).metadata.context_window > 0


@pytest.mark.parametrize(
    ("model", "capability", "expected"),
    [
        ("mistral-small-latest", "tools", True),
        ("mistral-embed", "tools", False),
        ("never-heard-of", "tools", True),
    ],
)
def test_abilities_come_from_the_catalog(model, capability, expected):
    assert can(model, capability) is expected
