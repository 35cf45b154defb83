"""Fill in the middle: suffix, cache, streams, copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler

from langchain_portkey_mistral import PortkeyMistralFIM
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError, RateLimitError
from portkey_mistral.sandbox import Sandbox
from scripted import answer, network, stream

PROMPT = "def add(a, b):\n"


def fim(*replies: Any, **fields: Any) -> tuple[PortkeyMistralFIM, Any]:
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return PortkeyMistralFIM(**(connection | fields)), wire


async def run(model: PortkeyMistralFIM, way: str, **arguments: Any) -> str:
    match way:
        case "invoke":
            return model.invoke(PROMPT, **arguments)
        case "ainvoke":
            return await model.ainvoke(PROMPT, **arguments)
        case "stream":
            return "".join(model.stream(PROMPT, **arguments))
        case "astream":
            return "".join([piece async for piece in model.astream(PROMPT, **arguments)])
        case "batch":
            return model.batch([PROMPT], **arguments)[0]
        case _:
            return (await model.abatch([PROMPT], **arguments))[0]


WAYS = ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"]


def reply_for(way: str, text: str = "    return a + b") -> Any:
    return stream({"content": text}) if "stream" in way else answer(text)


@pytest.mark.parametrize("way", WAYS)
async def test_prompt_and_suffix_are_sent_to_the_fim_endpoint(way: str) -> None:
    model, wire = fim(
        reply_for(way), suffix="print(add(1, 2))", max_tokens=9, seed=3, stop=["\n\n"]
    )
    assert await run(model, way) == "    return a + b"
    (body,) = wire.bodies
    assert wire.requests[0].url.path == "/v1/fim/completions"
    sent = {key: body[key] for key in body if key != "stream"}
    assert sent == {
        "model": "codestral-latest",
        "prompt": PROMPT,
        "suffix": "print(add(1, 2))",
        "max_tokens": 9,
        "random_seed": 3,
        "stop": ["\n\n"],
    }


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_said_for_one_call_holds_for_it_alone(way: str) -> None:
    model, wire = fim(reply_for(way), reply_for(way), suffix="one")
    await run(model, way, suffix="two", temperature=0.5, stop=["x"])
    await run(model, way)
    first, second = wire.bodies
    assert (first["suffix"], first["temperature"], first["stop"]) == ("two", 0.5, ["x"])
    assert second["suffix"] == "one"
    assert not {"temperature", "stop"} & set(second)


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    return InMemoryCache()


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "batch", "abatch"])
async def test_the_cache_keeps_two_suffixes_apart(way: str, cache: InMemoryCache) -> None:
    model, wire = fim(answer("A"), answer("B"), answer("C"), cache=cache)
    assert await run(model, way, suffix="a") == "A"
    assert await run(model, way, suffix="b") == "B"
    assert await run(model, way) == "C"
    assert await run(model, way, suffix="a") == "A"
    assert await run(model, way, suffix="b") == "B"
    assert len(wire.requests) == 3


OTHER: dict[str, dict[str, Any]] = {
    "model": {"model": "codestral-2508"},
    "temperature": {"temperature": 0.1},
    "stop": {"stop": ["x"]},
    "seed": {"seed": 1},
    "model_kwargs": {"model_kwargs": {"new": 1}},
    "portkey_metadata": {"portkey_metadata": {"user": "ada"}},
    "default_headers": {"default_headers": {"x-route": "b"}},
}


@pytest.mark.parametrize("name", OTHER)
def test_the_cache_keeps_objects_apart_that_answer_differently(
    name: str, cache: InMemoryCache
) -> None:
    model, wire = fim(answer("A"), answer("B"), cache=cache)
    other = PortkeyMistralFIM(
        **{"api_key": "k", "base_url": "https://mistral.test", "cache": cache, **wire.clients}
        | OTHER[name]
    )
    assert (model.invoke(PROMPT), other.invoke(PROMPT)) == ("A", "B")


def test_a_result_tells_usage_and_how_the_call_went() -> None:
    model, _ = fim(answer("A"), answer("B"))
    result = model.generate(["one", "two"])
    assert [generation[0].text for generation in result.generations] == ["A", "B"]
    info = result.generations[0][0].generation_info
    assert info is not None
    assert (info["finish_reason"], info["model_name"]) == ("stop", "mistral-small-2603")
    assert info["attempts"][0]["status"] == 200
    assert result.llm_output is not None
    assert result.llm_output["token_usage"]["total_tokens"] == 30


class Tokens(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.ends: list[Any] = []

    def on_llm_new_token(self, token: str, **_: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: Any, **_: Any) -> None:
        self.ends.append(response)


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_callbacks_see_each_piece_and_the_end(way: str) -> None:
    model, _ = fim(stream({"content": "a"}, {"content": "b"}))
    seen = Tokens()
    await run(model, way, config={"callbacks": [seen]})
    assert seen.tokens == ["a", "b"]
    (generation,) = seen.ends[0].generations[0]
    assert generation.text == "ab"
    assert generation.generation_info["finish_reason"] == "stop"
    assert generation.generation_info["token_usage"]["total_tokens"] == 15


@pytest.mark.parametrize("way", WAYS)
async def test_a_misspelt_argument_names_the_right_one(way: str) -> None:
    model, wire = fim()
    with pytest.raises(
        InvalidRequestError, match="unknown argument 'sufix'; did you mean 'suffix'"
    ):
        await run(model, way, sufix="x")
    with pytest.raises(ConfigurationError, match="temperature"):
        await run(model, way, temperature=9)
    assert wire.requests == []


async def test_one_failing_prompt_fails_the_batch_and_stops_the_rest(
    mistral_sandbox: Sandbox,
) -> None:
    mistral_sandbox.fail(429, times=None)
    model = PortkeyMistralFIM(base_url="sandbox:", api_key="k", max_retries=0)
    with pytest.raises(RateLimitError):
        await model.abatch(["a", "b", "c"])
    assert mistral_sandbox.in_flight == 0


def test_it_works_on_the_sandbox(mistral_sandbox: Sandbox) -> None:
    model = PortkeyMistralFIM(base_url="sandbox:", api_key="k", max_tokens=32)
    assert model.invoke(PROMPT, suffix="print(add(1, 2))")
    assert "".join(model.stream(PROMPT, suffix="print(add(1, 2))"))
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}


def test_the_names_that_langchain_traces() -> None:
    model = PortkeyMistralFIM(base_url="sandbox:", temperature=0, max_tokens=5, stop="x")
    assert model._get_ls_params() == {
        "ls_provider": "portkey-mistral",
        "ls_model_type": "llm",
        "ls_model_name": "codestral-latest",
        "ls_temperature": 0,
        "ls_max_tokens": 5,
        "ls_stop": ["x"],
    }
    assert model.asdict()["_type"] == "portkey-mistral-fim"
    assert model.metadata is not None
    assert "portkey-mistral" in model.metadata["lc_versions"]
