"""Blocks and messages to the core's, and back."""

from __future__ import annotations

import base64
from copy import deepcopy
from types import SimpleNamespace

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from llamaindex_portkey_mistral._messages import from_message, to_messages
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    ReferencePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    UnknownPart,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PNG_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
PDF = b"%PDF-1.4 tiny"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt tiny"


def one(message: ChatMessage) -> Message:
    (read,) = to_messages([message])
    return read


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("chatbot", "assistant"),
        ("model", "assistant"),
        ("tool", "tool"),
        ("function", "tool"),
    ],
)
def test_every_role_is_mapped(role, expected):
    assert one(ChatMessage(role=role, content="x")).role == expected


CITABLE = CitableBlock(title="Guide", source="guide.md", content=[TextBlock(text="Paris.")])
CITED = CitationBlock(
    cited_content=TextBlock(text="Paris."),
    source="guide.md",
    title="Guide",
    additional_location_info={},
)
SIGNED = ThinkingBlock(content="Hm.", additional_information={"signature": "s", "closed": False})


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([TextBlock(text="Où?")], "Où?", id="text"),
        pytest.param(
            [TextBlock(text="a"), TextBlock(text="b")], (TextPart("a"), TextPart("b")), id="texts"
        ),
        pytest.param(
            [ImageBlock(url="https://e.org/a.png", detail="low")],
            (ImagePart("https://e.org/a.png", "low"),),
            id="image-url",
        ),
        pytest.param([ImageBlock(image=PNG)], (ImagePart(PNG_URL),), id="image-bytes"),
        pytest.param([ImageBlock(url=PNG_URL)], (ImagePart(PNG_URL),), id="image-data-url"),
        pytest.param(
            [ImageBlock(image=PNG, detail="ultra")], (ImagePart(PNG_URL),), id="image-odd-detail"
        ),
        pytest.param(
            [AudioBlock(audio=WAV, format="wav")],
            (AudioPart(base64.b64encode(WAV).decode(), "wav"),),
            id="audio-bytes",
        ),
        pytest.param(
            [AudioBlock(url="https://e.org/a.mp3")],
            (AudioPart("https://e.org/a.mp3", "mp3"),),
            id="audio-url",
        ),
        pytest.param(
            [DocumentBlock(url="https://e.org/a.pdf", title="A")],
            (DocumentPart("https://e.org/a.pdf", "A"),),
            id="document-url",
        ),
        pytest.param(
            [DocumentBlock(data=PDF, title="A")],
            (DocumentPart(f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}", "A"),),
            id="document-bytes",
        ),
        pytest.param(
            [DocumentBlock(data=b"a,b\n1,2\n", document_mimetype="text/csv", title="t.csv")],
            "Document t.csv:\n\na,b\n1,2\n",
            id="csv",
        ),
        pytest.param([DocumentBlock(data=b"<p>one two</p>")], "<p>one two</p>", id="html"),
        pytest.param(
            [DocumentBlock(url="data:text/markdown;base64,IyBUaXRsZQ==")], "# Title", id="data-url"
        ),
        pytest.param(
            [SIGNED, TextBlock(text="42")],
            (ThinkingPart("Hm.", closed=False, signature="s"), TextPart("42")),
            id="thinking",
        ),
        pytest.param([ThinkingBlock(), TextBlock(text="42")], "42", id="empty-thinking"),
        pytest.param([CITABLE], (TextPart("Guide (guide.md)\n"), TextPart("Paris.")), id="citable"),
        pytest.param([CITED], (TextPart("[Guide (guide.md)] "), TextPart("Paris.")), id="citation"),
        pytest.param(
            [TextBlock(text="a"), CachePoint(cache_control=CacheControl(type="ephemeral"))],
            "a",
            id="cache-point",
        ),
    ],
)
def test_blocks_are_read(blocks, expected):
    assert one(ChatMessage(role="user", blocks=blocks)).content == expected


def test_files_are_read_from_their_path(tmp_path):
    image = tmp_path / "dot.png"
    image.write_bytes(PNG)
    document = tmp_path / "a.pdf"
    document.write_bytes(PDF)
    notes = tmp_path / "notes.md"
    notes.write_text("# Notes")
    blocks = [ImageBlock(path=image), DocumentBlock(path=document), DocumentBlock(path=notes)]

    picture, paper, text = one(ChatMessage(role="user", blocks=blocks)).content

    assert picture == ImagePart(PNG_URL)
    assert paper.url == f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    assert text == TextPart("Document notes.md:\n\n# Notes")


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            [ChatMessage(role="user", blocks=[VideoBlock(url="https://e.org/a.mp4")])],
            "do not accept video",
        ),
        ([ChatMessage(role="user", blocks=[ImageBlock(image=b"")])], "Empty ImageBlock"),
        (
            [ChatMessage(role="user", blocks=[DocumentBlock(data=b"PK\x03\x04\x00\xff")])],
            "which Mistral does not read",
        ),
    ],
)
def test_what_cannot_be_sent_is_an_error(messages, expected):
    with pytest.raises(InvalidRequestError, match=expected):
        to_messages(messages)


CALL = ToolCall("abcDEF123", "add", '{"a":1}')


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            ChatMessage(
                role="assistant",
                blocks=[
                    ToolCallBlock(tool_call_id="abcDEF123", tool_name="add", tool_kwargs={"a": 1})
                ],
            ),
            id="block",
        ),
        pytest.param(
            ChatMessage(
                role="assistant",
                blocks=[
                    ToolCallBlock(tool_call_id="abcDEF123", tool_name="add", tool_kwargs='{"a":1}')
                ],
                additional_kwargs={"tool_calls": ["the block wins"]},
            ),
            id="block-and-kwargs",
        ),
        pytest.param(
            ChatMessage(
                role="assistant",
                additional_kwargs={
                    "tool_calls": [
                        {
                            "id": "abcDEF123",
                            "type": "function",
                            "function": {"name": "add", "arguments": '{"a":1}'},
                        }
                    ]
                },
            ),
            id="dict",
        ),
        pytest.param(
            ChatMessage(
                role="assistant",
                additional_kwargs={
                    "tool_calls": [
                        SimpleNamespace(
                            id="abcDEF123",
                            function=SimpleNamespace(name="add", arguments='{"a":1}'),
                        )
                    ]
                },
            ),
            id="sdk-object",
        ),
        pytest.param(
            ChatMessage(
                role="assistant",
                additional_kwargs={
                    "tool_calls": [{"id": "abcDEF123", "name": "add", "args": {"a": 1}}]
                },
            ),
            id="flat",
        ),
    ],
)
def test_tool_calls_of_every_vendor_are_read(message):
    assert one(message).tool_calls == (CALL,)


def test_a_tool_result_keeps_the_id_of_its_call():
    message = ChatMessage(
        role="tool",
        blocks=[TextBlock(text="3"), ImageBlock(image=PNG)],
        additional_kwargs={"tool_call_id": "abcDEF123", "name": "add"},
    )
    assert one(message) == Message.tool(
        (TextPart("3"), ImagePart(PNG_URL)), tool_call_id="abcDEF123", name="add"
    )


def test_a_prefix_is_marked():
    assert one(
        ChatMessage(role="assistant", content="def ", additional_kwargs={"prefix": True})
    ).prefix


def test_messages_are_not_changed():
    history = [
        ChatMessage(role="developer", content="Be brief."),
        ChatMessage(role="user", blocks=[TextBlock(text="a"), ImageBlock(image=PNG)]),
        ChatMessage(
            role="assistant", additional_kwargs={"tool_calls": [{"name": "f", "args": {}}]}
        ),
    ]
    before = deepcopy(history)
    to_messages(history)
    assert history == before


@pytest.mark.parametrize(
    ("content", "blocks", "text"),
    [
        pytest.param("Où?", [TextBlock(text="Où?")], "Où?", id="text"),
        pytest.param("", [TextBlock(text="")], "", id="empty"),
        pytest.param((), [TextBlock(text="")], "", id="empty-list"),
        pytest.param((TextPart("a"), TextPart("b")), [TextBlock(text="ab")], "ab", id="one-run"),
        pytest.param(
            (ThinkingPart("Hm."), TextPart("42")),
            [ThinkingBlock(content="Hm."), TextBlock(text="42")],
            "42",
            id="thinking",
        ),
        pytest.param(
            (UnknownPart({"type": "new"}), TextPart("a")), [TextBlock(text="a")], "a", id="unknown"
        ),
    ],
)
def test_an_answer_becomes_blocks(content, blocks, text):
    shown = from_message(Message.assistant(content), {}, complete=True)
    assert (shown.blocks, shown.content) == (blocks, text)


def test_references_do_not_split_the_text_and_are_sent_back():
    answer = Message.assistant(
        (TextPart("Paris"), ReferencePart((3, "doc-a")), TextPart(" is it."), ReferencePart((4,)))
    )
    shown = from_message(answer, {}, complete=True)

    assert shown.content == "Paris is it."
    assert [block.source for block in shown.blocks[1:]] == ["3", "doc-a", "4"]
    assert one(shown).content == (
        TextPart("Paris is it."),
        ReferencePart((3,)),
        ReferencePart(("doc-a",)),
        ReferencePart((4,)),
    )


def test_unknown_parts_are_kept():
    shown = from_message(Message.assistant((UnknownPart({"type": "new"}),)), {}, complete=True)
    assert shown.additional_kwargs == {"unknown_parts": [{"type": "new"}]}


def test_tool_calls_are_blocks_and_plain_dicts():
    shown = from_message(Message.assistant("Let me see.", tool_calls=(CALL,)), {}, complete=True)

    assert shown.content == "Let me see."
    assert shown.blocks[1] == ToolCallBlock(
        tool_call_id="abcDEF123", tool_name="add", tool_kwargs={"a": 1}
    )
    assert shown.additional_kwargs["tool_calls"] == [
        {
            "id": "abcDEF123",
            "type": "function",
            "function": {"name": "add", "arguments": '{"a":1}'},
        }
    ]
    assert one(shown) == Message.assistant("Let me see.", tool_calls=(CALL,))


def test_only_tool_calls_means_no_text():
    assert from_message(Message.assistant(tool_calls=(CALL,)), {}, complete=True).content is None


@pytest.mark.parametrize("arguments", ['{"a": ', "nonsense", "[1]"])
def test_arguments_that_are_not_a_json_object_stay_text(arguments):
    shown = from_message(
        Message.assistant(tool_calls=(ToolCall("x", "f", arguments),)), {}, complete=True
    )
    assert shown.blocks[0].tool_kwargs == arguments


def test_a_message_survives_being_stored():
    answer = Message.assistant(
        (ThinkingPart("Hm.", signature="s"), TextPart("42")), tool_calls=(CALL,)
    )
    shown = from_message(answer, {}, complete=True)
    stored = ChatMessage.model_validate_json(shown.model_dump_json())
    assert one(stored) == answer
