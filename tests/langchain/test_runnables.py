"""The model among LangChain's runnables: retries, fallbacks, alternatives, batches, limits, caches."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
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
from pydantic import BaseModel, SecretStr

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralFIM
from portkey_mistral import sandbox
from portkey_mistral.exceptions import AuthenticationError, InternalServerError
from portkey_mistral.sandbox import Fault, Sandbox

pytestmark = pytest.mark.usefixtures("mistral_sandbox")
SECRET = "sk-do-not-show-this"


def model(name: str = "", **fields: Any) -> ChatPortkeyMistral:
    return ChatPortkeyMistral(**({"base_url": f"sandbox:{name}", "max_retries": 0} | fields))


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


class Place(BaseModel):
    """A place."""

    city: str


async def ask(runnable: Any, *, asynchronous: bool, **arguments: Any) -> Any:
    said = "What is the weather in Paris?"
    if asynchronous:
        return await runnable.ainvoke(said, **arguments)
    return runnable.invoke(said, **arguments)


async def stream(runnable: Any, *, asynchronous: bool) -> str:
    if asynchronous:
        return "".join([chunk.text async for chunk in runnable.astream("go")])
    return "".join(chunk.text for chunk in runnable.stream("go"))


both = pytest.mark.parametrize("asynchronous", [False, True])

# --- retries and fallbacks ---


def worth_it(error: BaseException) -> bool:
    return isinstance(error, ModelError) and error.is_retryable


@both
async def test_with_retry_by_what_the_error_says_of_itself(asynchronous: bool) -> None:
    retrying = model().with_retry(
        retry_if_exception_type=worth_it, wait_exponential_jitter=False, stop_after_attempt=3
    )
    sandbox.get().fail(503, times=2)
    assert (await ask(retrying, asynchronous=asynchronous)).text
    assert len(sandbox.get().requests) == 3
    sandbox.get().fail(401)
    with pytest.raises(AuthenticationError):
        await ask(retrying, asynchronous=asynchronous)
    assert len(sandbox.get().requests) == 4


@both
async def test_bound_tools_are_retried_with_the_model(asynchronous: bool) -> None:
    sandbox.get().fail(429)
    calling = model().bind_tools([weather], tool_choice="any")
    retrying = calling.with_retry(wait_exponential_jitter=False, stop_after_attempt=2)
    message = await ask(retrying, asynchronous=asynchronous)
    assert message.tool_calls[0]["args"] == {"city": "Paris"}


@both
async def test_with_fallbacks_in_every_form(asynchronous: bool) -> None:
    sandbox.get("first").fail(503, times=None)
    safe = model("first").with_fallbacks([model("second", model="mistral-large-latest")])
    calling = safe.bind_tools([weather], tool_choice="any")
    structured = model("first").with_structured_output(Place)
    structured = structured.with_fallbacks([model("second").with_structured_output(Place)])
    assert (await ask(safe, asynchronous=asynchronous)).response_metadata["model_name"] == (
        "mistral-large-latest"
    )
    assert await stream(safe, asynchronous=asynchronous)
    assert (await ask(calling, asynchronous=asynchronous)).tool_calls
    assert await ask(structured, asynchronous=asynchronous) == Place(city="Paris")
    assert len(sandbox.get("first").requests) == len(sandbox.get("second").requests) == 4


# --- fields, alternatives, bind ---


def test_a_config_may_be_a_configurable_field() -> None:
    def by(name: str) -> dict[str, Any]:
        return {"provider": "mistral-ai", "api_key": "k", "custom_host": f"sandbox:{name}"}

    chat = ChatPortkeyMistral(portkey_config=by("east"), model="mistral-small-latest")
    open_ = chat.configurable_fields(portkey_config=ConfigurableField(id="route"))
    open_.invoke("go")
    open_.invoke("go", {"configurable": {"route": by("west")}})
    assert [len(sandbox.get(name).requests) for name in ("east", "west")] == [1, 1]


@both
async def test_configurable_alternatives(asynchronous: bool) -> None:
    open_ = model("east").configurable_alternatives(
        ConfigurableField(id="where"), default_key="east", west=model("west")
    )
    await ask(open_, asynchronous=asynchronous)
    west: Any = {"configurable": {"where": "west"}}
    await ask(open_, asynchronous=asynchronous, config=west)
    calling = open_.with_config(west).bind_tools([weather])
    await ask(calling, asynchronous=asynchronous)
    assert [len(sandbox.get(name).requests) for name in ("east", "west")] == [1, 2]
    assert "tools" in sandbox.get("west").requests[1].body


def test_what_is_bound_stays_through_a_chain() -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{said}")])
    chain = prompt | model().bind(temperature=0, stop=["three"]) | StrOutputParser()
    assert chain.invoke({"said": "Say exactly: one two three"}).strip() == "one two"
    body = sandbox.get().requests[0].body
    assert (body["temperature"], body["stop"]) == (0, ["three"])


# --- batches and limits ---

SLOW = Fault(delay=0.02)


@pytest.mark.parametrize("where", ["object", "config"])
@pytest.mark.parametrize("way", ["batch", "abatch", "batch_as_completed", "abatch_as_completed"])
async def test_limits_of_concurrency_hold(where: str, way: str) -> None:
    sandbox.get().inject(SLOW, times=None)
    chat = model(max_concurrency=2) if where == "object" else model()
    config: Any = {"max_concurrency": 2} if where == "config" else None
    prompts = [f"Say exactly: {number}" for number in range(12)]
    match way:
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
async def test_a_batch_keeps_what_went_well(asynchronous: bool) -> None:
    sandbox.get().inject(Fault(status=500, when="bad"), times=None)
    prompts = ["Say exactly: a", "bad", "Say exactly: c"]
    if asynchronous:
        first, second, third = await model().abatch(prompts, return_exceptions=True)
    else:
        first, second, third = model().batch(prompts, return_exceptions=True)
    assert (first.text, third.text) == ("a", "c")
    assert isinstance(second, InternalServerError)


class Counting(BaseRateLimiter):
    def __init__(self) -> None:
        self.taken = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.taken += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.taken += 1
        return True


@both
async def test_the_rate_limiter_counts_calls_and_no_cached_answer(asynchronous: bool) -> None:
    limiter = Counting()
    chat = model(rate_limiter=limiter, cache=InMemoryCache())
    await ask(chat, asynchronous=asynchronous)
    await ask(chat, asynchronous=asynchronous)
    assert limiter.taken == 1
    await stream(chat, asynchronous=asynchronous)
    assert limiter.taken == 2


# --- caches ---

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
    objects = {name: cls(**fields) for name, fields in ROUTES.items()}
    keys = {name: str(sorted(each.asdict().items())) for name, each in objects.items()}
    assert len(set(keys.values())) == len(ROUTES)


def test_what_is_said_for_a_call_and_leads_elsewhere_has_its_own_entry() -> None:
    chat = model()
    said = [
        {},
        {"model": "mistral-large-latest"},
        {"portkey_metadata": {"a": "b"}},
        {"portkey_config": {"provider": "mistral-ai", "custom_host": "sandbox:west"}},
        {"tools": [{"function": {"name": "f", "parameters": {}}}]},
    ]
    assert len({chat._get_llm_string(**each) for each in said}) == len(said)


@both
async def test_a_trace_id_does_not_keep_the_cache_from_answering(asynchronous: bool) -> None:
    chat = model(cache=InMemoryCache())
    for number in range(3):
        await ask(chat, asynchronous=asynchronous, trace_id=f"t{number}", timeout=number + 1)
    assert len(sandbox.get().requests) == 1


# --- tracing ---


class Runs(BaseTracer):
    """Keeps whole runs, as LangSmith's tracer sends them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.kept.append(run)

    @property
    def text(self) -> str:
        return json.dumps([run.model_dump(mode="json") for run in self.kept], default=repr)


def with_key(**fields: Any) -> ChatPortkeyMistral:
    return model(api_key=SECRET, default_headers={"x-own": SECRET}, **fields)


CONFIG = {"provider": "mistral-ai", "api_key": SECRET, "custom_host": "sandbox:"}
CALLS: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda config: with_key().invoke("go", config),
    "stream": lambda config: list(with_key().stream("go", config)),
    "batch": lambda config: with_key().batch(["go", "go"], config),
    "config of the call": lambda config: with_key().invoke("go", config, portkey_config=CONFIG),
    "config that is bound": lambda config: (
        with_key().bind(portkey_config=CONFIG).invoke("go", config)
    ),
    "tools": lambda config: with_key().bind_tools([weather]).invoke("go", config),
    "schema": lambda config: with_key().with_structured_output(Place).invoke("in Paris", config),
    "headers of the call": lambda config: with_key().invoke("go", config, headers={"x": SECRET}),
    "configured key": lambda config: (
        with_key()
        .configurable_fields(api_key=ConfigurableField(id="api_key"))
        .invoke("go", config | {"configurable": {"api_key": SECRET}})
    ),
    "configured key that is marked": lambda config: (
        with_key()
        .configurable_fields(api_key=ConfigurableField(id="mine"))
        .invoke("go", config | {"configurable": {"mine": SecretStr(SECRET)}})
    ),
    "chain": lambda config: (with_key() | RunnableLambda(lambda m: m.text)).invoke("go", config),
}


@pytest.mark.parametrize("way", CALLS)
def test_a_whole_traced_run_holds_no_key(way: str) -> None:
    tracer = Runs()
    CALLS[way]({"callbacks": [tracer]})
    assert tracer.kept
    assert SECRET not in tracer.text


@both
async def test_a_traced_run_tells_model_tokens_and_time_of_the_first_token(
    asynchronous: bool,
) -> None:
    tracer = Runs()
    if asynchronous:
        chunks = [chunk async for chunk in model().astream("go", {"callbacks": [tracer]})]
    else:
        chunks = list(model().stream("go", {"callbacks": [tracer]}))
    (run,) = tracer.kept
    assert run.extra["metadata"]["ls_model_name"] == "mistral-small-latest"
    assert run.extra["metadata"]["ls_provider"] == "portkey-mistral"
    assert sum(event["name"] == "new_token" for event in run.events) == len(chunks)
    message = run.outputs["generations"][0][0]["message"]["kwargs"]
    assert message["usage_metadata"]["total_tokens"] > 0


# --- streams inside chains ---


@both
async def test_a_stream_passes_through_a_chain_without_waiting(asynchronous: bool) -> None:
    sandbox.get().inject(Fault(event_delay=0.02))

    def louder(chunks: Iterator[Any]) -> Iterator[str]:
        for chunk in chunks:
            yield chunk.text.upper()

    async def alouder(chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk.text.upper()

    chain = model() | (alouder if asynchronous else louder)
    said = "Say exactly: " + "word " * 10
    if asynchronous:
        times = [time.monotonic() async for _ in chain.astream(said)]
    else:
        times = [time.monotonic() for _ in chain.stream(said)]
    assert times[-1] - times[0] > 0.1


@both
async def test_a_stream_that_is_left_early_lets_go(asynchronous: bool) -> None:
    box: Sandbox = sandbox.get()
    box.inject(Fault(event_delay=0.01))
    said = "Say exactly: " + "word " * 50
    if asynchronous:
        chunks = model().astream(said)
        async for _ in chunks:
            break
        await chunks.aclose()
    else:
        pieces = model().stream(said)
        next(pieces)
        pieces.close()
    assert box.in_flight == 0
    assert box.requests[0].state == "abandoned"


@pytest.mark.parametrize("said", [{}, {"stop": ["x"]}, {"temperature": 0.1, "trace_id": "t"}])
def test_what_traces_are_told_is_what_langchain_itself_would_tell(said: dict[str, Any]) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:", temperature=0.3, model_kwargs={"x": 1})
    assert model._get_invocation_params(**said) == BaseChatModel._get_invocation_params(
        model, **said
    )


def test_a_subclass_may_tell_traces_something_else() -> None:
    class Mine(ChatPortkeyMistral):
        def dict(self, **kwargs: Any) -> dict[str, Any]:
            return {"mine": True}

    assert Mine(base_url="sandbox:")._get_invocation_params() == {"mine": True, "stop": None}
