"""The model among LangChain's runnables: retries, fallbacks, alternatives, batches, limits, caches."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from packaging.version import Version
from pydantic import BaseModel, SecretStr

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralFIM
from portkey_mistral import sandbox
from portkey_mistral.exceptions import AuthenticationError, InternalServerError
from portkey_mistral.sandbox import Fault, Sandbox

pytestmark = pytest.mark.usefixtures("mistral_sandbox")
SECRET = "sk-secret"


def model(name: str = "", **fields: Any) -> ChatPortkeyMistral:
    return ChatPortkeyMistral(**({"base_url": f"sandbox:{name}", "max_retries": 0} | fields))


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


class Place(BaseModel):
    """A place."""

    city: str


async def ask(runnable: Any, *, asynchronous: bool, **arguments: Any) -> Any:
    question = "What is the weather in Paris?"
    if asynchronous:
        return await runnable.ainvoke(question, **arguments)
    return runnable.invoke(question, **arguments)


async def stream(runnable: Any, *, asynchronous: bool) -> str:
    if asynchronous:
        return "".join([chunk.text async for chunk in runnable.astream("go")])
    return "".join(chunk.text for chunk in runnable.stream("go"))


both = pytest.mark.parametrize("asynchronous", [False, True])

# --- retries and fallbacks


def is_retryable(error: BaseException) -> bool:
    return isinstance(error, ModelError) and error.is_retryable


@pytest.mark.skipif(
    Version(version("langchain-core")) < Version("1.7"),
    reason="LangChain's with_retry takes functions since 1.7",
)
@both
async def test_with_retry_can_use_is_retryable(asynchronous: bool) -> None:
    retrying = model().with_retry(
        retry_if_exception_type=is_retryable, wait_exponential_jitter=False, stop_after_attempt=3
    )
    sandbox.get().fail(503, times=2)
    assert (await ask(retrying, asynchronous=asynchronous)).text
    assert len(sandbox.get().requests) == 3
    sandbox.get().fail(401)
    with pytest.raises(AuthenticationError):
        await ask(retrying, asynchronous=asynchronous)
    assert len(sandbox.get().requests) == 4


@both
async def test_a_model_with_tools_can_be_retried(asynchronous: bool) -> None:
    sandbox.get().fail(429)
    with_tools = model().bind_tools([weather], tool_choice="any")
    retrying = with_tools.with_retry(wait_exponential_jitter=False, stop_after_attempt=2)
    message = await ask(retrying, asynchronous=asynchronous)
    assert message.tool_calls[0]["args"] == {"city": "Paris"}


@both
async def test_with_fallbacks_in_every_form(asynchronous: bool) -> None:
    sandbox.get("first").fail(503, times=None)
    falling_back = model("first").with_fallbacks([model("second", model="mistral-large-latest")])
    with_tools = falling_back.bind_tools([weather], tool_choice="any")
    structured = model("first").with_structured_output(Place)
    structured = structured.with_fallbacks([model("second").with_structured_output(Place)])
    message = await ask(falling_back, asynchronous=asynchronous)
    assert message.response_metadata["model_name"] == "mistral-large-latest"
    assert await stream(falling_back, asynchronous=asynchronous)
    assert (await ask(with_tools, asynchronous=asynchronous)).tool_calls
    assert await ask(structured, asynchronous=asynchronous) == Place(city="Paris")
    assert len(sandbox.get("first").requests) == len(sandbox.get("second").requests) == 4


# --- fields, alternatives, bind


def test_portkey_config_can_be_a_configurable_field() -> None:
    def config(name: str) -> dict[str, Any]:
        return {"provider": "mistral-ai", "api_key": "k", "custom_host": f"sandbox:{name}"}

    chat = ChatPortkeyMistral(portkey_config=config("east"), model="mistral-small-latest")
    configurable = chat.configurable_fields(portkey_config=ConfigurableField(id="route"))
    configurable.invoke("go")
    configurable.invoke("go", {"configurable": {"route": config("west")}})
    assert [len(sandbox.get(name).requests) for name in ("east", "west")] == [1, 1]


@both
async def test_configurable_alternatives(asynchronous: bool) -> None:
    configurable = model("east").configurable_alternatives(
        ConfigurableField(id="where"), default_key="east", west=model("west")
    )
    await ask(configurable, asynchronous=asynchronous)
    west: Any = {"configurable": {"where": "west"}}
    await ask(configurable, asynchronous=asynchronous, config=west)
    with_tools = configurable.with_config(west).bind_tools([weather])
    await ask(with_tools, asynchronous=asynchronous)
    assert [len(sandbox.get(name).requests) for name in ("east", "west")] == [1, 2]
    assert "tools" in sandbox.get("west").requests[1].body


def test_bound_arguments_are_kept_in_a_chain() -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{text}")])
    chain = prompt | model().bind(temperature=0, stop=["three"]) | StrOutputParser()
    assert chain.invoke({"text": "Say exactly: one two three"}).strip() == "one two"
    body = sandbox.get().requests[0].body
    assert (body["temperature"], body["stop"]) == (0, ["three"])


# --- batches and limits

SLOW = Fault(delay=0.02)


@pytest.mark.parametrize("limited_by", ["field", "config"])
@pytest.mark.parametrize("mode", ["batch", "abatch", "batch_as_completed", "abatch_as_completed"])
async def test_concurrency_limits_are_kept(limited_by: str, mode: str) -> None:
    sandbox.get().inject(SLOW, times=None)
    chat = model(max_concurrency=2) if limited_by == "field" else model()
    config: Any = {"max_concurrency": 2} if limited_by == "config" else None
    prompts = [f"Say exactly: {number}" for number in range(12)]
    match mode:
        case "batch":
            answers = dict(enumerate(chat.batch(prompts, config)))
        case "abatch":
            answers = dict(enumerate(await chat.abatch(prompts, config)))
        case "batch_as_completed":
            answers = dict(chat.batch_as_completed(prompts, config))
        case _:
            answers = {i: m async for i, m in chat.abatch_as_completed(prompts, config)}
    assert [answers[number].text for number in range(12)] == [str(n) for n in range(12)]
    assert sandbox.get().peak_in_flight == 2


@both
async def test_a_batch_returns_exceptions_beside_answers(asynchronous: bool) -> None:
    sandbox.get().inject(Fault(status=500, when="bad"), times=None)
    prompts = ["Say exactly: a", "bad", "Say exactly: c"]
    if asynchronous:
        first, second, third = await model().abatch(prompts, return_exceptions=True)
    else:
        first, second, third = model().batch(prompts, return_exceptions=True)
    assert (first.text, third.text) == ("a", "c")
    assert isinstance(second, InternalServerError)


class CountingRateLimiter(BaseRateLimiter):
    def __init__(self) -> None:
        self.acquired = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.acquired += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.acquired += 1
        return True


@both
async def test_the_rate_limiter_counts_calls_but_not_cache_hits(asynchronous: bool) -> None:
    limiter = CountingRateLimiter()
    chat = model(rate_limiter=limiter, cache=InMemoryCache())
    await ask(chat, asynchronous=asynchronous)
    await ask(chat, asynchronous=asynchronous)
    assert limiter.acquired == 1
    await stream(chat, asynchronous=asynchronous)
    assert limiter.acquired == 2


# --- caches

GATEWAY = {"gateway_url": "http://localhost:8787/v1"}
ROUTES: dict[str, dict[str, Any]] = {
    "direct": {"api_key": "k"},
    "another host": {"api_key": "k", "base_url": "https://mistral.test"},
    "another region": {"api_key": "k", "data_residency": "eu"},
    "a config": {"portkey_config": {"provider": "mistral-ai", "api_key": "k"}},
    "a config with overrides": {
        "portkey_config": {
            "provider": "mistral-ai",
            "api_key": "k",
            "override_params": {"model": "mistral-large-latest"},
        }
    },
    "own gateway": {**GATEWAY, "api_key": "k"},
    "own gateway, other lane": {**GATEWAY, "api_key": "k", "gateway_lane": "unified"},
    "hosted gateway": {"portkey_api_key": "one"},
    "another account": {"portkey_api_key": "two"},
    "a slug": {"portkey_api_key": "one", "portkey_config": "pc-one"},
    "another slug": {"portkey_api_key": "one", "portkey_config": "pc-two"},
    "a virtual key": {"portkey_api_key": "one", "virtual_key": "v1"},
    "another virtual key": {"portkey_api_key": "one", "virtual_key": "v2"},
    "a provider": {"portkey_api_key": "one", "provider": "@mistral-eu"},
    "metadata that a condition may read": {
        "portkey_api_key": "one",
        "portkey_metadata": {"a": "b"},
    },
}


@pytest.mark.parametrize("cls", [ChatPortkeyMistral, PortkeyMistralFIM])
def test_no_two_routes_share_a_cache_entry(cls: type[Any]) -> None:
    models = [cls(**fields) for fields in ROUTES.values()]
    keys = {str(sorted(model.asdict().items())) for model in models}
    assert len(keys) == len(ROUTES)


def test_arguments_that_change_the_route_change_the_cache_key() -> None:
    chat = model()
    arguments = [
        {},
        {"model": "mistral-large-latest"},
        {"portkey_metadata": {"a": "b"}},
        {"portkey_config": {"provider": "mistral-ai", "custom_host": "sandbox:west"}},
        {"tools": [{"function": {"name": "f", "parameters": {}}}]},
    ]
    assert len({chat._get_llm_string(**each) for each in arguments}) == len(arguments)


@both
async def test_trace_id_and_timeout_are_not_part_of_the_cache_key(asynchronous: bool) -> None:
    chat = model(cache=InMemoryCache())
    for number in range(3):
        await ask(chat, asynchronous=asynchronous, trace_id=f"t{number}", timeout=number + 1)
    assert len(sandbox.get().requests) == 1


# --- tracing


class RecordingTracer(BaseTracer):
    """Records runs, as LangSmith's tracer sends them."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.runs.append(run)

    @property
    def text(self) -> str:
        return json.dumps([run.model_dump(mode="json") for run in self.runs], default=repr)


def with_key(**fields: Any) -> ChatPortkeyMistral:
    return model(api_key=SECRET, default_headers={"x-own": SECRET}, **fields)


CONFIG = {"provider": "mistral-ai", "api_key": SECRET, "custom_host": "sandbox:"}
CALLS: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda config: with_key().invoke("go", config),
    "stream": lambda config: list(with_key().stream("go", config)),
    "batch": lambda config: with_key().batch(["go", "go"], config),
    "config of the call": lambda config: with_key().invoke("go", config, portkey_config=CONFIG),
    "bound config": lambda config: with_key().bind(portkey_config=CONFIG).invoke("go", config),
    "tools": lambda config: with_key().bind_tools([weather]).invoke("go", config),
    "schema": lambda config: with_key().with_structured_output(Place).invoke("in Paris", config),
    "headers of the call": lambda config: with_key().invoke("go", config, headers={"x": SECRET}),
    "configured key": lambda config: (
        with_key()
        .configurable_fields(api_key=ConfigurableField(id="api_key"))
        .invoke("go", config | {"configurable": {"api_key": SECRET}})
    ),
    "configured secret": lambda config: (
        with_key()
        .configurable_fields(api_key=ConfigurableField(id="mine"))
        .invoke("go", config | {"configurable": {"mine": SecretStr(SECRET)}})
    ),
    "chain": lambda config: (with_key() | RunnableLambda(lambda m: m.text)).invoke("go", config),
}


@pytest.mark.parametrize("mode", CALLS)
def test_a_traced_run_contains_no_key(mode: str) -> None:
    tracer = RecordingTracer()
    CALLS[mode]({"callbacks": [tracer]})
    assert tracer.runs
    assert SECRET not in tracer.text


@both
async def test_a_traced_run_has_model_tokens_and_usage(
    asynchronous: bool,
) -> None:
    tracer = RecordingTracer()
    if asynchronous:
        chunks = [chunk async for chunk in model().astream("go", {"callbacks": [tracer]})]
    else:
        chunks = list(model().stream("go", {"callbacks": [tracer]}))
    (run,) = tracer.runs
    assert run.extra["metadata"]["ls_model_name"] == "mistral-small-latest"
    assert run.extra["metadata"]["ls_provider"] == "mistralai"
    assert sum(event["name"] == "new_token" for event in run.events) == len(chunks)
    message = run.outputs["generations"][0][0]["message"]["kwargs"]
    assert message["usage_metadata"]["total_tokens"] > 0


# --- streams in chains


@both
async def test_a_chain_streams_chunk_by_chunk(asynchronous: bool) -> None:
    """The first chunk comes out of the chain while the server is still sending the answer."""

    def upper(chunks: Iterator[Any]) -> Iterator[str]:
        for chunk in chunks:
            yield chunk.text.upper()

    async def aupper(chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk.text.upper()

    box = sandbox.get()
    box.inject(Fault(event_delay=0.01))
    chain = model() | (aupper if asynchronous else upper)
    prompt = "Say exactly: one two three"
    if asynchronous:
        texts: Any = chain.astream(prompt)
        first, in_flight = await anext(texts), box.in_flight
        rest = [text async for text in texts]
    else:
        texts = chain.stream(prompt)
        first, in_flight = next(texts), box.in_flight
        rest = list(texts)
    assert in_flight == 1
    assert "".join([first, *rest]) == "ONE TWO THREE"


@both
async def test_closing_a_stream_early_closes_the_connection(asynchronous: bool) -> None:
    box: Sandbox = sandbox.get()
    box.inject(Fault(event_delay=0.01))
    prompt = "Say exactly: " + "word " * 50
    chunks: Any = model().astream(prompt) if asynchronous else model().stream(prompt)
    if asynchronous:
        await anext(chunks)
        await chunks.aclose()
    else:
        next(chunks)
        chunks.close()
    assert box.in_flight == 0
    assert box.requests[0].state == "abandoned"


@pytest.mark.parametrize(
    "arguments", [{}, {"stop": ["x"]}, {"temperature": 0.1, "trace_id": "t"}], ids=str
)
def test_invocation_params_are_those_of_langchain(arguments: dict[str, Any]) -> None:
    chat = model(temperature=0.3, model_kwargs={"x": 1})
    assert chat._get_invocation_params(**arguments) == BaseChatModel._get_invocation_params(
        chat, **arguments
    )
