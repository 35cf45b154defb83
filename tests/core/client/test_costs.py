"""The cost of calls and of their attempts: whole, streamed, failed, fallen back, from a cache, through a gateway."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from kinds import KINDS, STREAMED, ask
from portkey_mistral import (
    APIError,
    APIStatusError,
    APITimeoutError,
    Client,
    EmbeddingRequest,
    FIMRequest,
    GuardrailDeniedError,
    InternalServerError,
    ModerationRequest,
    RateLimitError,
    StreamInterruptedError,
    models,
)
from portkey_mistral.models import Price
from portkey_mistral.sandbox import Fault, Sandbox, get
from scripted import MODEL, answer, network, sse, stream

# 10 tokens in, 5 out: what the scripted network reports.
PRICE = Decimal("0.0000045")
ALL = [*KINDS, *STREAMED]
FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "k", "override_params": {"model": "mistral-large-2512"}},
        {"provider": "mistral-ai", "api_key": "k"},
    ],
}  # fmt: skip


@pytest.fixture(params=ALL, ids=str)
def kind(request):
    return request.param


def replied(kind, **members):
    return stream({"content": "Hi"}) if kind in STREAMED else answer("Hi", **members)


def failed_reply(kind, content):
    if kind in STREAMED:
        return stream(*([{"content": content}] if content else []), finish="error")
    return answer(content, finish="error")


def client(net, **fields):
    return Client(**({"api_key": "k"} | net.clients | fields))


def amounts(info):
    return [None if each.cost is None else each.cost.amount for each in info.attempts]


def test_a_call(kind):
    info = kind.run(client(network(replied(kind))), ask(), None).info
    assert info.cost is not None
    assert (info.cost.amount, info.cost.model) == (PRICE, MODEL)
    assert amounts(info) == [PRICE]
    assert info.attempts[0].usage is not None
    assert info.attempts[0].usage.total_tokens == 15


def test_a_regional_host(kind):
    info = kind.run(client(network(replied(kind)), data_residency="eu"), ask(), None).info
    assert info.cost.amount == PRICE * Decimal("1.1")
    assert set(info.cost.factors) == {"region"}


@pytest.mark.parametrize(
    "unbilled",
    [
        httpx.Response(503, json={"message": "busy"}),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("too late"),
    ],
    ids=["refusal", "no connection", "no connection in time"],
)
def test_a_fallback_adds_up_what_was_billed(kind, unbilled):
    net = network(unbilled, replied(kind))
    info = kind.run(client(net, portkey_config=FALLBACK), ask(), None).info
    assert amounts(info) == [0, PRICE]
    assert (info.cost.amount, info.cost.is_partial) == (PRICE, False)


def test_an_attempt_that_timed_out_may_have_been_billed(kind):
    net = network(httpx.ReadTimeout("too late"), replied(kind))
    info = kind.run(client(net, portkey_config=FALLBACK), ask(), None).info
    assert amounts(info) == [None, PRICE]
    assert (info.cost.amount, info.cost.is_partial) == (PRICE, True)


def test_a_failed_call(kind):
    with pytest.raises(APIStatusError) as refused:
        kind.run(client(network(httpx.Response(400, json={"message": "no"}))), ask(), None)
    assert refused.value.cost is not None
    assert refused.value.cost.amount == 0
    net = network(httpx.ReadTimeout("too late"))
    with pytest.raises(APITimeoutError) as late:
        kind.run(client(net, max_retries=0), ask(), None)
    assert late.value.cost is None


@pytest.mark.parametrize("content", ["", "Half a"])
def test_a_completion_that_failed_costs_what_its_usage_says(kind, content):
    with pytest.raises(APIError) as failed:
        kind.run(client(network(failed_reply(kind, content)), max_retries=0), ask(), None)
    assert failed.value.cost is not None
    assert (failed.value.cost.amount, failed.value.cost.model) == (PRICE, MODEL)
    (attempt,) = failed.value.attempts
    assert attempt.usage is not None
    assert (attempt.usage.total_tokens, attempt.usage.estimated) == (15, False)


def test_a_fallback_after_a_failed_completion_adds_up_both(kind):
    net = network(failed_reply(kind, ""), replied(kind))
    info = kind.run(client(net, portkey_config=FALLBACK), ask(), None).info
    assert amounts(info) == [PRICE, PRICE]
    assert (info.cost.amount, info.cost.is_partial) == (2 * PRICE, False)


def test_a_completion_that_failed_without_a_usage_may_have_been_billed(kind):
    reply = (
        stream(finish="error", usage="none")
        if kind in STREAMED
        else answer("", finish="error", usage=None)
    )
    with pytest.raises(InternalServerError) as failed:
        kind.run(client(network(reply), max_retries=0), ask(), None)
    assert failed.value.cost is None


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 10, "completion_tokens": 5}])
def test_a_refusal_with_a_success_status_costs_what_its_usage_says(kind, usage):
    error = {"error": {"message": "busy", "code": "3505"}, "usage": usage}
    reply = sse([error]) if kind in STREAMED else httpx.Response(200, json=error)
    with pytest.raises(RateLimitError) as refused:
        kind.run(client(network(reply), max_retries=0), ask(), None)
    assert refused.value.cost is not None
    assert refused.value.cost.amount == (PRICE if usage else 0)


@pytest.mark.parametrize("status", [408, 504])
def test_a_server_that_a_gateway_no_longer_waits_for_may_have_billed(kind, status):
    net = network(httpx.Response(status, json={"error": {"message": "too late"}}))
    with pytest.raises(APIStatusError) as late:
        kind.run(client(net, gateway_url="http://127.0.0.1:8787/v1"), ask(), None)
    assert late.value.cost is None


@pytest.mark.parametrize(("hook", "cost"), [("before", Decimal(0)), ("after", None)])
def test_an_answer_that_a_guardrail_denies_was_billed(kind, hook, cost):
    results = {f"{hook}_request_hooks": [{"id": "pg-1", "verdict": False, "deny": True}]}
    error = {"message": "denied", "type": "hooks_failed"}
    net = network(httpx.Response(446, json={"error": error, "hook_results": results}))
    with pytest.raises(GuardrailDeniedError) as denied:
        kind.run(client(net, gateway_url="http://127.0.0.1:8787/v1"), ask(), None)
    assert (denied.value.cost and denied.value.cost.amount) == cost


@pytest.mark.parametrize("kind", STREAMED, ids=str)
def test_an_interrupted_stream_costs_by_estimate(kind):
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    deltas = [{"choices": [{"index": 0, "delta": {"content": "word "}}]} for _ in range(9)]
    cut = sse([event | delta for delta in deltas], done=False)
    with pytest.raises(StreamInterruptedError) as broken:
        kind.run(client(network(cut)), ask(), None)
    assert broken.value.cost is not None
    assert broken.value.cost.estimated
    assert broken.value.cost.amount > 0


def test_a_stream_that_is_closed_early_costs_by_estimate(mistral_sandbox: Sandbox):
    with Client(base_url="sandbox:").stream(ask()) as opened:
        next(opened)
        next(opened)
    assert opened.info.cost is not None
    assert opened.info.cost.estimated


def test_embeddings_completions_and_moderations(mistral_sandbox: Sandbox):
    sandbox = Client(base_url="sandbox:")
    embedded = sandbox.embed(EmbeddingRequest(model="mistral-embed", inputs=["text"] * 600))
    assert len(embedded.infos) == 2
    assert embedded.cost is not None
    assert embedded.cost.amount == embedded.usage.prompt_tokens * Decimal("0.0000001")
    code = sandbox.fim(FIMRequest(model="codestral-latest", prompt="def add("))
    assert code.info.cost is not None
    assert code.info.cost.model == "codestral-2508"
    request = ModerationRequest(model="mistral-moderation-2603", inputs=["text"])
    assert sandbox.moderate(request).info.cost is not None


def test_the_progress_of_a_job_has_its_cost(mistral_sandbox: Sandbox):
    seen = []
    request = EmbeddingRequest(model="mistral-embed", inputs=["text"] * 600)
    embedded = Client(base_url="sandbox:").embed(request, show_progress=seen.append)
    assert seen[-1].cost == pytest.approx(float(embedded.cost.amount))


def test_the_priority_tier(mistral_sandbox: Sandbox):
    sandbox = Client(base_url="sandbox:")
    chat = sandbox.chat(ask(service_tier="auto"))
    assert chat.info.cost is not None
    assert set(chat.info.cost.factors) == {"priority"}
    # The server chose the tier, and does not tell which.
    info = client(network(answer("Hi"))).chat(ask(service_tier="auto")).info
    assert info.cost is None


def test_a_cached_answer_costs_nothing(mistral_sandbox: Sandbox):
    config = {"cache": {"mode": "simple"}, "provider": "mistral-ai", "api_key": "k"}
    cached = Client(base_url="sandbox:", portkey_config=config)
    costs = [cached.chat(ask("a text of this test")).info.cost.amount for _ in range(2)]
    assert costs[0] > 0
    assert costs[1] == 0


def test_a_resumed_stream_adds_up_both_attempts(mistral_sandbox: Sandbox):
    get().inject(Fault(cut_after=3))
    sandbox = Client(base_url="sandbox:", on_interrupt="resume")
    with sandbox.stream(ask("Tell me all about the models of Mistral.")) as opened:
        list(opened)
    info = opened.info
    assert len(info.attempts) == 2
    assert info.cost.amount == sum(amounts(info))
    assert info.cost.estimated


def test_other_servers_and_providers_have_a_price_if_it_was_set(kind):
    config = {"provider": "openai", "api_key": "k", "override_params": {"model": "gpt-5-mini"}}

    def cost():
        reply = answer("Hi", model="gpt-5-mini") if kind in KINDS else stream({"content": "Hi"})
        return kind.run(client(network(reply), portkey_config=config), ask(), None).info.cost

    assert cost() is None
    models.set_price("gpt-5-mini", Price(0.2, 2))
    try:
        assert cost().amount == Decimal("0.000012")
    finally:
        models.set_price("gpt-5-mini", None)


# --- through a gateway

HEADERS = {"x-portkey-provider": "mistral-ai", "x-portkey-last-used-option-index": "config"}
SLUG = {"api_key": None, "portkey_api_key": "p", "provider": "@team"}
TWO_HOSTS = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "k"},
        {"provider": "mistral-ai", "api_key": "k", "custom_host": "https://api.eu.mistral.ai/v1"},
        {"provider": "mistral-ai", "api_key": "k", "custom_host": "https://llm.example/v1"},
    ],
}


@pytest.mark.parametrize(
    ("fields", "headers", "cost"),
    [
        ({}, HEADERS, PRICE),
        ({"base_url": "https://api.eu.mistral.ai/v1"}, HEADERS, PRICE * Decimal("1.1")),
        ({"base_url": "https://llm.example/v1"}, HEADERS, None),
        # The catalog does not know the name, but what was requested.
        ({"model": "no-such-model"}, HEADERS, PRICE),
        (SLUG | {"model": "no-such-model"}, HEADERS, None),
        ({}, HEADERS | {"x-portkey-cache-status": "HIT"}, 0),
        # Behind a slug only the gateway knows the provider.
        (SLUG, HEADERS, PRICE),
        (SLUG, {"x-portkey-provider": "bedrock"}, None),
        (SLUG, {}, None),
        (
            {"portkey_config": TWO_HOSTS},
            {"x-portkey-last-used-option-index": "config.targets[0]"},
            PRICE,
        ),
        (
            {"portkey_config": TWO_HOSTS},
            {"x-portkey-last-used-option-index": "config.targets[1]"},
            PRICE * Decimal("1.1"),
        ),
        (
            {"portkey_config": TWO_HOSTS},
            {"x-portkey-last-used-option-index": "config.targets[2]"},
            None,
        ),
        # Which target answered is not known, and they do not cost the same.
        ({"portkey_config": TWO_HOSTS}, {}, None),
    ],
)
def test_through_a_gateway(fields, headers, cost):
    known = {"gateway_url": "http://localhost:8787/v1"} | fields
    reply = answer("Hi", model=known.pop("model", MODEL))
    reply.headers.update(headers)
    info = client(network(reply), **known).chat(ask()).info
    assert (None if info.cost is None else info.cost.amount) == cost
