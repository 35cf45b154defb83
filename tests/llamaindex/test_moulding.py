"""Items that are made quickly are the items that LlamaIndex makes."""

from __future__ import annotations

import pickle

import pytest
from llama_index.core.base.llms.types import ChatResponse

from llamaindex_portkey_mistral.moulding import constructed, moulded, text_item
from portkey_mistral.moulding import fits

SHARED: list[object] = []


def test_with_this_version_of_llamaindex_items_are_moulded() -> None:
    assert fits(moulded, constructed)
    assert text_item is moulded


@pytest.mark.parametrize("text", [" word", "Grüße 北京 🎉", "\n", "{"])
def test_a_moulded_item_is_a_constructed_one(text: str) -> None:
    said = ("So far" + text, text, {"id": "1", "choices": []})
    ours, theirs = text_item(*said), constructed(*said)
    assert ours == theirs
    assert ours.model_dump() == theirs.model_dump()
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert ours.model_dump_json() == theirs.model_dump_json()
    assert str(ours) == str(theirs)
    assert ours.message.content == theirs.message.content
    assert pickle.loads(pickle.dumps(ours)) == theirs
    assert ours.model_copy(deep=True) == theirs


def test_moulded_items_share_nothing() -> None:
    one, two = text_item("one", "one", {}), text_item("two", "two", {})
    one.message.additional_kwargs["seen"] = True
    one.additional_kwargs["seen"] = True
    one.message.blocks.clear()
    assert two == constructed("two", "two", {})
    assert text_item("three") == constructed("three")


def sharing(text: str) -> ChatResponse:
    item = moulded(text)
    item.message.blocks = SHARED  # type: ignore[assignment]
    return item


def without_a_field(text: str) -> ChatResponse:
    item = moulded(text)
    del item.message.__dict__["additional_kwargs"]
    return item


def with_another_block(text: str) -> ChatResponse:
    item = moulded(text)
    item.message.blocks[0].__pydantic_fields_set__.add("block_type")
    return item


@pytest.mark.parametrize("changed", [sharing, without_a_field, with_another_block])
def test_where_something_is_different_items_are_constructed(changed) -> None:
    assert not fits(changed, constructed)
