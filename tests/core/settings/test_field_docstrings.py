"""Fields are documented below them, where editors show it; JSON schemas and LangChain's configurable fields have that too."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
    PortkeyMistralOCRLoader,
)
from llamaindex_portkey_mistral import (
    PortkeyMistral,
    PortkeyMistralEmbedding,
    PortkeyMistralReader,
)
from portkey_mistral import ConnectionSettings, EmbeddingSettings, GenerationSettings
from portkey_mistral.settings.field_docstrings import DocumentedFields, field_docstrings
from portkey_mistral.settings.moderation import ModerationSettings
from portkey_mistral.settings.ocr import OCRSettings

SETTINGS: list[type[BaseModel]] = [
    ConnectionSettings,
    EmbeddingSettings,
    GenerationSettings,
    ModerationSettings,
    OCRSettings,
]
PUBLIC: list[type[BaseModel]] = [
    *SETTINGS,
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
    PortkeyMistralOCRLoader,
    PortkeyMistral,
    PortkeyMistralEmbedding,
    PortkeyMistralReader,
]
TEMPERATURE = "Sampling temperature, 0 to 1.5; 0 is greedy."


def own_fields(cls: type[BaseModel]) -> set[str]:
    """The fields that are declared in these packages."""
    ours = [base for base in cls.__mro__ if "portkey_mistral" in base.__module__]
    return {name for base in ours for name in inspect.get_annotations(base)} & set(cls.model_fields)


@pytest.mark.parametrize("cls", PUBLIC)
def test_every_field_has_a_docstring(cls: type[BaseModel]) -> None:
    docstrings = field_docstrings(cls)
    assert own_fields(cls) <= set(docstrings)
    assert all(re.search(r"[.)]$", text) for text in docstrings.values()), docstrings


@pytest.mark.parametrize("cls", PUBLIC)
def test_a_text_has_one_home(cls: type[BaseModel]) -> None:
    described = {name for name in own_fields(cls) if cls.model_fields[name].description}
    assert described == set()


@pytest.mark.parametrize("cls", [GenerationSettings, EmbeddingSettings, ModerationSettings])
def test_a_json_schema_has_the_docstrings(cls: type[BaseModel]) -> None:
    properties = cls.model_json_schema().get("properties", {})
    shown = {name: each["description"] for name, each in properties.items()}
    assert shown == field_docstrings(cls)


def test_an_override_has_its_own_docstring_and_a_nested_model_its_fields() -> None:
    class Parent(DocumentedFields):
        a: int = 1
        """Inherited
        and folded."""
        b: int = 2
        """Of the parent."""
        c: int = 3

    class Child(Parent):
        b: int = 4
        """Of the child."""

    class Holder(BaseModel):
        child: Child

    expected = {"a": "Inherited and folded.", "b": "Of the child."}
    assert field_docstrings(Child) == expected
    (definition,) = Holder.model_json_schema()["$defs"].values()
    shown = {name: each.get("description") for name, each in definition["properties"].items()}
    assert shown == expected | {"c": None}


def test_a_class_without_its_source_has_none() -> None:
    space: dict[str, Any] = {"DocumentedFields": DocumentedFields, "__name__": "nowhere"}
    exec("class Made(DocumentedFields):\n    a: int = 1\n    'Unseen.'", space)
    assert field_docstrings(space["Made"]) == {}
    assert "description" not in space["Made"].model_json_schema()["properties"]["a"]


@pytest.mark.parametrize("cls", [ChatPortkeyMistral, PortkeyMistralFIM])
def test_langchains_configurable_fields_are_described(cls: Any) -> None:
    model = cls(base_url="sandbox:")
    runnable = model.configurable_fields(
        temperature=ConfigurableField("t"), top_p=ConfigurableField("p", description="Mine.")
    )
    described = {spec.id: spec.description for spec in runnable.config_specs}
    assert described == {"t": TEMPERATURE, "p": "Mine."}
