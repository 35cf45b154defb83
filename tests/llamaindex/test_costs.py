"""Costs in LlamaIndex: in `raw`, in `additional_kwargs`, and in the totals of the token counter."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from llama_index.core.callbacks import CallbackManager

from llamaindex_portkey_mistral import CostCountingHandler, PortkeyMistral
from portkey_mistral import ConfigurationError, StreamInterruptedError
from scripted import MODEL, answer, network, sse, stream

PRICE = Decimal("0.0000045")  # of the tokens that the scripted network reports


async def alast(stream):
    return [item async for item in await stream][-1]


KINDS = {
    "complete": (lambda llm: llm.complete("Hi"), answer("Hi")),
    "acomplete": (lambda llm: asyncio.run(llm.acomplete("Hi")), answer("Hi")),
    "stream": (lambda llm: list(llm.stream_complete("Hi"))[-1], stream({"content": "Hi"})),
    "astream": (
        lambda llm: asyncio.run(alast(llm.astream_complete("Hi"))),
        stream({"content": "Hi"}),
    ),
    "fill_in_middle": (lambda llm: llm.fill_in_middle("def a(", "pass"), answer("):")),
}


def counted(*replies):
    spent = CostCountingHandler(tokenizer=str.split)
    clients = network(*replies).clients
    llm = PortkeyMistral(
        api_key="k", model="codestral-latest", callback_manager=CallbackManager([spent]), **clients
    )
    return llm, spent


@pytest.mark.parametrize("kind", KINDS)
def test_a_response(kind):
    run, reply = KINDS[kind]
    llm, spent = counted(reply)
    response = run(llm)
    for cost in (response.raw["cost"], response.additional_kwargs["cost"]):
        assert (cost["amount"], cost["currency"], cost["model"]) == ("0.0000045", "USD", MODEL)
    (attempt,) = response.additional_kwargs["call_info"]["attempts"]
    assert attempt["cost"]["amount"] == "0.0000045"
    assert attempt["usage"]["prompt_tokens"] == 10
    assert (spent.total_llm_cost, spent.unknown) == (PRICE, 0)
    assert spent.total_llm_token_count == 15


def test_totals():
    llm, spent = counted(answer("Hi"), answer("Hi"), answer("Hi"))
    for _ in range(3):
        llm.complete("Hi")
    assert spent.llm_costs == {MODEL: 3 * PRICE}
    spent.reset_counts()
    assert spent.total_llm_cost == 0


def test_an_interrupted_stream_has_its_cost_in_the_error():
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    cut = sse([event | {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}], done=False)
    llm, _ = counted(cut)
    with pytest.raises(StreamInterruptedError) as broken:
        list(llm.stream_complete("Hi"))
    assert broken.value.cost.estimated


def _close(chunks):
    next(chunks)
    chunks.close()


async def _aclose(chunks):
    chunks = await chunks
    await anext(chunks)
    await chunks.aclose()


ENDED_BY_THE_CALLER = {
    "stream": lambda llm: _close(llm.stream_complete("Hi")),
    "astream": lambda llm: asyncio.run(_aclose(llm.astream_complete("Hi"))),
}


@pytest.mark.parametrize("kind", ENDED_BY_THE_CALLER)
def test_a_stream_that_was_closed_early_is_a_call_whose_cost_is_not_known(kind):
    llm, spent = counted(stream({"content": "Hi"}, {"content": " there"}))
    ENDED_BY_THE_CALLER[kind](llm)
    assert (spent.total_llm_cost, spent.unknown) == (0, 1)


def test_a_call_that_was_not_sent_costs_nothing(monkeypatch):
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    spent = CostCountingHandler(tokenizer=str.split)
    llm = PortkeyMistral(callback_manager=CallbackManager([spent]), **network().clients)
    with pytest.raises(ConfigurationError):
        llm.complete("Hi")
    assert (spent.total_llm_cost, spent.unknown) == (0, 0)
