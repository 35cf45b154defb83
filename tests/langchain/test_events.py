"""`stream_events(version="v3")`: events that follow the protocol, in the order of the model's output.

`ChatPortkeyMistral` produces them natively. LangChain can also derive them from its chunks, for a model that wraps
ours; both have to be correct.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral import sandbox
from portkey_mistral.exceptions import StreamInterruptedError
from portkey_mistral.sandbox import Call, Fault
from scripted import call, network, sse, stream

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)


def thinking(*texts: str) -> list[dict[str, Any]]:
    return [
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
        for text in texts
    ]


CITED = [
    {"content": "Paris"},
    {"content": [{"type": "reference", "reference_ids": [1]}]},
    {"content": " and "},
    {"content": [{"type": "text", "text": "Rome"}, {"type": "reference", "reference_ids": [2, 3]}]},
    {"content": "."},
]
CALLED = [
    {"tool_calls": [call(0, '{"city":', "WcG8xhSs1", "weather")]},
    {"tool_calls": [call(0, ' "Paris"}', "null")]},
    {"tool_calls": [call(1, '{"zone": "CET"}', "WcG8xhSs2", "clock")]},
]
# Deltas, and the types of the blocks that they have to become, in order.
ANSWERS: dict[str, tuple[list[Mapping[str, Any]], list[str]]] = {
    "text": ([{"content": "It is "}, {"content": "sunny."}], ["text"]),
    "no content": ([{"content": ""}], []),
    "a call": (CALLED[:2], ["tool_call"]),
    "two calls": (CALLED, ["tool_call", "tool_call"]),
    "text and calls": ([{"content": "I look."}, *CALLED], ["text", "tool_call", "tool_call"]),
    "text within calls": (
        [*CALLED[:2], {"content": "And now."}, CALLED[2]],
        ["tool_call", "text", "tool_call"],
    ),
    "thinking and text": (
        [*thinking("Hm. ", "Well."), {"content": "Sunny."}],
        ["reasoning", "text"],
    ),
    "thinking twice": (
        [*thinking("Hm."), {"content": "Sunny."}, *thinking("Or?"), {"content": " Surely."}],
        ["reasoning", "text", "reasoning", "text"],
    ),
    "thinking and a call": ([*thinking("Hm."), *CALLED[:2]], ["reasoning", "tool_call"]),
    "citations": (CITED, ["text", "text", "text"]),
    "everything": (
        [*thinking("Hm."), *CITED, *CALLED],
        ["reasoning", "text", "text", "text", "tool_call", "tool_call"],
    ),
}
TEXTS = {"citations": ["Paris", " and Rome", "."], "everything": ["Paris", " and Rome", "."]}


async def events(chat: ChatPortkeyMistral, *, asynchronous: bool) -> tuple[list[Any], Any]:
    """Return all events of one answer, and the message that they make."""
    if asynchronous:
        run = await chat.astream_events("go", version="v3")
        seen = [event async for event in run]
        return seen, await run.output
    run = chat.stream_events("go", version="v3")
    return list(run), run.output


class Derived(ChatPortkeyMistral):
    """Leaves the events to LangChain, which derives them from the chunks."""

    _stream_chat_model_events: ClassVar[None] = None  # type: ignore[assignment]
    _astream_chat_model_events: ClassVar[None] = None  # type: ignore[assignment]


both = pytest.mark.parametrize("cls", [ChatPortkeyMistral, Derived], ids=["native", "derived"])


def model(
    cls: type[ChatPortkeyMistral], deltas: Sequence[Mapping[str, Any]], finish: str = "stop"
) -> ChatPortkeyMistral:
    wire = network(stream(*deltas, finish=finish))
    return cls(api_key="k", base_url="https://mistral.test", **wire.clients)


@both
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_events_are_valid_and_in_order(
    asynchronous: bool, cls: type[ChatPortkeyMistral]
) -> None:
    for name, (deltas, expected) in ANSWERS.items():
        seen, message = await events(model(cls, deltas), asynchronous=asynchronous)
        assert_valid_event_stream(seen)
        started = [e["content"]["type"] for e in seen if e["event"] == "content-block-start"]
        assert [type_.removesuffix("_chunk") for type_ in started] == expected, name
        assert [block["type"] for block in message.content_blocks] == expected, name
        assert message.response_metadata["model_provider"] == "portkey-mistral"
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.usage_metadata["total_tokens"] == 15


@both
@pytest.mark.parametrize("name", TEXTS)
def test_citations_are_on_their_text(name: str, cls: type[ChatPortkeyMistral]) -> None:
    deltas, _ = ANSWERS[name]
    chat = model(cls, deltas)
    message = chat.stream_events("go", version="v3").output
    blocks = [block for block in message.content_blocks if block["type"] == "text"]
    assert [block["text"] for block in blocks] == TEXTS[name]
    cited = [
        [citation["extras"]["reference_ids"] for citation in block.get("annotations", ())]
        for block in blocks
    ]
    assert cited == [[[1]], [[2, 3]], []]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    "fault",
    [Fault(split_calls=True), Fault(usage="alone"), Fault(piece_bytes=1), Fault(framing="crlf")],
    ids=["fragmented calls", "usage event", "byte by byte", "crlf"],
)
async def test_events_are_valid_however_the_stream_is_framed(
    mistral_sandbox: sandbox.Sandbox, fault: Fault, asynchronous: bool
) -> None:
    mistral_sandbox.inject(fault)
    mistral_sandbox.reply(
        "I look.", thinking="Hm.", calls=[Call("weather", json.dumps({"city": "Paris"}))]
    )
    chat = ChatPortkeyMistral(base_url="sandbox:", reasoning_effort="high")
    seen, message = await events(chat, asynchronous=asynchronous)
    assert_valid_event_stream(seen)
    types = [block["type"] for block in message.content_blocks]
    assert types == ["reasoning", "text", "tool_call"]
    assert message.tool_calls[0]["args"] == {"city": "Paris"}


def test_reasoning_and_text_can_be_read_separately(mistral_sandbox: sandbox.Sandbox) -> None:
    mistral_sandbox.reply("It is sunny.", thinking="Let me see.")
    chat = ChatPortkeyMistral(base_url="sandbox:", reasoning_effort="high")
    run = chat.stream_events("go", version="v3")
    assert "".join(run.reasoning) == "Let me see."
    assert "".join(run.text) == "It is sunny."


@pytest.mark.parametrize("name", ANSWERS)
def test_the_message_equals_the_merged_chunks(name: str) -> None:
    deltas, _ = ANSWERS[name]
    message = model(ChatPortkeyMistral, deltas).stream_events("go", version="v3").output
    first, *rest = model(ChatPortkeyMistral, deltas).stream("go")
    merged = first + rest
    assert message.text == merged.text
    assert message.tool_calls == merged.tool_calls
    assert message.usage_metadata == merged.usage_metadata

    def facts(metadata: dict[str, Any]) -> dict[str, Any]:
        attempts = [
            {key: value for key, value in attempt.items() if "seconds" not in key}
            for attempt in metadata["attempts"]
        ]
        return metadata | {"attempts": attempts, "output_version": "v1"}

    assert facts(message.response_metadata) == facts(merged.response_metadata)


def test_the_start_event_has_the_message_id() -> None:
    run = model(ChatPortkeyMistral, ANSWERS["text"][0]).stream_events("go", version="v3")
    start, *_ = list(run)
    assert start["id"] == run.output.id
    assert start["id"].startswith("lc_run--")


def test_several_citations_of_one_text_are_kept() -> None:
    deltas = [{"content": "Paris"}] + [
        {"content": [{"type": "reference", "reference_ids": [number]}]} for number in (1, 2)
    ]
    first, *rest = model(ChatPortkeyMistral, deltas).stream("go")
    events = model(ChatPortkeyMistral, deltas).stream_events("go", version="v3")
    for message in (first + rest, events.output):
        (block,) = message.content_blocks
        assert block["text"] == "Paris"
        assert [each["extras"]["reference_ids"] for each in block["annotations"]] == [[1], [2]]


def test_a_refusal_is_kept() -> None:
    deltas = [{"refusal": "I would "}, {"refusal": "rather not."}]
    refusal = {"type": "refusal", "refusal": "I would rather not."}
    first, *rest = model(ChatPortkeyMistral, deltas).stream("go")
    assert (first + rest).content_blocks[0]["type"] == "refusal"
    # LangChain's events have no refusals.
    events = model(ChatPortkeyMistral, deltas).stream_events("go", version="v3")
    assert_valid_event_stream(list(events))
    (block,) = events.output.content_blocks
    assert (block["type"], block["value"]) == ("non_standard", refusal)


@pytest.mark.parametrize(("arguments", "finish"), [('{"city": ', "tool_calls"), ("", "length")])
def test_invalid_arguments_are_kept_with_an_error(arguments: str, finish: str) -> None:
    deltas = [{"tool_calls": [call(0, arguments, "WcG8xhSs1", "weather")]}]
    message = model(ChatPortkeyMistral, deltas, finish).stream_events("go", version="v3").output
    (invalid,) = message.invalid_tool_calls
    assert (invalid["name"], invalid["args"] or "") == ("weather", arguments)
    assert "not a JSON object" in invalid["error"]


@pytest.mark.parametrize("fault", [Fault(cut_after=3), Fault(error_after=3)], ids=["cut", "error"])
def test_an_interrupted_stream_raises(mistral_sandbox: sandbox.Sandbox, fault: Fault) -> None:
    mistral_sandbox.inject(fault)
    run = ChatPortkeyMistral(base_url="sandbox:").stream_events("Hello!", version="v3")
    with pytest.raises(StreamInterruptedError):
        list(run)


def test_log_probabilities_are_joined() -> None:
    choice = {"index": 0, "finish_reason": None}
    events = [
        {
            "id": "1",
            "model": "m",
            "choices": [
                choice
                | {
                    "delta": {"content": token},
                    "logprobs": {"content": [{"token": token, "logprob": -0.5}]},
                }
            ],
        }
        for token in "ab"
    ]
    ended = {
        "id": "1",
        "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }
    wire = network(sse([*events, ended]))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    metadata = chat.stream_events("go", version="v3").output.response_metadata
    assert [each["token"] for each in metadata["logprobs"]["content"]] == ["a", "b"]
