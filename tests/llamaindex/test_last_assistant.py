"""A conversation that ends with an assistant message: continued, or followed by an answer of its own."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel

from llamaindex_portkey_mistral import PortkeyMistral
from scripted import answer, network, stream

HALF = [ChatMessage("Tell."), ChatMessage("Once upon", role="assistant")]


class Weather(BaseModel):
    """The weather."""

    city: str


def llm(*replies):
    wire = network(*replies)
    return PortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients), wire


@pytest.mark.parametrize("prefix", [None, True, False])
def test_only_the_beginning_of_an_answer_is_continued(prefix):
    model, wire = llm(answer("ok"))
    marks = {} if prefix is None else {"prefix": prefix}
    model.chat([HALF[0], ChatMessage("Once", role="assistant", additional_kwargs=marks)])
    last = wire.bodies[0]["messages"][-1]
    assert (last["role"], last.get("prefix")) == (
        ("user", None) if prefix is False else ("assistant", True)
    )


def test_a_schema_requires_a_new_answer():
    model, wire = llm(answer('{"city": "Paris"}'))
    assert model.as_structured_llm(Weather).chat(HALF).raw == Weather(city="Paris")
    assert [message["role"] for message in wire.bodies[0]["messages"]] == [
        "user",
        "assistant",
        "user",
    ]


async def test_the_sent_text_is_not_repeated():
    model, _ = llm(answer("Once upon a time"), answer("Once upon a time"))
    assert model.chat(HALF).message.content == " a time"
    assert (await model.achat(HALF)).message.content == " a time"
    pieces = [{"content": "Once "}, {"content": "upon a"}, {"content": " time"}]
    model, _ = llm(stream(*pieces), stream(*pieces))
    *_, last = model.stream_chat(HALF)
    assert last.message.content == " a time"
    items = [item async for item in await model.astream_chat(HALF)]
    assert "".join(item.delta or "" for item in items) == " a time"
