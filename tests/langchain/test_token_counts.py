"""Tokens of texts and conversations are counted without a network."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, trim_messages

from langchain_portkey_mistral import ChatPortkeyMistral


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 0, 1), ("Hello, world!", 2, 8), ("Grüße 你好 " * 100, 200, 1200)],
)
def test_tokens_are_counted_offline(text: str, least: int, most: int) -> None:
    assert least <= ChatPortkeyMistral(base_url="sandbox:").get_num_tokens(text) <= most


def test_tools_and_images_count_as_tokens() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")

    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    question = HumanMessage("How is the weather in Paris?")
    image = HumanMessage([{"type": "image", "url": "https://example.org/a.png"}])
    call = AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Paris"}, "id": "1"}])
    plain = chat.get_num_tokens_from_messages([question])
    assert plain > chat.get_num_tokens(question.text)
    assert chat.get_num_tokens_from_messages([question], tools=[weather]) > plain
    assert chat.get_num_tokens_from_messages([question, call]) > plain
    assert chat.get_num_tokens_from_messages([question, image]) >= plain + 3025


def test_a_custom_tokenizer_is_used() -> None:
    chat = ChatPortkeyMistral(
        base_url="sandbox:", custom_get_token_ids=lambda text: [0] * len(text)
    )
    assert chat.get_num_tokens("abc") == 3
    assert chat.get_token_ids("abc") == [0, 0, 0]
    assert chat.get_num_tokens_from_messages([HumanMessage("abc")]) == 3 + 4


def test_token_ids_come_from_mistrals_tokenizer() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    assert len(chat.get_token_ids("Hello, world!")) == chat.get_num_tokens("Hello, world!")


MEDIA = {
    "document": {"type": "file", "base64": "JVBERi0x" * 50_000, "mime_type": "application/pdf"},
    "document by url": {"type": "file", "url": "https://example.org/a.pdf"},
    "audio": {"type": "audio", "base64": "SUQzBAAA" * 500_000, "mime_type": "audio/mpeg"},
    "image": {"type": "image", "url": "https://example.org/a.png"},
}


@pytest.mark.parametrize("name", MEDIA)
def test_documents_and_audio_are_trimmed(name: str) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    turns = [HumanMessage([MEDIA[name]]), AIMessage("A report."), HumanMessage("Who wrote it?")]
    trimmed = trim_messages(
        turns, max_tokens=2500, token_counter=chat, start_on="human", strategy="last"
    )
    assert trimmed == turns[2:]
    assert trim_messages(turns, max_tokens=20_000, token_counter=chat, strategy="last") == turns


def test_documents_in_tool_results_count_too() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    call = AIMessage("", tool_calls=[{"name": "read", "args": {}, "id": "1"}])
    result = ToolMessage([MEDIA["document"]], tool_call_id="1")
    assert chat.get_num_tokens_from_messages([call, result]) > 5000
