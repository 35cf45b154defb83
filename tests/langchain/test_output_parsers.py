"""Parsers of structured output while an answer is streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.output_parsers import json as langchains_json
from pydantic import BaseModel

from langchain_portkey_mistral.output_parsers import JsonParser, PydanticParser

PIECES = ('{"tex', 't": "a\\nb', '", "num', 'bers": [1', "0, 2", '0], "more": tr', "ue}")


class Answer(BaseModel):
    text: str = ""
    numbers: list[int] = []
    more: bool = False


def streamed(*pieces: str) -> Iterator[AIMessageChunk]:
    for piece in pieces:
        yield AIMessageChunk(content=piece)
    yield AIMessageChunk(content="", chunk_position="last")


def test_a_streamed_object_grows_as_its_text_does() -> None:
    values = list(JsonParser().transform(streamed(*PIECES)))
    assert values == [
        {},
        {"text": "a\nb"},
        {"text": "a\nb", "numbers": [1]},
        {"text": "a\nb", "numbers": [10, 2]},
        {"text": "a\nb", "numbers": [10, 20]},
        {"text": "a\nb", "numbers": [10, 20], "more": True},
    ]


def test_a_streamed_class_grows_as_its_text_does() -> None:
    parser = PydanticParser(pydantic_object=Answer)
    *_, before, last = parser.transform(streamed(*PIECES))
    assert before == Answer(text="a\nb", numbers=[10, 20])
    assert last == Answer(text="a\nb", numbers=[10, 20], more=True)


@pytest.mark.parametrize("parser", [JsonParser(), PydanticParser(pydantic_object=Answer)])
def test_text_so_far_is_not_read_character_by_character_with_each_chunk(
    parser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    read = langchains_json.parse_json_markdown
    monkeypatch.setattr(
        langchains_json, "parse_json_markdown", lambda text: texts.append(text) or read(text)
    )
    assert list(parser.transform(streamed(*PIECES)))
    assert texts == ["".join(PIECES)]  # once, of the whole answer


@pytest.mark.parametrize(
    "pieces",
    [
        ("```json\n", '{"text": "a"', "}\n```"),
        ('{"text": "a\nb"', "}"),
        ('{"text": "a"', "} as you", " asked"),
    ],
    ids=["a fence", "a line break in a string", "words after it"],
)
def test_text_that_is_not_json_is_read_as_langchain_does(pieces: tuple[str, ...]) -> None:
    theirs = list(JsonOutputParser().transform(streamed(*pieces)))
    assert theirs
    assert list(JsonParser().transform(streamed(*pieces))) == theirs
