"""The core's responses and streams as LlamaIndex objects."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import TextBlock, ThinkingBlock, ToolCallBlock
from pydantic import BaseModel

from llamaindex_portkey_mistral._responses import from_response, to_completion
from llamaindex_portkey_mistral._streaming import ResponseStream
from portkey_mistral.messages import Message, TextPart, ThinkingPart, ToolCall
from portkey_mistral.responses import (
    AttemptRecord,
    CallInfo,
    ChatResponse,
    Choice,
    Delta,
    ToolCallDelta,
    Usage,
)

USAGE = Usage(11, 7, 18, cached_tokens=3)
TWO_CALLS = (ToolCall("aaaaaaaaa", "f", "{}"), ToolCall("bbbbbbbbb", "g", '{"x":1}'))


def response(*messages: Message, usage: Usage | None = USAGE, **fields) -> ChatResponse:
    return ChatResponse(
        id="i",
        model="m",
        choices=tuple(Choice(i, message, "stop") for i, message in enumerate(messages)),
        usage=usage,
        **fields,
    )


def test_usage_is_where_token_counters_look():
    raw = {"id": "i", "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}
    shown = from_response(response(Message.assistant("Hi"), raw=raw), {}, single_call=False)
    assert shown.raw == raw
    assert shown.raw is not raw
    assert shown.additional_kwargs["finish_reason"] == "stop"
    assert {k: shown.additional_kwargs[k] for k in ("prompt_tokens", "cached_tokens")} == {
        "prompt_tokens": 11,
        "cached_tokens": 3,
    }


def test_usage_is_in_raw_even_if_the_body_had_none():
    shown = from_response(response(Message.assistant("Hi")), {}, single_call=False)
    assert shown.raw["usage"]["completion_tokens"] == 7


def test_an_estimate_is_marked_and_no_usage_is_none():
    estimated = response(Message.assistant("Hi"), usage=Usage(1, 2, 3, estimated=True))
    assert from_response(estimated, {}, single_call=False).additional_kwargs["estimated"] is True
    silent = from_response(response(Message.assistant("Hi"), usage=None), {}, single_call=False)
    assert "usage" not in silent.raw
    assert "prompt_tokens" not in silent.additional_kwargs


def test_call_info_has_plain_values():
    info = CallInfo(
        mode="gateway",
        trace_id="t",
        attempts=(AttemptRecord("config.targets[1]", "mistral-ai", "m", 1, 200),),
        lost=("safe_prompt",),
    )
    shown = from_response(response(Message.assistant("Hi"), info=info), {}, single_call=False)
    call_info = shown.additional_kwargs["call_info"]
    assert (call_info["mode"], call_info["trace_id"], call_info["lost"]) == (
        "gateway",
        "t",
        ["safe_prompt"],
    )
    assert call_info["attempts"][0]["path"] == "config.targets[1]"


def test_other_choices_are_kept():
    shown = from_response(response(*map(Message.assistant, "abc")), {}, single_call=False)
    assert shown.message.content == "a"
    assert shown.additional_kwargs["alternatives"] == ["b", "c"]


@pytest.mark.parametrize(("single", "expected"), [(False, ["f", "g"]), (True, ["f"])])
def test_a_single_call_is_enforced(single, expected):
    message = Message.assistant(tool_calls=TWO_CALLS)
    shown = from_response(response(message), {}, single_call=single).message
    assert [block.tool_name for block in shown.blocks] == expected
    assert [call["function"]["name"] for call in shown.additional_kwargs["tool_calls"]] == expected


def test_tool_names_are_mapped_back():
    message = Message.assistant(tool_calls=(ToolCall("aaaaaaaaa", "my_docs"),))
    shown = from_response(response(message), {"my_docs": "my docs"}, single_call=False)
    assert shown.message.blocks[0].tool_name == "my docs"


def test_logprobs_are_lists_with_the_token_first():
    content = [
        {
            "token": "Hi",
            "logprob": -0.1,
            "bytes": [72, 105],
            "top_logprobs": [
                {"token": "Hi", "logprob": -0.1, "bytes": [72, 105]},
                {"token": "Ho", "logprob": -2.0, "bytes": None},
            ],
        }
    ]
    choice = Choice(0, Message.assistant("Hi"), "stop", {"content": content})
    shown = from_response(ChatResponse(None, "m", (choice,), None), {}, single_call=False)
    assert [[entry.token for entry in token] for token in shown.logprobs] == [["Hi", "Ho"]]


def test_a_completion_does_not_change_the_chat_response():
    shown = from_response(
        response(Message.assistant("Hi", tool_calls=TWO_CALLS)), {}, single_call=False
    )
    completion = to_completion(shown)
    assert completion.text == "Hi"
    assert completion.additional_kwargs["prompt_tokens"] == 11
    assert "prompt_tokens" not in shown.message.additional_kwargs


def stream(*deltas: Delta, single_call: bool = False):
    responses = ResponseStream({"f_": "f"}, single_call=single_call)
    items = [item for delta in deltas if (item := responses.add(delta)) is not None]
    return [*items, responses.finish(CallInfo())]


def test_a_stream_ends_with_the_whole_message():
    items = stream(
        Delta(raw={"role": True}),
        Delta(text="Où "),
        Delta(text="?"),
        Delta(finish_reason="stop", raw={"n": 3}),
        Delta(choice=-1, usage=USAGE, raw={"usage": {"prompt_tokens": 11}}),
    )
    assert [(item.delta, item.message.content) for item in items] == [
        ("Où ", "Où "),
        ("?", "Où ?"),
        ("", "Où ?"),
    ]
    assert items[-1].message.blocks == [TextBlock(text="Où ?")]
    assert items[-1].raw == {"usage": {"prompt_tokens": 11}}
    assert items[-1].additional_kwargs["total_tokens"] == 18
    assert items[-1].additional_kwargs["finish_reason"] == "stop"
    assert "finish_reason" not in items[0].additional_kwargs


def test_usage_is_on_the_last_item_even_if_more_events_follow():
    items = stream(
        Delta(text="a", finish_reason="stop", usage=USAGE, raw={"usage": {"prompt_tokens": 11}}),
        Delta(raw={"p": "padding"}),
    )
    assert [item.delta for item in items] == ["a", ""]
    assert items[-1].raw["usage"] == {"prompt_tokens": 11}


def test_an_item_is_not_changed_by_the_next():
    first, second, _ = stream(Delta(text="a"), Delta(text="b"))
    assert (first.message.content, second.message.content) == ("a", "ab")


def test_thinking_is_separate_from_the_text():
    items = stream(
        Delta(parts=(ThinkingPart("Hm", closed=False),)),
        Delta(parts=(ThinkingPart("m."),)),
        Delta(parts=(TextPart("42"),), text="42"),
    )
    assert [item.additional_kwargs.get("thinking_delta") for item in items[:3]] == [
        "Hm",
        "m.",
        None,
    ]
    assert [item.delta for item in items] == ["", "", "42", ""]
    assert items[-1].message.blocks == [ThinkingBlock(content="Hmm."), TextBlock(text="42")]
    assert items[-1].message.content == "42"


def test_fragments_of_calls_are_joined():
    deltas = (
        Delta(text="Let me see."),
        Delta(tool_calls=(ToolCallDelta(0, "aaaaaaaaa", "f_", '{"x"'),)),
        Delta(
            tool_calls=(ToolCallDelta(0, None, None, ": 1}"), ToolCallDelta(1, "b" * 9, "g", "{}"))
        ),
    )
    whole = stream(*deltas)
    assert whole[1].message.blocks[1].tool_kwargs == '{"x"'
    assert whole[-1].message.blocks[1:] == [
        ToolCallBlock(tool_call_id="aaaaaaaaa", tool_name="f", tool_kwargs={"x": 1}),
        ToolCallBlock(tool_call_id="bbbbbbbbb", tool_name="g", tool_kwargs={}),
    ]
    trimmed = stream(*deltas, single_call=True)
    assert all(len(item.message.additional_kwargs.get("tool_calls", [])) <= 1 for item in trimmed)


def test_the_first_choice_is_streamed_and_the_others_are_kept():
    items = stream(Delta(choice=1, text="x"), Delta(text="a"), Delta(choice=1, text="y"))
    assert [item.delta for item in items] == ["a", ""]
    assert items[-1].additional_kwargs["alternatives"] == ["xy"]


def containers(value: object) -> list[int]:
    """Return the ids of all models and mutable containers within a response, `raw` excepted."""
    match value:
        case BaseModel():
            inner = [item for name, item in vars(value).items() if name != "raw"]
        case dict():
            inner = [*value.values()]
        case list():
            inner = value
        case _:
            return []
    return [id(value), *(found for item in inner for found in containers(item))]


def test_the_items_of_a_stream_share_no_container():
    items = stream(
        Delta(parts=(ThinkingPart("Hm"),)),
        Delta(text="a"),
        Delta(tool_calls=(ToolCallDelta(0, "a" * 9, "f_", '{"x": [1]}'),)),
    )
    ids = [found for item in items for found in containers(item)]
    assert len(ids) == len(set(ids)) > 20
