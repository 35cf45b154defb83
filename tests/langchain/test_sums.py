"""Chunks that are added up quickly make the message that LangChain makes."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Mapping
from functools import partial
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
from langchain_portkey_mistral.moulding import text_chunk
from langchain_portkey_mistral.streaming import ChunkWriter
from langchain_portkey_mistral.sums import (
    FirstChunk,
    first_chunk,
    joined,
    moulded_first,
    sample_sum,
)
from portkey_mistral.moulding import fits
from portkey_mistral.responses import Delta
from scripted import network, stream

PROVIDER = {"model_provider": "portkey-mistral"}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def test_with_this_version_of_langchain_chunks_are_added_up_quickly() -> None:
    assert fits(partial(sample_sum, moulded_first), partial(sample_sum, text_chunk))
    assert first_chunk is moulded_first


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


@given(st.lists(FIELDS, min_size=2))
def test_any_chunks_add_up_to_what_langchain_makes(drawn: list[dict[str, Any]]) -> None:
    first, *others = drawn
    ours = [chunk(first, FirstChunk), *map(chunk, others)]
    assert added_up(ours) == added_up([*map(chunk, drawn)])


@pytest.mark.parametrize("unusual", UNUSUAL, ids=str)
@pytest.mark.parametrize("at", range(4))
def test_what_is_unusual_is_added_up_as_langchain_does(unusual: dict[str, Any], at: int) -> None:
    usual = {"response_metadata": PROVIDER, "id": "lc_run--1", "content": " a"}
    fields = [usual] * 5
    fields[at] = fields[at + 1] = usual | unusual
    ours = [chunk(fields[0], FirstChunk), *map(chunk, fields[1:])]
    assert added_up(ours) == added_up([*map(chunk, fields)])


def test_chunks_of_another_class_are_left_to_langchain() -> None:
    class Marked(AIMessageChunk):
        mark: str = "!"

    marked = ChatGenerationChunk(message=Marked(content=" b", response_metadata=PROVIDER))
    words = [first_chunk("a"), text_chunk(" a"), marked, marked, text_chunk(" c")]
    assert [each.message.content for each in joined(words)] == ["a a", " b", " b", " c"]


async def test_the_first_chunk_of_a_stream_is_the_one_that_adds_up() -> None:
    def chat() -> ChatPortkeyMistral:
        words = stream(*({"content": word} for word in ("One", " two", " three")))
        clients = network(words).clients
        return ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **clients)

    go = [HumanMessage("go")]
    for kinds in (
        [type(each) for each in chat()._stream(go)],
        [type(each) async for each in chat()._astream(go)],
    ):
        assert kinds == [FirstChunk, *[ChatGenerationChunk] * 3]


def test_no_other_chunk_is_a_first_one_also_of_an_answer_that_another_server_took_up() -> None:
    writer = ChunkWriter()
    texts = [writer.chunk(Delta(text=word, id=id_)) for word, id_ in (("a", "1"), ("b", "2"))]
    assert [*map(type, texts)] == [FirstChunk, ChatGenerationChunk]


def test_a_thousand_words_are_one_text_before_langchain_sees_them() -> None:
    words = [first_chunk("One"), *(text_chunk(f" {at}") for at in range(999))]
    (whole,) = joined(words)
    assert whole.message.content == "One" + "".join(f" {at}" for at in range(999))
    assert len([*joined([*words, chunk(UNUSUAL[3] | {"content": ""}), *words[1:]])]) == 3


def test_a_first_chunk_is_a_chunk_of_langchains() -> None:
    ours, theirs = first_chunk("One"), text_chunk("One")
    assert isinstance(ours, ChatGenerationChunk)
    assert type(ours.message) is AIMessageChunk
    assert ours.model_dump() == theirs.model_dump()
    assert dumps(ours) == dumps(theirs)
    assert ours + text_chunk(" two") == theirs + text_chunk(" two")
    assert type(ours + text_chunk(" two")) is type(ours + [text_chunk(" two")]) is type(theirs)  # noqa: RUF005
    assert ours == theirs
    assert theirs == ours
    assert ours != text_chunk("Two")
    assert ours != "One"
    assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
    assert type(pickle.loads(pickle.dumps(ours))) is ChatGenerationChunk
    assert pickle.loads(pickle.dumps(ours)) == copy.deepcopy(ours) == ours.model_copy() == theirs


@pytest.mark.parametrize("other", ["two", ["two"], [text_chunk("two"), "three"], None])
def test_what_is_no_chunk_is_refused_as_langchain_does(other: Any) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        first_chunk("One") + other


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
