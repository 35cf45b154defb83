"""Answers become LangChain messages and results."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_portkey_mistral._from_langchain import to_messages
from langchain_portkey_mistral._to_langchain import to_chat_result
from portkey_mistral.messages import (
    Content,
    FilePart,
    Message,
    ReferencePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    UnknownPart,
)
from portkey_mistral.responses import AttemptRecord, CallInfo, ChatResponse, Choice, Usage


def response(*messages: Message, usage: Usage | None = None, **fields: Any) -> ChatResponse:
    choices = tuple(Choice(index, message, "stop") for index, message in enumerate(messages))
    return ChatResponse("id1", "mistral-small-2603", choices, usage, **fields)


def answer(content: Content = "", *calls: ToolCall, **fields: Any) -> AIMessage:
    result = to_chat_result(response(Message.assistant(content, tool_calls=calls), **fields))
    message = result.generations[0].message
    assert isinstance(message, AIMessage)
    return message


CONTENTS: dict[str, tuple[Content, str | list[Any]]] = {
    "text": ("Grüße 你好", "Grüße 你好"),
    "text parts": ((TextPart("a"), TextPart("b")), "ab"),
    "no content": ((), ""),
    "thinking": (
        (ThinkingPart("hm", signature="sig"), TextPart("so")),
        [
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}},
            {"type": "text", "text": "so"},
        ],
    ),
    "thinking and no text": (
        (TextPart(""), ThinkingPart("hm"), TextPart("")),
        [{"type": "reasoning", "reasoning": "hm"}],
    ),
    "citation": (
        (TextPart("a"), TextPart("b"), ReferencePart((1, 2)), TextPart("c")),
        [
            {
                "type": "text",
                "text": "ab",
                "annotations": [{"type": "citation", "extras": {"reference_ids": [1, 2]}}],
            },
            {"type": "text", "text": "c"},
        ],
    ),
    "two citations": (
        (TextPart("a"), ReferencePart((1,)), ReferencePart((2,))),
        [
            {
                "type": "text",
                "text": "a",
                "annotations": [
                    {"type": "citation", "extras": {"reference_ids": [1]}},
                    {"type": "citation", "extras": {"reference_ids": [2]}},
                ],
            },
        ],
    ),
    "unclosed thinking": (
        (ThinkingPart("hm", closed=False),),
        [{"type": "reasoning", "reasoning": "hm", "extras": {"closed": False}}],
    ),
    "unknown part": (
        (UnknownPart({"type": "hologram"}), FilePart("f1")),
        [
            {"type": "non_standard", "value": {"type": "hologram"}},
            {"type": "file", "file_id": "f1"},
        ],
    ),
    "refusal of an OpenAI target": (
        (UnknownPart({"type": "refusal", "refusal": "No."}),),
        [{"type": "refusal", "refusal": "No."}],
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_content_is_text_or_standard_blocks(name: str) -> None:
    content, expected = CONTENTS[name]
    assert answer(content).content == expected


@pytest.mark.parametrize("name", ["thinking", "citation", "two citations", "unknown part"])
def test_content_survives_a_round_trip(name: str) -> None:
    content, _ = CONTENTS[name]
    (message,) = to_messages([answer(content)])
    joined = tuple(part for part in message.content)
    assert Message.assistant(joined).text == Message.assistant(content).text
    kept = [part for part in joined if not isinstance(part, TextPart)]
    assert kept == [part for part in content if not isinstance(part, TextPart)]


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("{}", {}),
        ("null", {}),
        ('{"a": "x\ny"}', {"a": "x\ny"}),
    ],
)
def test_arguments_are_parsed(arguments: str, parsed: dict[str, Any]) -> None:
    message = answer("", ToolCall("abcdefghi", "f", arguments))
    assert message.tool_calls == [
        {"type": "tool_call", "id": "abcdefghi", "name": "f", "args": parsed}
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ('{"a": ', "EOF while parsing"),
        ("[1]", "not a JSON object"),
        ('{"a": NaN}', "expected value"),
    ],
)
def test_invalid_arguments_are_kept_with_the_error(arguments: str, error: str) -> None:
    message = answer("", ToolCall("1", "f", arguments), ToolCall("2", "g", "{}"))
    assert [call["name"] for call in message.tool_calls] == ["g"]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["id"], invalid["args"]) == ("1", arguments)
    assert error in str(invalid["error"])


def test_usage_has_details() -> None:
    usage = Usage(10, 5, 15, cached_tokens=4, reasoning_tokens=2, service_tier="auto")
    message = answer("hi", usage=usage)
    assert message.usage_metadata == {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_token_details": {"cache_read": 4},
        "output_token_details": {"reasoning": 2},
    }
    assert message.response_metadata["service_tier"] == "auto"


def test_audio_tokens_are_in_the_details() -> None:
    usage = Usage(10, 5, 15, cached_tokens=4, prompt_audio_tokens=3, completion_audio_tokens=1)
    metadata = answer("hi", usage=usage).usage_metadata
    assert metadata is not None
    assert metadata["input_token_details"] == {"cache_read": 4, "audio": 3}
    assert metadata["output_token_details"] == {"audio": 1}


def test_unreported_details_are_left_out() -> None:
    assert answer("hi", usage=Usage(10, 5, 15)).usage_metadata == {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
    }


def test_every_choice_is_a_generation_and_usage_is_on_the_first() -> None:
    result = to_chat_result(
        response(Message.assistant("a"), Message.assistant("b"), usage=Usage(10, 5, 15))
    )
    assert [generation.text for generation in result.generations] == ["a", "b"]
    usages = [generation.message.usage_metadata for generation in result.generations]
    assert usages[0]["total_tokens"] == 15
    assert usages[1] is None
    assert result.llm_output is not None
    assert result.llm_output["token_usage"]["total_tokens"] == 15


def test_response_metadata_has_the_call_info_as_json() -> None:
    attempts = (
        AttemptRecord("config.targets[0]", "mistral-ai", "mistral-small-latest", 1, 503, "down"),
        AttemptRecord("config.targets[1]", "openai", "gpt", 1, 200),
    )
    info = CallInfo(
        mode="gateway",
        lane="proxy",
        option_path="config.targets[1]",
        trace_id="t1",
        request_id="r1",
        rate_limits={"x-ratelimit-remaining-req-minute": "9"},
        attempts=attempts,
        lost=("safe_prompt",),
    )
    metadata = answer("hi", info=info).response_metadata
    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata["model_name"] == "mistral-small-2603"
    assert metadata["model_provider"] == "portkey-mistral"
    assert metadata["finish_reason"] == "stop"
    assert (metadata["id"], metadata["request_id"], metadata["trace_id"]) == ("id1", "r1", "t1")
    assert (metadata["mode"], metadata["lane"]) == ("gateway", "proxy")
    assert [attempt["status"] for attempt in metadata["attempts"]] == [503, 200]
    assert metadata["rate_limits"] == {"x-ratelimit-remaining-req-minute": "9"}
    assert metadata["lost"] == ["safe_prompt"]
    assert "retry_count" not in metadata
