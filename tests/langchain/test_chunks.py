"""A stream becomes LangChain's chunks, which merge to what a whole answer would have been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage

from langchain_portkey_mistral import ChatPortkeyMistral
from langchain_portkey_mistral._chunks import ChunkBuilder, to_generation_chunk
from langchain_portkey_mistral._invalid_arguments import as_received, invalidating_ending
from portkey_mistral.exceptions import ResponseFormatError, StreamInterruptedError
from portkey_mistral.messages import ReferencePart, TextPart, ThinkingPart
from portkey_mistral.responses import CallInfo, Delta, ToolCallDelta, Usage
from scripted import answer, call, network, sse, stream

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)
output_versions = pytest.mark.parametrize("output_version", [None, "v0", "v1"])

TWO_CALLS_IN_FRAGMENTS = [
    {"content": "I look."},
    {"tool_calls": [call(0, '{"city":', "WcG8xhSs1", "weather")]},
    {"tool_calls": [call(0, ' "Paris"}', "null")]},
    {"tool_calls": [call(1, "", "WcG8xhSs2", "clock")]},
    {"tool_calls": [call(1, '{"zone": "CET"}')]},
]
TWO_CALLS = [
    {"name": "weather", "args": {"city": "Paris"}, "id": "WcG8xhSs1", "type": "tool_call"},
    {"name": "clock", "args": {"zone": "CET"}, "id": "WcG8xhSs2", "type": "tool_call"},
]
THINKING_THEN_CITED_TEXT = [
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


def model(*deltas: Mapping[str, Any], finish: str = "stop", **fields: Any) -> ChatPortkeyMistral:
    wire = network(stream(*deltas, finish=finish))
    return ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", **wire.clients, **fields
    )


def merged(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    message = chunks[0] + chunks[1:]
    assert isinstance(message, AIMessageChunk)
    return message


# --- text and metadata


def test_plain_text_stays_text() -> None:
    chunks = list(model({"content": "Grü"}, {"content": "ße"}).stream("go"))
    assert [chunk.content for chunk in chunks] == ["Grü", "ße", ""]
    assert merged(chunks).content == "Grüße"


@pytest.mark.parametrize("usage", ["finish", "alone"])
def test_usage_and_names_are_on_the_last_chunk_only(usage: str) -> None:
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


def test_a_delta_without_content_gives_no_chunk() -> None:
    builder = ChunkBuilder()
    assert builder.add(Delta()) is None
    assert builder.add(Delta(finish_reason="stop")) is None
    assert builder.add(Delta(choice=-1, usage=Usage(1, 2, 3))) is None
    last = builder.finish(CallInfo())
    assert last.usage_metadata == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert last.response_metadata["finish_reason"] == "stop"


def test_log_probabilities_are_joined() -> None:
    def token(text: str) -> Delta:
        return Delta(text=text, logprobs={"content": [{"token": text, "logprob": -0.5}]})

    builder = ChunkBuilder()
    chunks = [builder.add(token("a")), builder.add(token("b")), builder.finish(CallInfo())]
    logprobs = merged([chunk for chunk in chunks if chunk]).response_metadata["logprobs"]
    assert [item["token"] for item in logprobs["content"]] == ["a", "b"]


def test_no_container_is_shared_by_two_chunks() -> None:
    builder = ChunkBuilder()
    one, two = builder.add(Delta(text="a")), builder.add(Delta(text="a"))
    assert one is not None
    one.response_metadata["seen"] = one.additional_kwargs["seen"] = True
    one.tool_calls.append({"name": "f", "args": {}, "id": "1", "type": "tool_call"})
    one.tool_call_chunks.clear()
    assert two == AIMessageChunk("a", response_metadata={"model_provider": "portkey-mistral"})


def test_callbacks_get_the_finish_reason_and_log_probabilities_of_a_chunk() -> None:
    metadata = {"finish_reason": "stop", "logprobs": {"content": []}, "model_name": "m"}
    chunk = to_generation_chunk(AIMessageChunk(content="a", response_metadata=metadata))
    assert chunk.text == "a"
    assert chunk.generation_info == {"finish_reason": "stop", "logprobs": {"content": []}}
    assert to_generation_chunk(AIMessageChunk(content="a")).generation_info is None


def test_a_second_choice_is_an_error() -> None:
    builder = ChunkBuilder()
    builder.add(Delta(choice=0, text="a"))
    with pytest.raises(ResponseFormatError, match="Use n=1"):
        builder.add(Delta(choice=1, text="b"))


def test_a_server_may_count_its_only_choice_from_1() -> None:
    builder = ChunkBuilder()
    chunks = [builder.add(Delta(choice=1, text=text)) for text in ("a", "b")]
    assert builder.add(Delta(choice=-1, usage=Usage(1, 2, 3))) is None
    assert [chunk and chunk.content for chunk in chunks] == ["a", "b"]


def test_a_stream_that_is_cut_raises_with_the_partial_answer() -> None:
    reply = sse(
        [{"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}],
        done=False,
    )
    chat = ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", **network(reply).clients
    )
    texts: list[str] = []
    with pytest.raises(StreamInterruptedError) as caught:
        texts.extend(chunk.text for chunk in chat.stream("go"))
    assert texts == ["Hel"]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"


# --- tool calls


@output_versions
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_fragmented_tool_calls_are_joined(
    output_version: str | None, asynchronous: bool
) -> None:
    chat = model(*TWO_CALLS_IN_FRAGMENTS, output_version=output_version)
    message = merged(
        [chunk async for chunk in chat.astream("go")] if asynchronous else list(chat.stream("go"))
    )
    assert message.tool_calls == TWO_CALLS
    assert message.invalid_tool_calls == []
    assert message.text == "I look."
    blocks = [
        {key: value for key, value in block.items() if key != "index"}
        for block in message.content_blocks
    ]
    assert blocks == [{"type": "text", "text": "I look."}, *TWO_CALLS]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_fragmented_tool_calls_are_joined_in_v3_events(asynchronous: bool) -> None:
    chat = model(*TWO_CALLS_IN_FRAGMENTS)
    if asynchronous:
        message = await (await chat.astream_events("go", version="v3")).output
    else:
        message = chat.stream_events("go", version="v3").output
    assert message.tool_calls == TWO_CALLS
    assert [block["type"] for block in message.content_blocks] == ["text", "tool_call", "tool_call"]


def test_streaming_inside_invoke_joins_them_too() -> None:
    message = model(*TWO_CALLS_IN_FRAGMENTS, streaming=True).invoke("go")
    assert message.tool_calls == TWO_CALLS
    assert message.usage_metadata is not None


def test_tool_calls_stay_fragments_until_the_last_chunk() -> None:
    chunks = list(model(*TWO_CALLS_IN_FRAGMENTS).stream("go"))
    types = [[block["type"] for block in chunk.content_blocks] for chunk in chunks]
    assert types == [["text"], *[["tool_call_chunk"]] * 4, []]
    (_, fragment) = merged(chunks[:2]).content_blocks
    assert (fragment["type"], fragment["args"]) == ("tool_call_chunk", '{"city":')


ARGUMENTS = '{"path": "/home/user", "flags": ["-r", "a\\\\b"], "deep": {"x": 1}}'


def test_truncated_arguments_make_an_invalid_call_wherever_they_break_off() -> None:
    for length in range(len(ARGUMENTS)):
        builder = ChunkBuilder()
        fragments = [
            ToolCallDelta(0, "WcG8xhSs1", "remove", ARGUMENTS[: length // 2]),
            ToolCallDelta(0, None, None, ARGUMENTS[length // 2 : length]),
        ]
        chunks = [builder.add(Delta(tool_calls=(fragment,))) for fragment in fragments]
        builder.add(Delta(finish_reason="length"))
        message = merged([chunk for chunk in chunks if chunk] + [builder.finish(CallInfo())])
        assert message.tool_calls == [], length
        (invalid,) = message.invalid_tool_calls
        assert (invalid["name"], invalid["id"]) == ("remove", "WcG8xhSs1")
        assert invalid["args"] is not None
        assert invalid["args"].startswith(ARGUMENTS[:length])
        assert f"the model wrote the first {length} characters" in invalid["args"]
        assert as_received(invalid["args"]) == ARGUMENTS[:length]


NO_OBJECTS = [ARGUMENTS[:20], "look it up", "[1]", "5", '{"a": 1} and more', '{"a": NaN}', "nul"]
NO_OBJECTS += ["", '{"a":' * 5000, "[" * 5000]


@pytest.mark.parametrize("arguments", NO_OBJECTS, ids=lambda arguments: arguments[:20])
def test_invalid_arguments_are_shown_and_sent_back_as_they_came(arguments: str) -> None:
    wire = network(
        stream({"tool_calls": [call(0, arguments, "WcG8xhSs1", "remove")]}, finish="length"),
        answer("", call(0, arguments, "WcG8xhSs1", "remove"), finish="length"),
        answer("fine"),
        answer("fine"),
    )
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    streamed, whole = merged(list(chat.stream("go"))), chat.invoke("go")
    for message in (streamed, whole):
        assert message.tool_calls == []
        (block,) = message.content_blocks
        assert (block["type"], block["args"]) == ("invalid_tool_call", arguments)
        assert block["error"] == whole.invalid_tool_calls[0]["error"]
        chat.invoke([HumanMessage("go"), message, HumanMessage("again")])
    sent = [body["messages"][1]["tool_calls"][0]["function"] for body in wire.bodies[2:]]
    expected = {"INVALID_JSON": arguments} if arguments else {}
    assert [json.loads(each["arguments"]) for each in sent] == [expected] * 2


def test_only_an_ending_that_fits_its_arguments_is_removed() -> None:
    ending = invalidating_ending('{"a": ', truncated=False)
    assert as_received('{"a": ' + ending) == '{"a": '
    for arguments in ("", '{"a": ', '{"longer": ' + ending, '{"a": ' + ending + " "):
        assert as_received(arguments) == arguments


@pytest.mark.parametrize("arguments", ['{"a": 1}', "{}", "", "null", '{"a": "one\ntwo"}'])
def test_valid_arguments_get_no_ending(arguments: str) -> None:
    assert invalidating_ending(arguments, truncated=False) == ""


@output_versions
def test_truncated_arguments_make_no_block_of_a_call(output_version: str | None) -> None:
    delta = {"tool_calls": [call(0, '{"path": "/home', "WcG8xhSs1", "remove")]}
    chat = model(delta, finish="length", output_version=output_version)
    message = merged(list(chat.stream("go")))
    assert message.tool_calls == []
    assert [invalid["name"] for invalid in message.invalid_tool_calls] == ["remove"]
    # In v1 content, LangChain leaves the fragments of an invalid call as they are.
    type_ = "tool_call_chunk" if output_version == "v1" else "invalid_tool_call"
    assert [block["type"] for block in message.content_blocks] == [type_]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_truncated_arguments_are_not_run_by_invoke_either(asynchronous: bool) -> None:
    delta = {"tool_calls": [call(0, '{"path": "/home', "WcG8xhSs1", "remove")]}
    chat = model(delta, finish="length", streaming=True)
    message = await chat.ainvoke("go") if asynchronous else chat.invoke("go")
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["name"] == "remove"


# --- content blocks


@output_versions
def test_empty_text_does_not_split_a_block(output_version: str | None) -> None:
    empty = {"content": [{"type": "text", "text": ""}]}
    first, second, third, *rest = THINKING_THEN_CITED_TEXT
    deltas = [empty, first, empty, {"content": ""}, second, third, empty, *rest]
    message = merged(list(model(*deltas, output_version=output_version).stream("go")))
    types = [block["type"] for block in message.content_blocks]
    assert types == ["reasoning", "text", "text", "tool_call"]


@output_versions
def test_thinking_text_and_citations_keep_their_order(output_version: str | None) -> None:
    chat = model(*THINKING_THEN_CITED_TEXT, output_version=output_version)
    message = merged(list(chat.stream("go")))
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


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def cited(*ids: int | str) -> dict[str, Any]:
    return {"type": "reference", "reference_ids": list(ids)}


CITED: dict[str, list[Any]] = {
    "plain text, then a citation": ["Pa", "ris", [cited(1)], " is nice."],
    "text and citation in one delta": [[text("Paris"), cited(1), text(" is")], " nice."],
    "several citations in one delta": [[text("Par"), text("is"), cited(1), cited(2, "a")]],
    "several citations of plain text": ["Paris", [cited(1)], [cited(2)], " ok", [cited(3)]],
    "citation first": [[cited(1)], "Paris"],
    "citation and text in one delta": ["Paris", [cited(1), text(" is")], " nice", [cited(2)]],
}


@output_versions
@pytest.mark.parametrize("name", CITED)
def test_citations_are_blocks_as_in_whole_answers(name: str, output_version: str | None) -> None:
    deltas = CITED[name]
    lists = [[text(delta)] if isinstance(delta, str) else delta for delta in deltas]
    whole_content = [part for parts in lists for part in parts]
    wire = network(answer(whole_content), stream(*({"content": delta} for delta in deltas)))
    connection: dict[str, Any] = {"api_key": "k", "base_url": "https://mistral.test"}
    chat = ChatPortkeyMistral(**connection, **wire.clients, output_version=output_version)
    whole, streamed = chat.invoke("go"), merged(list(chat.stream("go")))
    blocks: list[list[Any]] = [
        [
            {key: value for key, value in block.items() if key != "index"}
            for block in each.content_blocks
        ]
        for each in (whole, streamed)
    ]
    assert blocks[0] == blocks[1]


@pytest.mark.parametrize("output_version", [None, "v1"])
def test_a_citation_of_plain_text_is_on_that_text(output_version: str | None) -> None:
    deltas = [
        {"content": "Paris"},
        {"content": [{"type": "reference", "reference_ids": [1]}]},
        {"content": " is nice."},
    ]
    message = merged(list(model(*deltas, output_version=output_version).stream("go")))
    first, second = message.content_blocks
    assert (first["text"], second["text"]) == ("Paris", " is nice.")
    assert first["annotations"]
    assert "annotations" not in second


def test_blocks_and_tool_calls_share_one_index_space() -> None:
    builder = ChunkBuilder()
    deltas = [
        Delta(text="a"),
        Delta(tool_calls=(ToolCallDelta(0, "x", "f", "{}"),)),
        Delta(parts=(ThinkingPart("hm", closed=False),)),
        Delta(parts=(ThinkingPart("!"), TextPart("b")), text="b"),
        Delta(tool_calls=(ToolCallDelta(1, "y", "g", "{}"),)),
        Delta(parts=(ReferencePart((1,)),)),
        Delta(text="c"),
    ]
    chunks = [chunk for delta in deltas if (chunk := builder.add(delta))]
    indexes = [[block["index"] for block in chunk.content_blocks] for chunk in chunks]
    assert indexes == [[0], [1], [2], [2, 3], [4], [3], [5]]
