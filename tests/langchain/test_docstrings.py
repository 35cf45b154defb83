"""The examples of the docstrings run as they stand."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from langchain_portkey_mistral import chat_models, embeddings, fim


@pytest.mark.parametrize(
    "module", [chat_models, embeddings, fim], ids=lambda module: module.__name__
)
def test_the_examples_run(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
