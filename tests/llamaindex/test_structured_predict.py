"""Structured output over HTTP: four methods and two formats, complete and streamed."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Generic, TypeVar

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field

from llamaindex_portkey_mistral import (
    RefusedOutputError,
    StructuredOutputError,
    TruncatedOutputError,
)
from portkey_mistral.sandbox import Call, Fault

T = TypeVar("T")

PREDICT = (
    "structured_predict",
    "astructured_predict",
    "stream_structured_predict",
    "astream_structured_predict",
)
FORMATS = ("schema", "function")


class Genre(StrEnum):
    JAZZ = "jazz"
    ROCK = "rock"


class Song(BaseModel):
    title: str
    seconds: int | None = None


class Album(BaseModel):
    """An album."""

    name: str
    genre: Genre
    songs: list[Song] = Field(default_factory=list)
    price: float | str = 0.0


class Single(BaseModel):
    word: str


class Box(BaseModel, Generic[T]):
    content: T


ALBUM = Album(
    name="Été {live}", genre=Genre.JAZZ, songs=[Song(title="Où ?", seconds=61)], price=9.5
)
PROMPT = PromptTemplate("Make an album about {topic}.")


@pytest.fixture
def predict(make_llm, mistral_sandbox, ask):
    """Script an object, request its class in one of the formats, and return the items."""

    async def call(method, output_format, output, *, finish_reason=None, **fields):
        text = output if isinstance(output, str) else output.model_dump_json()
        mode = (
            PydanticProgramMode.FUNCTION
            if output_format == "function"
            else PydanticProgramMode.DEFAULT
        )
        llm = make_llm(pydantic_program_mode=mode, **fields)
        cls = Album if isinstance(output, str) else type(output)
        if output_format == "function" and text.startswith("{"):
            name = cls.model_json_schema()["title"].replace("[", "_").replace("]", "_")
            mistral_sandbox.reply("", calls=[Call(name, text)], finish_reason=finish_reason)
        else:
            mistral_sandbox.reply(text, finish_reason=finish_reason)
        return await ask(llm, method, cls, prompt=PROMPT, topic="sun {and} moon")

    return call


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("method", PREDICT)
async def test_a_class_is_filled(predict, mistral_sandbox, method, output_format):
    for output in (ALBUM, Single(word="yes"), Box[int](content=3)):
        for split in (False, True):
            mistral_sandbox.inject(Fault(split_calls=split))
            assert (await predict(method, output_format, output))[-1] == output


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("method", PREDICT)
async def test_the_format_is_forced_and_the_prompts_are_kept(
    predict, bodies, method, output_format
):
    await predict(method, output_format, ALBUM, system_prompt="You know music.")
    sent = bodies()[0]
    assert sent["messages"] == [
        {"role": "system", "content": "You know music."},
        {"role": "user", "content": "Make an album about sun {and} moon."},
    ]
    if output_format == "schema":
        assert sent["response_format"]["json_schema"]["strict"] is True
        assert "tools" not in sent
    else:
        assert sent["tool_choice"] == {"type": "function", "function": {"name": "Album"}}
        assert "response_format" not in sent


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("method", PREDICT[2:])
async def test_a_stream_gives_partial_objects(predict, mistral_sandbox, method, output_format):
    mistral_sandbox.inject(Fault(split_calls=True))
    items = await predict(method, output_format, ALBUM)
    names = [item.name for item in items if item.name]
    assert len(items) > 3
    assert all("Été {live}".startswith(name) for name in names)
    assert type(items[-1]) is Album
    counts = [len(item.songs or []) for item in items]
    assert counts == sorted(counts)


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("method", PREDICT)
async def test_an_answer_that_does_not_fit_has_its_own_error(predict, method, output_format):
    for text, finish_reason, error in (
        ('{"name": "x', "length", TruncatedOutputError),
        ("I cannot do that.", None, RefusedOutputError),
        ('{"name": "x", "genre": "polka"}', None, StructuredOutputError),
    ):
        with pytest.raises(error) as raised:
            await predict(method, output_format, text, finish_reason=finish_reason)
        assert type(raised.value) is error


@pytest.mark.parametrize("method", ["chat", "achat", "stream_chat", "astream_chat"])
async def test_a_structured_llm_chats(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply(ALBUM.model_dump_json())
    structured = llm.as_structured_llm(Album)
    items = await ask(structured, method, [ChatMessage(role="user", content="An {album}, please")])
    assert items[-1].raw == ALBUM
    assert Album.model_validate_json(items[-1].message.content) == ALBUM


@pytest.mark.parametrize("method", ["complete", "acomplete"])
async def test_a_structured_llm_completes(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply(ALBUM.model_dump_json())
    (item,) = await ask(llm.as_structured_llm(Album), method, "An album, please")
    assert item.raw == ALBUM


@pytest.mark.parametrize("method", PREDICT)
async def test_llm_kwargs_are_used_and_not_changed(llm, mistral_sandbox, ask, bodies, method):
    mistral_sandbox.reply(ALBUM.model_dump_json())
    llm_kwargs = {"temperature": 0.1, "tool_required": True, "tool_choice": None}
    await ask(llm, method, Album, prompt=PROMPT, topic="x", llm_kwargs=llm_kwargs)
    assert bodies()[0]["temperature"] == 0.1
    assert llm_kwargs == {"temperature": 0.1, "tool_required": True, "tool_choice": None}


@pytest.mark.parametrize("method", PREDICT)
async def test_a_config_stored_at_portkey_gets_a_function(
    make_llm, ask, mistral_sandbox, mistral_sandbox_url, bodies, method
):
    llm = make_llm(
        base_url=None,
        gateway_url=mistral_sandbox_url,
        provider="mistral-ai",
        portkey_config="pc-unseen",
        portkey_api_key="k",
    )
    mistral_sandbox.reply("", calls=[Call("Album", ALBUM.model_dump_json())])
    items = await ask(llm, method, Album, prompt=PROMPT, topic="x")
    assert items[-1] == ALBUM
    assert "response_format" not in bodies()[0]


@pytest.mark.parametrize("method", PREDICT)
async def test_the_sandbox_fills_a_class_from_the_prompt(llm, ask, method):
    prompt = PromptTemplate("The word is {word}.")
    items = await ask(llm, method, Single, prompt=prompt, word="sesame")
    assert isinstance(items[-1], Single)


def test_text_mode_is_left_to_core(make_llm, mistral_sandbox, bodies):
    mistral_sandbox.reply(json.dumps({"word": "yes"}))
    llm = make_llm(pydantic_program_mode=PydanticProgramMode.LLM)
    assert llm.structured_predict(Single, PROMPT, topic="x") == Single(word="yes")
    assert "response_format" not in bodies()[0]
