"""How LlamaIndex and its users find the classes: global settings, names, metadata, examples."""

from __future__ import annotations

import doctest
import importlib
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler

from llamaindex_portkey_mistral import (
    PortkeyMistral,
    PortkeyMistralEmbedding,
    embeddings,
    llm,
    output_parsers,
)
from portkey_mistral.exceptions import ConfigurationError

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def _global_settings(monkeypatch):
    for name in ("_llm", "_embed_model", "_callback_manager"):
        monkeypatch.setattr(Settings, name, getattr(Settings, name))


@pytest.mark.usefixtures("_global_settings")
def test_global_settings_reach_every_part(make_llm, make_embedding):
    counter = TokenCountingHandler(tokenizer=str.split)
    Settings.callback_manager = CallbackManager([counter])
    Settings.llm = make_llm()
    Settings.embed_model = make_embedding()
    documents = [Document(text="Codestral completes code.")]
    engine = VectorStoreIndex.from_documents(documents).as_query_engine()
    assert "Codestral" in str(engine.query("Which model completes code?"))
    assert counter.total_llm_token_count > 0
    assert counter.total_embedding_token_count > 0


@pytest.mark.parametrize("cls", [PortkeyMistral, PortkeyMistralEmbedding])
def test_a_class_is_called_by_its_name(cls):
    assert cls.class_name() == cls.__name__ == cls(base_url="sandbox:").to_dict()["class_name"]


def test_the_model_may_be_given_by_position():
    """As in LlamaIndex's other classes."""
    model = PortkeyMistral("codestral-latest", temperature=0, base_url="sandbox:")
    assert (model.model, model.temperature) == ("codestral-latest", 0)
    embedding = PortkeyMistralEmbedding("codestral-embed", base_url="sandbox:")
    assert embedding.model_name == "codestral-embed"


@pytest.mark.parametrize("cls", [PortkeyMistral, PortkeyMistralEmbedding])
@pytest.mark.parametrize("name", ["model", "model_name"])
def test_a_model_given_twice_is_an_error(cls, name):
    with pytest.raises(ConfigurationError, match=f"given twice: by position and as {name}="):
        cls("mistral-small-latest", **{name: "mistral-large-latest"})


def test_the_hub_metadata_leads_to_the_classes():
    hub = tomllib.loads(PYPROJECT.read_text())["tool"]["llamahub"]
    module = importlib.import_module(hub["import_path"])
    assert set(hub["class_authors"]) == {"PortkeyMistral", "PortkeyMistralEmbedding"}
    assert all(hasattr(module, name) for name in hub["class_authors"])


@pytest.mark.parametrize(
    "module", [llm, embeddings, output_parsers], ids=lambda module: module.__name__
)
def test_the_examples_run(module: ModuleType):
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
