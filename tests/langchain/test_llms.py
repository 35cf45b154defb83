"""`PortkeyMistralFIM`: suffix, arguments of a call, cache, streams."""

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


async def run(model: PortkeyMistralFIM, mode: str, **arguments: Any) -> str:
    match mode:
        case "invoke":
            return model.invoke(PROMPT, **arguments)
        case "ainvoke":
            return await model.ainvoke(PROMPT, **arguments)
        case "stream":
            return "".join(model.stream(PROMPT, **arguments))
        case "astream":
            return "".join([text async for text in model.astream(PROMPT, **arguments)])
        case "batch":
            return model.batch([PROMPT], **arguments)[0]
        case _:
            return (await model.abatch([PROMPT], **arguments))[0]


MODES = ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"]


def reply_for(mode: str, text: str = "    return a + b") -> Any:
    return stream({"content": text}) if "stream" in mode else answer(text)


@pytest.mark.parametrize("mode", MODES)
async def test_prompt_and_suffix_are_sent_to_the_fim_endpoint(mode: str) -> None:
    model, wire = fim(
        reply_for(mode), suffix="print(add(1, 2))", max_tokens=9, seed=3, stop=["\n\n"]
    )
    assert await run(model, mode) == "    return a + b"
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


@pytest.mark.parametrize("mode", MODES)
async def test_arguments_of_a_call_apply_to_that_call_only(mode: str) -> None:
    model, wire = fim(reply_for(mode), reply_for(mode), suffix="one")
    await run(model, mode, suffix="two", temperature=0.5, stop=["x"])
    await run(model, mode)
    first, second = wire.bodies
    assert (first["suffix"], first["temperature"], first["stop"]) == ("two", 0.5, ["x"])
    assert second["suffix"] == "one"
    assert not {"temperature", "stop"} & set(second)


@pytest.mark.parametrize("name", ["headers", "extra_headers"])
@pytest.mark.parametrize("mode", MODES)
async def test_headers_of_a_call_apply_to_that_call_only(mode: str, name: str) -> None:
    headers = {"default_headers": {"x-team": "a", "x-user": "nobody"}}
    model, wire = fim(*(reply_for(mode) for _ in range(3)), **headers)
    given = {name: {"X-User": "ada"}}
    await run(model, mode, suffix="two", **given)
    await run(model.bind(**given), mode)
    await run(model, mode)
    sent = [(each.headers["x-team"], each.headers["x-user"]) for each in wire.requests]
    assert sent == [("a", "ada"), ("a", "ada"), ("a", "nobody")]
    assert wire.bodies[0]["suffix"] == "two"


@pytest.mark.parametrize("mode", MODES)
async def test_portkeys_headers_of_a_call_are_read_as_in_a_chat(mode: str) -> None:
    portkey = {"portkey_api_key": "pk", "provider": "@team", "api_key": None, "base_url": None}
    model, wire = fim(reply_for(mode), **portkey)
    await run(model, mode, headers={"x-portkey-virtual-key": "other", "x-portkey-trace-id": "t-1"})
    (request,) = wire.requests
    assert request.headers["x-portkey-virtual-key"] == "other"
    assert request.headers["x-portkey-trace-id"] == "t-1"
    assert "x-portkey-provider" not in request.headers


@pytest.mark.parametrize("mode", MODES)
async def test_headers_of_a_call_that_cannot_be_sent_are_refused(mode: str) -> None:
    model, wire = fim()
    for headers in (["x-user"], {"x-user": "a\nb"}, {"x-user": 1}):
        with pytest.raises(InvalidRequestError, match="headers"):
            await run(model, mode, headers=headers)
    assert wire.requests == []


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    return InMemoryCache()


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "batch", "abatch"])
async def test_the_cache_distinguishes_suffixes(mode: str, cache: InMemoryCache) -> None:
    model, wire = fim(answer("A"), answer("B"), answer("C"), cache=cache)
    assert await run(model, mode, suffix="a") == "A"
    assert await run(model, mode, suffix="b") == "B"
    assert await run(model, mode) == "C"
    assert await run(model, mode, suffix="a") == "A"
    assert await run(model, mode, suffix="b") == "B"
    assert len(wire.requests) == 3


DIFFERENT_FIELDS: dict[str, dict[str, Any]] = {
    "model": {"model": "codestral-2508"},
    "temperature": {"temperature": 0.1},
    "stop": {"stop": ["x"]},
    "seed": {"seed": 1},
    "model_kwargs": {"model_kwargs": {"new": 1}},
    "portkey_metadata": {"portkey_metadata": {"user": "ada"}},
    "cache_namespace": {"cache_namespace": "ada"},
    "default_headers": {"default_headers": {"x-route": "b"}},
}


@pytest.mark.parametrize("name", DIFFERENT_FIELDS)
def test_the_cache_distinguishes_models(name: str, cache: InMemoryCache) -> None:
    model, wire = fim(answer("A"), answer("B"), cache=cache)
    other = PortkeyMistralFIM(
        **{"api_key": "k", "base_url": "https://mistral.test", "cache": cache, **wire.clients}
        | DIFFERENT_FIELDS[name]
    )
    assert (model.invoke(PROMPT), other.invoke(PROMPT)) == ("A", "B")


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "batch", "abatch"])
async def test_the_cache_distinguishes_headers_and_namespaces(
    mode: str, cache: InMemoryCache
) -> None:
    calls = [
        {"headers": {"x-user": "ada"}},
        {"headers": {"x-user": "bo"}},
        {"cache_namespace": "c"},
    ]
    model, wire = fim(answer("A"), answer("B"), answer("C"), cache=cache)
    for _ in range(2):
        assert [await run(model, mode, **call) for call in calls] == ["A", "B", "C"]
    assert len(wire.requests) == 3


def test_a_result_has_usage_and_call_metadata() -> None:
    model, _ = fim(answer("A"), answer("B"))
    result = model.generate(["one", "two"])
    assert [generation[0].text for generation in result.generations] == ["A", "B"]
    info = result.generations[0][0].generation_info
    assert info is not None
    assert (info["finish_reason"], info["model_name"]) == ("stop", "mistral-small-2603")
    assert info["attempts"][0]["status"] == 200
    assert result.llm_output is not None
    assert result.llm_output["token_usage"]["total_tokens"] == 30


class Recorder(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.results: list[Any] = []

    def on_llm_new_token(self, token: str, **_: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: Any, **_: Any) -> None:
        self.results.append(response)


@pytest.mark.parametrize("mode", ["stream", "astream"])
async def test_callbacks_get_every_token_and_the_result(mode: str) -> None:
    model, _ = fim(stream({"content": "a"}, {"content": "b"}))
    recorder = Recorder()
    await run(model, mode, config={"callbacks": [recorder]})
    assert recorder.tokens == ["a", "b"]
    (generation,) = recorder.results[0].generations[0]
    assert generation.text == "ab"
    assert generation.generation_info["finish_reason"] == "stop"
    assert generation.generation_info["token_usage"]["total_tokens"] == 15


@pytest.mark.parametrize("mode", MODES)
async def test_an_unknown_argument_is_refused_with_the_closest_name(mode: str) -> None:
    model, wire = fim()
    with pytest.raises(
        InvalidRequestError, match="unknown argument 'sufix'; did you mean 'suffix'"
    ):
        await run(model, mode, sufix="x")
    with pytest.raises(ConfigurationError, match="temperature"):
        await run(model, mode, temperature=9)
    assert wire.requests == []


async def test_a_failing_prompt_cancels_the_rest_of_the_batch(
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


def test_tracing_parameters() -> None:
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
