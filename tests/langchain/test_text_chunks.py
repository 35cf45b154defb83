"""Chunks that are made and added up quickly are those that LangChain makes, and add up to the same."""

from __future__ import annotations

import operator
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, LLMResult
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from langchain_portkey_mistral import ChatPortkeyMistral
from langchain_portkey_mistral.text_chunks import (
    TextChunk,
    constructed,
    joined,
    moulded,
    plain,
    sample_sum,
    text_chunk,
)
from portkey_mistral.moulding import fits
from scripted import network, stream

SHARED: dict[str, object] = {}
PROVIDER = {"model_provider": "portkey-mistral"}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def test_with_this_version_of_langchain_chunks_are_moulded() -> None:
    assert fits(lambda text: plain(moulded(text)), constructed)
    assert fits(partial(sample_sum, moulded), partial(sample_sum, constructed))
    assert text_chunk is moulded


@pytest.mark.parametrize("text", [" word", "Grüße 北京 🎉", "\n", "{"])
def test_a_moulded_chunk_is_a_constructed_one(text: str) -> None:
    ours, theirs = text_chunk(text), constructed(text)
    assert ours == theirs
    assert ours.model_dump() == theirs.model_dump()
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert dumps(ours) == dumps(theirs)
    assert ours.message.content_blocks == theirs.message.content_blocks
    assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
    assert type(pickle.loads(pickle.dumps(ours))) is ChatGenerationChunk
    for again in (pickle.loads(pickle.dumps(ours)), ours.model_copy(), ours.model_copy(deep=True)):
        assert again == theirs
        assert theirs == again
        assert again.model_fields_set == theirs.model_fields_set
    assert ours != constructed("Two")
    assert ours != "One"


def test_what_is_set_on_a_chunk_was_given() -> None:
    for chunk in (text_chunk("One"), constructed("One")):
        chunk.generation_info = {"logprobs": None}
        chunk.message = AIMessageChunk(content="Two")
        assert chunk.model_dump(exclude_unset=True) == {
            "text": "One",
            "generation_info": {"logprobs": None},
            "message": {"content": "Two"},
        }
    copied = text_chunk("One").model_copy(update={"generation_info": {"a": 1}})
    assert copied.model_fields_set == {"text", "message", "generation_info"}


def test_moulded_chunks_add_up_and_share_nothing() -> None:
    one, two = text_chunk("one "), text_chunk("two")
    assert one + two == constructed("one ") + constructed("two")
    one.message.id = "run-1"
    one.message.response_metadata["seen"] = True
    one.message.additional_kwargs["seen"] = True
    assert isinstance(one.message, AIMessageChunk)
    one.message.tool_calls.append({"name": "x", "args": {}, "id": "1", "type": "tool_call"})
    assert two == constructed("two")
    assert text_chunk("three") == constructed("three")


def shared(text: str) -> ChatGenerationChunk:
    chunk = moulded(text)
    chunk.message.additional_kwargs = SHARED
    return chunk


def without_a_field(text: str) -> ChatGenerationChunk:
    chunk = moulded(text)
    del chunk.message.__dict__["invalid_tool_calls"]
    return chunk


def with_other_insides(text: str) -> ChatGenerationChunk:
    chunk = moulded(text)
    chunk.message.__pydantic_fields_set__.add("name")
    return chunk


def impossible(text: str) -> ChatGenerationChunk:
    raise TypeError(text)


def unknown(text: str) -> ChatGenerationChunk:
    raise KeyError(text)


@pytest.mark.parametrize(
    "changed", [shared, without_a_field, with_other_insides, impossible, unknown]
)
def test_where_something_is_different_chunks_are_constructed(
    changed: Callable[[str], ChatGenerationChunk],
) -> None:
    assert not fits(lambda text: plain(changed(text)), constructed)


# --- sums


UNUSUAL: list[dict[str, Any]] = [
    {"id": None},
    {"id": ""},
    {"id": "lc_run--2"},
    {"id": "cmpl-1"},
    {"name": "someone"},
    {"more": "extra"},
    {"response_metadata": {}},
    {"response_metadata": PROVIDER | {"model_name": "m"}},
    {"response_metadata": PROVIDER | {"created": 3}},
    {"additional_kwargs": {"refusal": "no"}},
    {"tool_call_chunks": [tool_call_chunk(name="f", args="{", id="1", index=1)]},
    {"tool_call_chunks": [tool_call_chunk(name=None, args="}", id=None, index=1)]},
    {"tool_calls": [{"name": "f", "args": {}, "id": "2", "type": "tool_call"}]},
    {"usage_metadata": USAGE},
    {"chunk_position": "last"},
    {"content": ["a block"]},
    {"content": [{"type": "text", "text": "a block", "index": 0}]},
    {"generation_info": {"finish_reason": "stop"}},
    {"generation_info": {}},
]
TEXTS = st.sampled_from(["", "a", " b", "é\n"]).map(lambda text: {"content": text})
USUAL = TEXTS.map(lambda fields: {"response_metadata": PROVIDER, "id": "lc_run--1"} | fields)
KINDS = [ChatGenerationChunk, TextChunk]
FIELDS = USUAL | st.builds(operator.or_, USUAL, st.sampled_from(UNUSUAL))


def chunk(
    fields: Mapping[str, Any], kind: type[ChatGenerationChunk] = ChatGenerationChunk
) -> ChatGenerationChunk:
    info = fields.get("generation_info")
    said = {name: value for name, value in fields.items() if name != "generation_info"}
    return kind(message=AIMessageChunk(**said), generation_info=info)


def added_up(chunks: list[ChatGenerationChunk]) -> object:
    try:
        whole = merge_chat_generation_chunks(chunks)
    except (TypeError, ValueError) as fault:
        return type(fault), str(fault)
    assert whole is not None
    message = whole.message
    return whole.model_dump(), whole.model_fields_set, message, message.model_fields_set


@given(st.lists(FIELDS, min_size=2), st.lists(st.sampled_from(KINDS), min_size=1))
def test_any_chunks_add_up_to_what_langchain_makes(
    drawn: list[dict[str, Any]], kinds: list[type[ChatGenerationChunk]]
) -> None:
    first, *others = drawn
    ours = [chunk(first, TextChunk), *map(chunk, others, cycle(kinds))]
    assert added_up(ours) == added_up([*map(chunk, drawn)])


@pytest.mark.parametrize("unusual", UNUSUAL, ids=str)
@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_unusual_is_added_up_as_langchain_does(
    unusual: dict[str, Any], at: int, kind: type[ChatGenerationChunk]
) -> None:
    usual = {"response_metadata": PROVIDER, "id": "lc_run--1", "content": " a"}
    fields = [usual] * 5
    fields[at] = fields[at + 1] = usual | unusual
    ours = [chunk(fields[0], TextChunk), *(chunk(each, kind) for each in fields[1:])]
    assert added_up(ours) == added_up([*map(chunk, fields)])


def test_chunks_of_another_class_are_left_to_langchain() -> None:
    class Marked(AIMessageChunk):
        mark: str = "!"

    marked = ChatGenerationChunk(message=Marked(content=" b", response_metadata=PROVIDER))
    words = [text_chunk("a"), text_chunk(" a"), marked, marked, text_chunk(" c")]
    assert [each.message.content for each in joined(words)] == ["a a", " b", " b", " c"]


async def test_the_words_of_a_stream_are_such_chunks() -> None:
    def chat() -> ChatPortkeyMistral:
        words = stream(*({"content": word} for word in ("One", " two", " three")))
        clients = network(words).clients
        return ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **clients)

    go = [HumanMessage("go")]
    for kinds in (
        [type(each) for each in chat()._stream(go)],
        [type(each) async for each in chat()._astream(go)],
    ):
        assert kinds == [*[TextChunk] * 3, ChatGenerationChunk]


def test_a_thousand_words_are_one_text_before_langchain_sees_them() -> None:
    words = [text_chunk("One"), *(text_chunk(f" {at}") for at in range(999))]
    (whole,) = joined(words)
    assert whole.message.content == "One" + "".join(f" {at}" for at in range(999))
    assert len([*joined([*words, chunk(UNUSUAL[3] | {"content": ""}), *words[1:]])]) == 3


def test_a_sum_is_of_langchains_own_class() -> None:
    ours, theirs = text_chunk("One"), constructed("One")
    assert isinstance(ours, ChatGenerationChunk)
    assert type(ours.message) is AIMessageChunk
    assert ours + text_chunk(" two") == theirs + constructed(" two")
    assert type(ours + text_chunk(" two")) is type(ours + [text_chunk(" two")]) is type(theirs)  # noqa: RUF005


@pytest.mark.parametrize("other", ["two", ["two"], [text_chunk("two"), "three"], None])
def test_what_is_no_chunk_is_refused_as_langchain_does(other: Any) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        text_chunk("One") + other


def test_of_a_chunk_that_a_callback_changed_the_change_is_kept() -> None:
    class Censor(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **rest: Any) -> None:
            if token == " two":
                rest["chunk"].message.content = " ***"

        def on_llm_end(self, response: LLMResult, **rest: Any) -> None:
            ends.append(response.generations[0][0].text)

    ends: list[str] = []
    words = stream(*({"content": word} for word in ("One", " two", " three")))
    chat = ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", **network(words).clients
    )
    assert [part.content for part in chat.stream("go", {"callbacks": [Censor()]})][:3] == [
        "One",
        " ***",
        " three",
    ]
    assert ends == ["One *** three"]
