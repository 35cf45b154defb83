"""Content and events: none by default, and by the standard variables of OpenTelemetry in their form."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import ChatRequest, Client, FIMRequest, Message, Tool, ToolCall
from portkey_mistral._telemetry import capture
from portkey_mistral.exceptions import RateLimitError
from portkey_mistral.messages import AudioPart, DocumentPart, FilePart, ImagePart, TextPart
from scripted import Network, answer, network, stream
from scripted import call as tool_call
from telemetry import Watched

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EMIT = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"
DETAILS = "gen_ai.client.inference.operation.details"
MESSAGES = {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"}
every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED])


def client(replies: Network) -> Client:
    return Client(
        base_url="https://api.test/v1", api_key="sk-secret", max_retries=0, **replies.clients
    )


def reply(kind: Kind) -> httpx.Response:
    return answer("Hi!") if kind in KINDS else stream({"content": "Hi!"})


@every
@pytest.mark.parametrize(
    ("mode", "emit", "on_span", "events", "in_event"),
    [
        ("", "", False, 0, False),
        ("NO_CONTENT", "", False, 0, False),
        ("span_only", "", True, 0, False),
        ("EVENT_ONLY", "", False, 1, True),
        ("SPAN_AND_EVENT", "", True, 1, True),
        ("SPAN_AND_EVENT", "false", True, 0, False),
        ("", "true", False, 1, False),
        ("true", "", False, 0, False),
    ],
)
def test_what_is_captured(
    kind, mode, emit, on_span, events, in_event, otel: Watched, monkeypatch
) -> None:
    monkeypatch.setenv(CAPTURE, mode)
    monkeypatch.setenv(EMIT, emit)
    kind.run(client(network(reply(kind))), ask("Hello?"), None)
    assert bool(MESSAGES & set(otel.call.attributes)) == on_span
    assert [event.event_name for event in otel.events] == [DETAILS] * events
    for event in otel.events:
        assert bool(MESSAGES & set(event.attributes)) == in_event
        assert event.attributes["gen_ai.response.id"] == otel.call.attributes["gen_ai.response.id"]
        assert event.span_id == otel.call.context.span_id


def test_an_unknown_mode_is_named_in_the_log(otel: Watched, monkeypatch, caplog) -> None:
    capture._capture.cache_clear()
    monkeypatch.setenv(CAPTURE, "everything")
    with caplog.at_level(logging.WARNING, "portkey_mistral"):
        client(network(answer("a"))).chat(ask())
    assert "'everything' is not one of NO_CONTENT, SPAN_ONLY" in caplog.text


@every
def test_the_form_of_messages(kind: Kind, otel: Watched, monkeypatch) -> None:
    monkeypatch.setenv(CAPTURE, "SPAN_AND_EVENT")
    request = ChatRequest(
        model="mistral-small-latest",
        messages=[
            Message.system("Be brief."),
            Message.user(
                (
                    TextPart("Look: sk-secret"),
                    ImagePart("https://images.test/a.png"),
                    ImagePart("data:image/png;base64,AAAA"),
                    DocumentPart("https://documents.test/a.pdf"),
                    FilePart("f1"),
                )
            ),
            Message.assistant(tool_calls=(ToolCall("123456789", "add", '{"a": 1}'),)),
            Message.tool("2", tool_call_id="123456789", name="add"),
        ],
        tools=[Tool("add", "Adds.")],
    )
    delta = tool_call(0, '{"b": 2}', "987654321", "add")
    replied = (
        answer("Two.", delta, finish="tool_calls")
        if kind in KINDS
        else stream({"content": "Two."}, {"tool_calls": [delta]}, finish="tool_calls")
    )
    kind.run(client(network(replied)), request, None)
    on_span = {name: json.loads(otel.call.attributes[name]) for name in MESSAGES}
    (event,) = otel.events
    in_event = {name: event.attributes[name] for name in MESSAGES}
    assert json.loads(json.dumps(in_event, default=list_or_dict)) == on_span
    assert on_span["gen_ai.input.messages"] == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look: ***"},
                {"type": "uri", "modality": "image", "uri": "https://images.test/a.png"},
                {
                    "type": "blob",
                    "modality": "image",
                    "mime_type": "image/png",
                    "content": "AAAA",
                },
                {"type": "uri", "modality": "document", "uri": "https://documents.test/a.pdf"},
                {"type": "file", "file_id": "f1"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "123456789", "name": "add", "arguments": {"a": 1}}
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "123456789", "result": "2"}],
        },
    ]
    assert on_span["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "finish_reason": "tool_calls",
            "parts": [
                {"type": "text", "content": "Two."},
                {"type": "tool_call", "id": "987654321", "name": "add", "arguments": {"b": 2}},
            ],
        }
    ]
    (tool,) = on_span["gen_ai.tool.definitions"]
    assert (tool["type"], tool["name"]) == ("function", "add")


def list_or_dict(value: object) -> object:
    """Return what JSON takes for OpenTelemetry's immutable containers."""
    return dict(value) if hasattr(value, "keys") else list(value)  # type: ignore[call-overload]


def test_thinking_audio_and_a_completion(otel: Watched, monkeypatch) -> None:
    monkeypatch.setenv(CAPTURE, "SPAN_ONLY")
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    replies = network(answer([thought, {"type": "text", "text": "Yes."}]), answer("x"))
    mine = client(replies)
    audio = Message.user((AudioPart("AAAA", "wav"),))
    mine.chat(ChatRequest(model="voxtral-small-latest", messages=[audio]))
    mine.fim(FIMRequest(model="codestral-latest", prompt="def", suffix="end"))
    chat, completion = ({name: json.loads(call.attributes[name]) for name in MESSAGES if name in call.attributes} for call in otel.calls)  # fmt: skip
    assert (
        chat["gen_ai.input.messages"][0]["parts"][0].items()
        >= {
            "type": "blob",
            "modality": "audio",
        }.items()
    )
    assert chat["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Yes."},
    ]
    assert completion["gen_ai.input.messages"][0]["parts"] == [
        {"type": "text", "content": "def"},
        {"type": "suffix", "content": "end"},
    ]


@every
def test_the_event_of_an_error(kind: Kind, otel: Watched) -> None:
    refused = httpx.Response(429, json={"message": "no: sk-secret"})
    with pytest.raises(RateLimitError):
        kind.run(client(network(refused)), ask(), None)
    (event,) = otel.events
    assert event.event_name == "gen_ai.client.operation.exception"
    assert event.severity_number.value == 13
    assert event.attributes["exception.type"] == "portkey_mistral.exceptions.RateLimitError"
    assert event.attributes["error.type"] == "429"
    assert "no: ***" in event.attributes["exception.message"]
    assert event.span_id == otel.call.context.span_id


@pytest.mark.parametrize("mode", ["NO_CONTENT", "SPAN_AND_EVENT"])
@pytest.mark.parametrize(
    "extra",
    [
        {"stop": 5, "n": "many", "temperature": "hot", "response_format": 3, "encoding_format": []},
        {"stop": [1, None], "tools": "none"},
        {"messages": [5, {}, {"role": 3, "content": 4, "tool_calls": [1, {"function": 2}]}]},
        {"messages": [{"role": "tool", "content": [{"type": "thinking", "thinking": 1}, 2]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 1}, None]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": ""}]}]},
        {"tools": [1, {"type": "function", "function": 1}], "prompt": 1, "suffix": 2},
    ],
)
def test_no_body_of_a_users_own_breaks_a_call(extra, mode, otel: Watched, monkeypatch) -> None:
    monkeypatch.setenv(CAPTURE, mode)
    assert client(network(answer("fine"))).chat(ask(extra=extra)).text == "fine"
    assert otel.call.attributes["gen_ai.response.model"] == "mistral-small-2603"
