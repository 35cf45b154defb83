"""Costs in LangChain: in the metadata of answers and chunks, in `llm_output`, and in totals of callbacks."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tracers.context import _configure_hooks

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    CostCallbackHandler,
    PortkeyMistralFIM,
    get_cost_callback,
)
from langchain_portkey_mistral.errors import APITimeoutError, BadRequestError
from portkey_mistral import ConfigurationError
from scripted import MODEL, answer, network, stream

PRICE = Decimal("0.0000045")  # of the tokens that the scripted network reports


def model(*replies, **fields):
    return ChatPortkeyMistral(api_key="k", **network(*replies).clients, **fields)


async def astreamed(chat):
    return [chunk async for chunk in chat.astream("Hi")]


def joined(chunks):
    return sum(chunks[1:], chunks[0])


KINDS = {
    "invoke": (lambda chat: chat.invoke("Hi"), answer("Hi")),
    "ainvoke": (lambda chat: asyncio.run(chat.ainvoke("Hi")), answer("Hi")),
    "stream": (lambda chat: joined(list(chat.stream("Hi"))), stream({"content": "Hi"})),
    "astream": (lambda chat: joined(asyncio.run(astreamed(chat))), stream({"content": "Hi"})),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def test_the_metadata_of_an_answer(kind):
    run, reply = kind
    with get_cost_callback() as spent:
        message = run(model(reply))
    assert isinstance(message, AIMessage)
    cost = message.response_metadata["cost"]
    assert (cost["amount"], cost["currency"], cost["model"]) == ("0.0000045", "USD", MODEL)
    (attempt,) = message.response_metadata["attempts"]
    assert attempt["cost"] == cost
    assert attempt["usage"]["input_tokens"] == 10
    json.dumps(message.response_metadata)
    assert (spent.total_cost, spent.costs, spent.unknown) == (PRICE, {MODEL: PRICE}, 0)
    assert spent.usage_metadata[MODEL]["total_tokens"] == 15


def test_totals_of_several_calls():
    spent = CostCallbackHandler()
    chat = model(answer("Hi"), answer("Hi"), stream({"content": "Hi"}))
    result = chat.generate([[HumanMessage("a")], [HumanMessage("b")]], callbacks=[spent])
    assert result.llm_output["cost"] == {"amount": "0.0000090", "currency": "USD"}
    list(chat.stream("c", config={"callbacks": [spent]}))
    assert spent.total_cost == 3 * PRICE


def test_failed_calls_and_calls_without_a_known_cost_are_told():
    refused = httpx.Response(400, json={"message": "no"})
    late = httpx.ReadTimeout("too late")
    chat = model(refused, late, max_retries=0)
    spent = CostCallbackHandler()
    with pytest.raises(BadRequestError) as error:
        chat.invoke("Hi", config={"callbacks": [spent]})
    assert error.value.cost.amount == 0
    assert (spent.total_cost, spent.unknown) == (0, 0)  # a refusal is not billed
    with pytest.raises(APITimeoutError):
        chat.invoke("Hi", config={"callbacks": [spent]})
    assert spent.unknown == 1


def _close(chunks):
    next(chunks)
    chunks.close()


async def _aclose(chunks):
    await anext(chunks)
    await chunks.aclose()


ENDED_BY_THE_CALLER = {
    "stream": lambda fields: _close(ChatPortkeyMistral(**fields).stream("Hi")),
    "astream": lambda fields: asyncio.run(_aclose(ChatPortkeyMistral(**fields).astream("Hi"))),
    "fim": lambda fields: _close(PortkeyMistralFIM(**fields).stream("def a(")),
}


@pytest.mark.parametrize("kind", ENDED_BY_THE_CALLER)
def test_a_stream_that_was_closed_early_is_a_call_whose_cost_is_not_known(kind):
    clients = network(stream({"content": "Hi"}, {"content": " there"})).clients
    with get_cost_callback() as spent:
        ENDED_BY_THE_CALLER[kind]({"api_key": "k", **clients})
    assert (spent.total_cost, spent.unknown) == (0, 1)


def test_a_call_that_was_not_sent_costs_nothing(monkeypatch):
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with get_cost_callback() as spent, pytest.raises(ConfigurationError):
        ChatPortkeyMistral(**network().clients).invoke("Hi")
    assert (spent.total_cost, spent.unknown) == (0, 0)


def test_a_cached_answer_is_not_counted_again():
    spent = CostCallbackHandler()
    chat = model(answer("Hi"), cache=InMemoryCache())
    for _ in range(2):
        chat.invoke("Hi", config={"callbacks": [spent]})
    assert spent.total_cost == PRICE


def test_fill_in_the_middle():
    fim = PortkeyMistralFIM(api_key="k", **network(answer("a"), answer("b"), answer("c")).clients)
    spent = CostCallbackHandler()
    result = fim.generate(["a", "b"], callbacks=[spent])
    assert result.llm_output["cost"]["amount"] == "0.0000090"
    assert [each[0].generation_info["cost"]["amount"] for each in result.generations] == [
        "0.0000045",
        "0.0000045",
    ]
    assert spent.total_cost == 2 * PRICE


def test_blocks_one_after_the_other_leave_nothing_behind():
    def count():
        with get_cost_callback() as outer, get_cost_callback() as inner:
            model(answer("Hi")).invoke("Hi")
        return outer.total_cost, inner.total_cost

    assert count() == (PRICE, PRICE)
    hooks = len(_configure_hooks)
    assert [count() for _ in range(5)] == [(PRICE, PRICE)] * 5
    assert len(_configure_hooks) == hooks
