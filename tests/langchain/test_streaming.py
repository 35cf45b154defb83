"""Streams become LangChain's chunks, and merge to what a whole answer would have been."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage

from langchain_portkey_mistral import ChatPortkeyMistral
from langchain_portkey_mistral.streaming import ChunkWriter
from portkey_mistral.exceptions import ResponseFormatError, StreamInterruptedError
from portkey_mistral.messages import ReferencePart, TextPart, ThinkingPart
from portkey_mistral.responses import CallInfo, Delta, ToolCallDelta, Usage
from scripted import answers, call, network, sse, stream

FRAGMENTED = [
    {"content": "I look."},
    {"tool_calls": [call(0, '{"city":', "WcG8xhSs1", "weather")]},
    {"tool_calls": [call(0, ' "Paris"}', "null")]},
    {"tool_calls": [call(1, "", "WcG8xhSs2", "clock")]},
    {"tool_calls": [call(1, '{"zone": "CET"}')]},
]
CALLS = [
    {"name": "weather", "args": {"city": "Paris"}, "id": "WcG8xhSs1", "type": "tool_call"},
    {"name": "clock", "args": {"zone": "CET"}, "id": "WcG8xhSs2", "type": "tool_call"},
]
THOUGHT = [
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2+"}]}]},
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2"}]}]},
    {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "!"}], "closed": True},
            {"type": "text", "text": "It "},
        ]
    },
    {"content": "is 4"},
    {"content": [{"type": "reference", "reference_ids": [1]}]},
    {"content": ", surely."},
    {"tool_calls": [call(0, '{"x": 4}', "WcG8xhSs1", "check")]},
]


pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)


def model(*deltas: Mapping[str, Any], finish: str = "stop", **fields: Any) -> ChatPortkeyMistral:
    wire = network(stream(*deltas, finish=finish))
    return ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", **wire.clients, **fields
    )


def merged(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    whole = chunks[0] + chunks[1:]
    assert isinstance(whole, AIMessageChunk)
    return whole


async def streamed(chat: ChatPortkeyMistral, *, asynchronous: bool) -> list[AIMessageChunk]:
    if asynchronous:
        return [chunk async for chunk in chat.astream("go")]
    return list(chat.stream("go"))


@pytest.mark.parametrize("version", [None, "v0", "v1"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_fragmented_tool_calls_are_whole_in_every_version(
    version: str | None, asynchronous: bool
) -> None:
    chunks = await streamed(model(*FRAGMENTED, output_version=version), asynchronous=asynchronous)
    message = merged(chunks)
    assert message.tool_calls == CALLS
    assert message.invalid_tool_calls == []
    assert message.text == "I look."
    shown = [
        {key: value for key, value in block.items() if key != "index"}
        for block in message.content_blocks
    ]
    assert shown == [{"type": "text", "text": "I look."}, *CALLS]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_fragmented_tool_calls_are_whole_in_v3_events(asynchronous: bool) -> None:
    chat = model(*FRAGMENTED)
    if asynchronous:
        events = await chat.astream_events("go", version="v3")
        message = await events.output
    else:
        message = chat.stream_events("go", version="v3").output
    assert message.tool_calls == CALLS
    assert [block["type"] for block in message.content_blocks] == ["text", "tool_call", "tool_call"]


def test_pieces_of_a_call_are_pieces_until_the_last_chunk() -> None:
    chunks = list(model(*FRAGMENTED).stream("go"))
    kinds = [[block["type"] for block in chunk.content_blocks] for chunk in chunks]
    assert kinds == [["text"], *[["tool_call_chunk"]] * 4, []]
    unfinished = merged(chunks[:2])
    (_, piece) = unfinished.content_blocks
    assert (piece["type"], piece["args"]) == ("tool_call_chunk", '{"city":')


WHOLE = '{"path": "/home/user", "flags": ["-r", "a\\\\b"], "deep": {"x": 1}}'


@pytest.mark.parametrize("version", [None, "v0", "v1"])
@pytest.mark.parametrize("length", range(1, len(WHOLE)))
def test_a_call_that_was_cut_off_anywhere_is_no_call(length: int, version: str | None) -> None:
    pieces = [
        call(0, WHOLE[: length // 2], "WcG8xhSs1", "remove"),
        call(0, WHOLE[length // 2 : length]),
    ]
    deltas = [{"tool_calls": [piece]} for piece in pieces]
    first, *rest = model(*deltas, finish="length", output_version=version).stream("go")
    message = first + rest
    assert message.tool_calls == []
    (invalid,) = message.invalid_tool_calls
    assert (invalid["name"], invalid["id"]) == ("remove", "WcG8xhSs1")
    assert invalid["args"].startswith(WHOLE[:length])
    # In v1 LangChain leaves the pieces of a call that is none as they are.
    kind = "tool_call_chunk" if version == "v1" else "invalid_tool_call"
    assert [block["type"] for block in message.content_blocks] == [kind]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_call_that_was_cut_off_is_not_run_by_a_model_that_streams_inside_invoke(
    asynchronous: bool,
) -> None:
    deltas = [{"tool_calls": [call(0, '{"path": "/home', "WcG8xhSs1", "remove")]}]
    chat = model(*deltas, finish="length", streaming=True)
    message = await chat.ainvoke("go") if asynchronous else chat.invoke("go")
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["name"] == "remove"


@pytest.mark.parametrize("version", [None, "v0", "v1"])
def test_an_empty_text_parts_nothing(version: str | None) -> None:
    empty = {"content": [{"type": "text", "text": ""}]}
    deltas = [empty, THOUGHT[0], empty, {"content": ""}, *THOUGHT[1:3], empty, *THOUGHT[3:]]
    message = merged(list(model(*deltas, output_version=version).stream("go")))
    assert [block["type"] for block in message.content_blocks] == [
        "reasoning",
        "text",
        "text",
        "tool_call",
    ]


@pytest.mark.parametrize("version", [None, "v0", "v1"])
def test_thinking_text_and_citations_keep_their_order(version: str | None) -> None:
    message = merged(list(model(*THOUGHT, output_version=version).stream("go")))
    citation = {"type": "citation", "extras": {"reference_ids": [1]}}
    assert [
        (b["type"], b.get("reasoning"), b.get("text"), b.get("annotations"))
        for b in message.content_blocks
    ] == [
        ("reasoning", "2+2!", None, None),
        ("text", None, "It is 4", [citation]),
        ("text", None, ", surely.", None),
        ("tool_call", None, None, None),
    ]
    assert message.text == "It is 4, surely."
    assert message.tool_calls[0]["args"] == {"x": 4}


def test_thinking_text_and_citations_keep_their_order_in_v3() -> None:
    message = model(*THOUGHT).stream_events("go", version="v3").output
    assert [block["type"] for block in message.content_blocks] == [
        "reasoning",
        "text",
        "text",
        "tool_call",
    ]
    reasoning, first, second, _ = message.content_blocks
    assert reasoning["reasoning"] == "2+2!"
    assert (first["text"], second["text"]) == ("It is 4", ", surely.")
    assert first["annotations"][0]["extras"] == {"reference_ids": [1]}


@pytest.mark.parametrize("version", [None, "v1"])
def test_a_citation_of_plain_text_stays_on_it(version: str | None) -> None:
    deltas = [
        {"content": "Paris"},
        {"content": [{"type": "reference", "reference_ids": [1]}]},
        {"content": " is nice."},
    ]
    message = merged(list(model(*deltas, output_version=version).stream("go")))
    first, second = message.content_blocks
    assert (first["text"], second["text"]) == ("Paris", " is nice.")
    assert first["annotations"]
    assert "annotations" not in second


def test_plain_text_stays_text() -> None:
    chunks = list(model({"content": "Grü"}, {"content": "ße"}).stream("go"))
    assert [chunk.content for chunk in chunks] == ["Grü", "ße", ""]
    assert merged(chunks).content == "Grüße"


@pytest.mark.parametrize("usage", ["finish", "alone"])
async def test_the_last_chunk_alone_tells_usage_and_names(usage: str) -> None:
    reply = stream({"content": "a"}, {"content": "b"}, usage=usage)
    chat = ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", **network(reply).clients
    )
    *chunks, last = chat.stream("go")
    assert {chunk.response_metadata["model_provider"] for chunk in [*chunks, last]} == {
        "portkey-mistral"
    }
    assert all("model_name" not in chunk.response_metadata for chunk in chunks)
    assert all(chunk.usage_metadata is None and chunk.chunk_position is None for chunk in chunks)
    assert last.chunk_position == "last"
    assert last.usage_metadata == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert last.response_metadata["model_name"] == "mistral-small-2603"
    assert last.response_metadata["finish_reason"] == "stop"
    assert last.response_metadata["attempts"][0]["status"] == 200
    whole = merged([*chunks, last])
    assert whole.response_metadata["model_name"] == "mistral-small-2603"
    assert whole.response_metadata["model_provider"] == "portkey-mistral"


def test_log_probabilities_are_joined() -> None:
    def piece(token: str) -> Delta:
        return Delta(text=token, logprobs={"content": [{"token": token, "logprob": -0.5}]})

    writer = ChunkWriter()
    chunks = [writer.chunk(piece("a")), writer.chunk(piece("b")), writer.last(CallInfo())]
    first, *rest = [chunk for chunk in chunks if chunk is not None]
    whole = first + rest
    assert [item["token"] for item in whole.response_metadata["logprobs"]["content"]] == ["a", "b"]


def test_a_delta_without_content_gives_no_chunk() -> None:
    writer = ChunkWriter()
    assert writer.chunk(Delta()) is None
    assert writer.chunk(Delta(finish_reason="stop")) is None
    assert writer.chunk(Delta(choice=-1, usage=Usage(1, 2, 3))) is None
    last = writer.last(CallInfo())
    assert last.usage_metadata == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert last.response_metadata["finish_reason"] == "stop"


def test_blocks_and_calls_share_one_counter() -> None:
    writer = ChunkWriter()
    deltas = [
        Delta(text="a"),
        Delta(tool_calls=(ToolCallDelta(0, "x", "f", "{}"),)),
        Delta(parts=(ThinkingPart("hm", closed=False),)),
        Delta(parts=(ThinkingPart("!"), TextPart("b")), text="b"),
        Delta(tool_calls=(ToolCallDelta(1, "y", "g", "{}"),)),
        Delta(parts=(ReferencePart((1,)),)),
        Delta(text="c"),
    ]
    indexes = []
    for delta in deltas:
        chunk = writer.chunk(delta)
        assert chunk is not None
        indexes.append([block["index"] for block in chunk.content_blocks])
    assert indexes == [[0], [1], [2], [2, 3], [4], [3], [5]]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_several_answers_are_given_whole_and_never_mixed_in_a_stream(
    asynchronous: bool,
) -> None:
    choices = [
        {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for text in "ab"
    ]
    chat = ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", n=2, **network(answers(*choices)).clients
    )
    result = (
        await chat.agenerate([[HumanMessage("go")]])
        if asynchronous
        else chat.generate([[HumanMessage("go")]])
    )
    assert [generation.text for generation in result.generations[0]] == ["a", "b"]
    with pytest.raises(ValueError, match="n=2 answers cannot be streamed"):
        await streamed(chat, asynchronous=asynchronous)


def test_a_second_answer_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(ResponseFormatError, match="Ask for n=1"):
        ChunkWriter().chunk(Delta(choice=1, text="b"))


def test_streaming_true_streams_inside_invoke() -> None:
    message = model(*FRAGMENTED, streaming=True).invoke("go")
    assert message.tool_calls == CALLS
    assert message.usage_metadata is not None


def test_streaming_false_never_streams() -> None:
    reply = network(
        answers({"message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"})
    )
    chat = ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", streaming=False, **reply.clients
    )
    assert len(list(chat.stream("go"))) == 1
    assert "stream" not in reply.bodies[0] or reply.bodies[0]["stream"] is False


def test_a_cut_stream_raises_with_what_came() -> None:
    reply = sse(
        [{"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}],
        done=False,
    )
    chat = ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", **network(reply).clients
    )
    seen: list[str] = []
    with pytest.raises(StreamInterruptedError) as caught:
        seen.extend(chunk.text for chunk in chat.stream("go"))
    assert seen == ["Hel"]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"
