"""LangChain's messages, in every vendor's spelling, become the core's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_portkey_mistral.messages_in import to_messages
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReferencePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    UnknownPart,
)

PNG = "iVBORw0KGgo="
PNG_URL = f"data:image/png;base64,{PNG}"
PDF_URL = "data:application/pdf;base64,JVBERi0="
WEB = "https://example.org/a"

BLOCKS: dict[str, tuple[dict[str, Any] | str, tuple[Part, ...]]] = {
    # text
    "bare string": ("hi", (TextPart("hi"),)),
    "text": ({"type": "text", "text": "hi"}, (TextPart("hi"),)),
    "text without a type": ({"text": "hi"}, (TextPart("hi"),)),
    "text with marks for others": (
        {
            "type": "text",
            "text": "hi",
            "id": "x",
            "index": 0,
            "cache_control": {"type": "ephemeral"},
        },
        (TextPart("hi"),),
    ),
    "empty text": ({"type": "text", "text": ""}, ()),
    "openai responses text": ({"type": "output_text", "text": "hi"}, (TextPart("hi"),)),
    "refusal": ({"type": "refusal", "refusal": "No."}, (TextPart("No."),)),
    "v1 plain text": (
        {"type": "text-plain", "text": "hi", "mime_type": "text/plain"},
        (TextPart("hi"),),
    ),
    "bedrock cache point": ({"cachePoint": {"type": "default"}}, ()),
    # images
    "openai image": ({"type": "image_url", "image_url": {"url": WEB}}, (ImagePart(WEB),)),
    "openai image with detail": (
        {"type": "image_url", "image_url": {"url": WEB, "detail": "low"}},
        (ImagePart(WEB, "low"),),
    ),
    "mistral image": ({"type": "image_url", "image_url": WEB}, (ImagePart(WEB),)),
    "openai responses image": (
        {"type": "input_image", "image_url": WEB, "detail": "high"},
        (ImagePart(WEB, "high"),),
    ),
    "v1 image url": ({"type": "image", "url": WEB}, (ImagePart(WEB),)),
    "v1 image data": (
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        (ImagePart(PNG_URL),),
    ),
    "v1 image data of unsaid type": ({"type": "image", "base64": PNG}, (ImagePart(PNG_URL),)),
    "v1 image file": ({"type": "image", "file_id": "f1"}, (FilePart("f1"),)),
    "v0 image url": ({"type": "image", "source_type": "url", "url": WEB}, (ImagePart(WEB),)),
    "v0 image data": (
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        (ImagePart(PNG_URL),),
    ),
    "v0 image file": ({"type": "image", "source_type": "id", "id": "f1"}, (FilePart("f1"),)),
    "anthropic image data": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        (ImagePart(PNG_URL),),
    ),
    "anthropic image url": (
        {"type": "image", "source": {"type": "url", "url": WEB}},
        (ImagePart(WEB),),
    ),
    # documents
    "v1 pdf": (
        {"type": "file", "base64": "JVBERi0=", "mime_type": "application/pdf"},
        (DocumentPart(PDF_URL),),
    ),
    "v1 pdf with a name": (
        {
            "type": "file",
            "base64": "JVBERi0=",
            "mime_type": "application/pdf",
            "extras": {"filename": "a.pdf"},
        },
        (DocumentPart(PDF_URL, "a.pdf"),),
    ),
    "v1 file url": ({"type": "file", "url": WEB}, (DocumentPart(WEB),)),
    "v1 file id": ({"type": "file", "file_id": "f1"}, (FilePart("f1"),)),
    "v1 file that is an image": (
        {"type": "file", "base64": PNG, "mime_type": "image/png"},
        (ImagePart(PNG_URL),),
    ),
    "v1 file that is text": (
        {"type": "file", "base64": "aMOp", "mime_type": "text/markdown"},
        (TextPart("hé"),),
    ),
    "v0 pdf": (
        {
            "type": "file",
            "source_type": "base64",
            "data": "JVBERi0=",
            "mime_type": "application/pdf",
            "filename": "a.pdf",
        },
        (DocumentPart(PDF_URL, "a.pdf"),),
    ),
    "v0 text file": (
        {"type": "file", "source_type": "text", "text": "hi", "mime_type": "text/plain"},
        (TextPart("hi"),),
    ),
    "openai file": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_URL}},
        (DocumentPart(PDF_URL, "a.pdf"),),
    ),
    "openai file id": ({"type": "file", "file": {"file_id": "f1"}}, (FilePart("f1"),)),
    "openai responses file": (
        {"type": "input_file", "file_url": WEB, "filename": "a.pdf"},
        (DocumentPart(WEB, "a.pdf"),),
    ),
    "anthropic document": (
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "A",
        },
        (DocumentPart(PDF_URL, "A"),),
    ),
    "anthropic text document": (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        (TextPart("hi"),),
    ),
    "anthropic document of blocks": (
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "hi"}]},
        },
        (TextPart("hi"),),
    ),
    "mistral document": (
        {"type": "document_url", "document_url": WEB, "document_name": "a"},
        (DocumentPart(WEB, "a"),),
    ),
    # audio
    "openai audio": (
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        (AudioPart("UklGRg==", "wav"),),
    ),
    "mistral audio": ({"type": "input_audio", "input_audio": WEB}, (AudioPart(WEB),)),
    "v1 audio": (
        {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/x-wav"},
        (AudioPart("UklGRg==", "wav"),),
    ),
    "v1 audio url": (
        {"type": "audio", "url": WEB, "mime_type": "audio/mpeg"},
        (AudioPart(WEB, "mp3"),),
    ),
    # thinking and references
    "v1 reasoning": ({"type": "reasoning", "reasoning": "hm"}, (ThinkingPart("hm"),)),
    "openai reasoning": (
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "id": "rs_1"},
        (ThinkingPart("hm"),),
    ),
    "openai reasoning, encrypted": (
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        (),
    ),
    "anthropic thinking": (
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        (ThinkingPart("hm"),),
    ),
    "mistral thinking": (
        {
            "type": "thinking",
            "thinking": [
                {"type": "text", "text": "hm"},
                {"type": "reference", "reference_ids": [1]},
            ],
        },
        (ThinkingPart("hm", references=({"type": "reference", "reference_ids": [1]},)),),
    ),
    "anthropic redacted thinking": ({"type": "redacted_thinking", "data": "x"}, ()),
    "mistral reference": (
        {"type": "reference", "reference_ids": [1, "b"]},
        (ReferencePart((1, "b")),),
    ),
    "our citation": (
        {
            "type": "text",
            "text": "so",
            "annotations": [
                {"type": "citation", "url": WEB},
                {"type": "citation", "extras": {"reference_ids": [1]}},
            ],
        },
        (TextPart("so"), ReferencePart((1,))),
    ),
    "wrapped known block": (
        {"type": "non_standard", "value": {"type": "document_url", "document_url": WEB}},
        (DocumentPart(WEB),),
    ),
    "wrapped new block": (
        {"type": "non_standard", "value": {"type": "hologram", "x": 1}},
        (UnknownPart({"type": "hologram", "x": 1}),),
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("role", [SystemMessage, HumanMessage, AIMessage])
def test_each_spelling_of_a_block_is_read(name: str, role: type[BaseMessage]) -> None:
    block, expected = BLOCKS[name]
    (message,) = to_messages([role(content=[block])])
    assert message.content == expected


@pytest.mark.parametrize("name", BLOCKS)
def test_tool_results_hold_the_same_blocks(name: str) -> None:
    block, expected = BLOCKS[name]
    (message,) = to_messages([ToolMessage([block], tool_call_id="abc")])
    assert message == Message.tool(expected, tool_call_id="abc")


UNSENDABLE: dict[str, tuple[dict[str, Any], str]] = {
    "video": ({"type": "video", "url": WEB}, "a block of type 'video' cannot be sent"),
    "server tool": (
        {"type": "server_tool_call", "id": "1", "name": "web_search", "args": {}},
        "a block of type 'server_tool_call' cannot be sent",
    ),
    "video file": (
        {"type": "file", "base64": "AAAA", "mime_type": "video/mp4"},
        "Mistral reads no video",
    ),
    "image without data": ({"type": "image", "mime_type": "image/png"}, "it holds no data"),
    "image of unknown type": ({"type": "image", "base64": "AAAA"}, "needs a 'mime_type'"),
    "image url without url": ({"type": "image_url", "image_url": {}}, "'image_url' must be a URL"),
    "text file that is none": (
        {"type": "file", "base64": "////", "mime_type": "text/plain"},
        "is not UTF-8 text",
    ),
    "no type": ({"foo": 1}, "a block of type 'unknown' cannot be sent"),
}


@pytest.mark.parametrize("name", UNSENDABLE)
def test_what_mistral_cannot_be_told_is_named_with_its_place(name: str) -> None:
    block, text = UNSENDABLE[name]
    history = [SystemMessage("s"), HumanMessage([{"type": "text", "text": "look"}, block])]
    with pytest.raises(InvalidRequestError, match=text) as caught:
        to_messages(history)
    assert str(caught.value).startswith("messages[1].content[1]")


TURNS: dict[str, tuple[BaseMessage, list[Message]]] = {
    "system": (SystemMessage("be kind"), [Message.system("be kind")]),
    "human": (HumanMessage("hi"), [Message.user("hi")]),
    "human with a name": (HumanMessage("hi", name="ada"), [Message("user", "hi", name="ada")]),
    "developer": (ChatMessage("be kind", role="developer"), [Message.system("be kind")]),
    "chat message": (ChatMessage("hi", role="user"), [Message.user("hi")]),
    "assistant": (AIMessage("hello"), [Message.assistant("hello")]),
    "assistant prefix": (
        AIMessage("def ", additional_kwargs={"prefix": True}),
        [Message("assistant", "def ", prefix=True)],
    ),
    "assistant chunk": (AIMessageChunk("hello"), [Message.assistant("hello")]),
    "tool": (
        ToolMessage("42", tool_call_id="abc", name="add", status="error", artifact="a"),
        [Message.tool("42", tool_call_id="abc", name="add")],
    ),
    "text beside calls": (
        AIMessage("I look.", tool_calls=[{"name": "f", "args": {"x": "é"}, "id": "1"}]),
        [Message.assistant("I look.", tool_calls=(ToolCall("1", "f", '{"x": "é"}'),))],
    ),
    "unreadable call": (
        AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{x", "id": "1", "error": "bad"}]),
        [Message.assistant("", tool_calls=(ToolCall("1", "f", "{x"),))],
    ),
    "openai calls in additional_kwargs": (
        AIMessage(
            "",
            additional_kwargs={
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"x": 1}'},
                    }
                ]
            },
        ),
        [Message.assistant("", tool_calls=(ToolCall("1", "f", '{"x": 1}'),))],
    ),
    "anthropic call in both places": (
        AIMessage(
            [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}},
            ],
            tool_calls=[{"name": "f", "args": {"x": 1}, "id": "1"}],
        ),
        [Message.assistant((TextPart("I look."),), tool_calls=(ToolCall("1", "f", '{"x": 1}'),))],
    ),
    "anthropic call in the content only": (
        AIMessage([{"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]),
        [Message.assistant((), tool_calls=(ToolCall("1", "f", '{"x": 1}'),))],
    ),
    "v1 call": (
        AIMessage(content_blocks=[{"type": "tool_call", "id": "1", "name": "f", "args": {"x": 1}}]),
        [Message.assistant((), tool_calls=(ToolCall("1", "f", '{"x": 1}'),))],
    ),
    "openai responses call": (
        AIMessage([{"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}]),
        [Message.assistant((), tool_calls=(ToolCall("1", "f", "{}"),))],
    ),
    "reasoning beside the content": (
        AIMessage("4", additional_kwargs={"reasoning_content": "2+2"}),
        [Message.assistant((ThinkingPart("2+2"), TextPart("4")))],
    ),
    "anthropic tool results in a human message": (
        HumanMessage(
            [
                {"type": "tool_result", "tool_use_id": "1", "content": "42"},
                {
                    "type": "tool_result",
                    "tool_use_id": "2",
                    "content": [{"type": "text", "text": "7"}],
                },
                {"type": "text", "text": "And now?"},
            ]
        ),
        [
            Message.tool("42", tool_call_id="1"),
            Message.tool((TextPart("7"),), tool_call_id="2"),
            Message.user((TextPart("And now?"),)),
        ],
    ),
    "anthropic tool result alone": (
        HumanMessage([{"type": "tool_result", "tool_use_id": "1", "content": "42"}]),
        [Message.tool("42", tool_call_id="1")],
    ),
}


@pytest.mark.parametrize("name", TURNS)
def test_each_message_becomes_its_turns(name: str) -> None:
    message, expected = TURNS[name]
    before = copy.deepcopy(message)
    assert to_messages([message]) == expected
    assert message == before


@pytest.mark.parametrize(
    "message",
    [
        FunctionMessage(name="f", content="x"),
        RemoveMessage(id="1"),
        ChatMessage("x", role="wizard"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_for_nobody_is_refused(message: BaseMessage) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]"):
        to_messages([message])


@pytest.mark.parametrize(
    ("provider", "signature"),
    [("portkey-mistral", "sig"), ("mistralai", "sig"), ("anthropic", None), (None, None)],
)
def test_only_mistrals_own_signatures_go_back_to_it(
    provider: str | None, signature: str | None
) -> None:
    block = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}}
    metadata = {"model_provider": provider} if provider else {}
    (message,) = to_messages([AIMessage([block], response_metadata=metadata)])
    assert message.content == (ThinkingPart("hm", signature=signature),)


def test_another_vendors_own_block_is_refused_by_name() -> None:
    block = {"type": "non_standard", "value": {"type": "web_search_call"}}
    message = AIMessage([block], response_metadata={"model_provider": "openai"})
    with pytest.raises(InvalidRequestError, match="'web_search_call' is openai's own"):
        to_messages([message])
