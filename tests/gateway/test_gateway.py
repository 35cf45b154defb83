"""Both frameworks through the real Portkey gateway, to the sandbox behind it."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import BaseModel

from adapters import KEY
from portkey_mistral import GuardrailDeniedError, ParameterLossError, RateLimitError, sandbox

pytestmark = pytest.mark.gateway


class Joke(BaseModel):
    """A joke in two parts."""

    setup: str
    punchline: str


def came(name="default"):
    """Return the requests that the sandbox of this name saw, all of which the gateway has sent."""
    requests = sandbox.get(name).requests
    # Node's fetch says this of itself, and nothing else here does.
    assert all("sec-fetch-mode" in request.headers for request in requests)
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in requests)
    return requests


async def test_chat(connect, target):
    sandbox.get().reply("Où est l'été ? 東京 🌞")
    answer = await connect(target()).chat("Grüß dich", temperature=0.7)
    (request,) = came()
    assert answer.text == "Où est l'été ? 東京 🌞"
    assert answer.info["mode"] == "gateway"
    assert request.path == "/v1/chat/completions"
    assert request.body["messages"] == [{"role": "user", "content": "Grüß dich"}]
    assert request.body["temperature"] == 0.7


async def test_chat_by_provider_header(connect, mistral_sandbox_url):
    adapter = connect(provider="mistral-ai", api_key=KEY, base_url=mistral_sandbox_url)
    sandbox.get().reply("Without a config.")
    assert (await adapter.chat("Hello")).text == "Without a config."
    assert len(came()) == 1


async def test_no_parameter_is_lost(connect, target):
    """The gateway's own route for Mistral drops all of these, and cuts temperature at 1."""
    parameters = {
        "stop": ["."],
        "random_seed": 7,
        "presence_penalty": 0.5,
        "temperature": 1.2,
        "n": 1,
    }
    await connect(target()).chat("Hello", **parameters)
    (request,) = came()
    # A single stop text may be sent as a list or as text.
    assert {**request.body, "stop": list(request.body["stop"])}.items() >= parameters.items()


async def test_stream(connect, target):
    sandbox.get().reply("One two three four five, à la carte 🌞.")
    pieces = await connect(target()).stream("Count")
    (request,) = came()
    assert "".join(pieces) == "One two three four five, à la carte 🌞."
    assert len(pieces) > 3
    assert request.body["stream"] is True


async def test_tools(connect, target):
    answer = await connect(target()).call_tools("What is the weather in Paris? Use the tool.")
    (request,) = came()
    ((name, arguments),) = answer.calls
    assert name == "weather"
    assert list(arguments) == ["city"]
    assert request.body["tool_choice"] == "any"


async def test_json_mode(connect, target):
    answer = await connect(target()).json(
        "Tell me a joke as JSON with 'setup' and 'punchline' keys."
    )
    (request,) = came()
    assert isinstance(answer, dict)
    assert request.body["response_format"] == {"type": "json_object"}


async def test_structured_output(connect, target):
    assert isinstance(await connect(target()).structure("Tell me a joke about cats.", Joke), Joke)
    assert len(came()) == 1


async def test_embeddings(connect, target):
    texts = ["a cat on a mat", "the price of a model", "a cat upon a mat"]
    vectors = await connect(target()).embed(texts)
    (request,) = came()
    assert request.body["input"] == texts
    assert [len(vector) for vector in vectors] == [1024, 1024, 1024]
    assert dot(vectors[0], vectors[2]) > dot(vectors[0], vectors[1])


def dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_fill_in_the_middle(connect, target):
    sandbox.get().reply("    return a + b\n")
    code = await connect(target()).fill("def add(a, b):\n", "print(add(1, 2))")
    (request,) = came()
    assert code == "    return a + b\n"
    assert request.path == "/v1/fim/completions"
    assert request.body["suffix"] == "print(add(1, 2))"


async def test_fill_in_the_middle_streamed(connect, target):
    sandbox.get().reply("    return a + b\n")
    pieces = await connect(target()).stream_fill("def add(a, b):\n", "print(add(1, 2))")
    (request,) = came()
    assert "".join(pieces) == "    return a + b\n"
    assert len(pieces) > 1
    assert request.path == "/v1/fim/completions"


def fallback(*targets):
    return {"strategy": {"mode": "fallback"}, "targets": list(targets)}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_fallback(connect, target, streamed):
    sandbox.get("first").fail(503, times=None)
    sandbox.get("second").reply("Here is the second.")
    adapter = connect(fallback(target("first"), target("second")))
    text = (
        "".join(await adapter.stream("Hello")) if streamed else (await adapter.chat("Hello")).text
    )
    assert text == "Here is the second."
    assert [len(came("first")), len(came("second"))] == [1, 1]


async def test_a_fallback_reports_which_target_answered(connect, target):
    sandbox.get("first").fail(429, times=None)
    answer = await connect(fallback(target("first"), target("second"))).chat("Hello")
    assert answer.info["option_path"] == "config.targets[1]"


async def test_fallback_overrides_the_model(connect, target):
    sandbox.get("first").fail(503, times=None)
    spare = target("second", override_params={"model": "mistral-large-latest"})
    await connect(fallback(target("first"), spare)).chat("Hello", model="mistral-small-latest")
    assert [request.body["model"] for request in came("first")] == ["mistral-small-latest"]
    assert [request.body["model"] for request in came("second")] == ["mistral-large-latest"]


async def test_when_all_targets_fail_the_last_error_is_raised(connect, target):
    sandbox.get("first").fail(503, times=None)
    sandbox.get("second").fail(429, times=None)
    with pytest.raises(RateLimitError) as error:
        await connect(fallback(target("first"), target("second"))).chat("Hello")
    assert [len(came("first")), len(came("second"))] == [1, 1]
    assert KEY not in f"{error.value}{error.value!r}{vars(error.value)}"


async def test_load_balance(connect, target):
    names = ("east", "west", "idle")
    weights = (1, 1, 0)
    targets = [target(name, weight=weight) for name, weight in zip(names, weights, strict=True)]
    adapter = connect({"strategy": {"mode": "loadbalance"}, "targets": targets})
    # Even odds: one of the two stays without a call in one of 2^23 runs.
    for _ in range(24):
        await adapter.chat("Hello")
    hits = Counter({name: len(came(name)) for name in names})
    assert hits.total() == 24
    assert hits["east"] > 0
    assert hits["west"] > 0
    assert hits["idle"] == 0


DENYING = [{"default.contains": {"operator": "none", "words": ["Hello"]}, "deny": True}]


@pytest.mark.parametrize("mode", ["chat", "stream", "call_tools"])
async def test_a_guardrail_that_denies(connect, target, mode):
    adapter = connect(target(input_guardrails=DENYING))
    with pytest.raises(GuardrailDeniedError) as denied:
        await getattr(adapter, mode)("Hello")
    assert denied.value.status_code == 446
    assert denied.value.hook_results["before_request_hooks"]
    assert came() == []


async def test_guardrails_are_never_skipped_for_what_the_unified_route_would_lose(connect, target):
    adapter = connect(target(input_guardrails=DENYING))
    with pytest.raises(ParameterLossError, match="stop"):
        await adapter.chat("Hello", stop=["."])
    assert came() == []


@pytest.mark.parametrize(
    ("lane", "fields"), [("unified", {}), ("proxy", {"stop": ["."]})], ids=["unified", "proxy"]
)
async def test_an_answer_has_the_call_info(connect, target, lane, fields):
    sandbox.get("first").fail(503, times=None)
    sandbox.get("second").fail(500)
    config = fallback(target("first"), target("second", retry={"attempts": 1}))
    info = (await connect(config, trace_id="t1").chat("Hello", **fields)).info
    assert (info["mode"], info["lane"], info["provider"]) == ("gateway", lane, "mistral-ai")
    assert (info["option_path"], info["retry_count"]) == ("config.targets[1]", 1)
    assert (info["cache_status"], info["trace_id"]) == ("DISABLED", "t1")
    assert info["request_id"]
    assert any("remaining" in name for name in info["rate_limits"])
