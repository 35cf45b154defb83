"""One span a call, a child span an attempt: sync and async, whole and streamed, chat, completions, embeddings."""

from __future__ import annotations

import json

import httpx
import httpx2
import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import (
    ChatRequest,
    Client,
    FIMRequest,
    Message,
    ModerationRequest,
)
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    InvalidRequestError,
    RateLimitError,
)
from portkey_mistral.messages import ImagePart
from portkey_mistral.requests import ResponseFormat
from scripted import Network, answer, network, stream
from telemetry import Watched, watched

KEY = "sk-mistral-very-secret-key"
URL = "http://primary.test:8080/v1"
FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "custom_host": URL, "retry": {"attempts": 1}},
        {"provider": "openai", "custom_host": "https://reserve.test/v1", "api_key": KEY},
    ],
}
every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED])


def reply(kind: Kind, text: str = "Hi!") -> httpx.Response:
    return answer(text) if kind in KINDS else stream({"content": text})


def refusal(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"message": f"refused with {status}"}, headers=headers)


def client(replies: Network, **fields: object) -> Client:
    known = {"base_url": URL, "api_key": KEY, "max_retries": 0, **replies.clients}
    return Client(**{**known, **fields})


# --- what a span says -----------------------------------------------------------------------------


@every
def test_a_call_is_a_span_and_its_attempt_a_child(kind: Kind, otel: Watched) -> None:
    request = ask(temperature=0.5, max_tokens=9, stop="x", random_seed=3, n=1, top_p=0.9)
    assert kind.run(client(network(reply(kind))), request, None).text == "Hi!"
    call, (attempt,) = otel.call, otel.attempts
    assert call.name == "chat mistral-small-latest"
    assert call.kind is SpanKind.CLIENT
    assert call.status.status_code is StatusCode.UNSET
    assert call.parent is None
    attributes = dict(call.attributes)
    first_chunk = attributes.pop("gen_ai.response.time_to_first_chunk", None)
    assert (first_chunk is None) == (kind in KINDS)
    assert attributes.pop("gen_ai.request.stream", False) == (kind in STREAMED)
    assert attributes.pop("portkey_mistral.request_id", None) == ("r1" if kind in KINDS else None)
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": "mistral-small-latest",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.response.id": "0123456789abcdef0123456789abcdef",
        "gen_ai.response.model": "mistral-small-2603",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "server.address": "primary.test",
        "server.port": 8080,
        "portkey_mistral.mode": "direct",
        "portkey_mistral.option_path": "config",
    }
    assert attempt.name == "POST /v1/chat/completions"
    assert attempt.kind is SpanKind.CLIENT
    assert attempt.parent.span_id == call.context.span_id
    assert dict(attempt.attributes) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.full": f"{URL}/chat/completions",
        "server.address": "primary.test",
        "server.port": 8080,
        "portkey_mistral.attempt.path": "config",
        "portkey_mistral.attempt.number": 1,
        "portkey_mistral.attempt.provider": "mistral-ai",
        "portkey_mistral.attempt.model": "mistral-small-latest",
        "portkey_mistral.transport": "httpx",
    }
    assert call.start_time <= attempt.start_time <= attempt.end_time <= call.end_time


@every
def test_a_completion_between_prompt_and_suffix(kind: Kind, otel: Watched) -> None:
    request = FIMRequest(model="codestral-latest", prompt="def", suffix="end")
    assert kind.run(client(network(reply(kind, "x"))), request, None).text == "x"
    assert otel.call.name == "text_completion codestral-latest"
    assert otel.attempts[0].name == "POST /v1/fim/completions"


def test_a_format_choices_and_details_of_the_usage(otel: Watched) -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    replies = network(answer("{}", usage=usage))
    request = ask(response_format=ResponseFormat("json_object"), n=2)
    client(replies).chat(request)
    attributes = otel.call.attributes
    assert attributes["gen_ai.output.type"] == "json"
    assert attributes["gen_ai.request.choice.count"] == 2
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 4
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 2


@every
def test_the_library_that_carried_an_attempt(
    kind: Kind, otel: Watched, mistral_sandbox_url: str
) -> None:
    kind.run(Client(base_url=mistral_sandbox_url, api_key=KEY), ask(), None)
    library = "aiohttp" if kind.name.startswith("a") else "urllib3"
    assert otel.attempts[0].attributes["portkey_mistral.transport"] == library
    assert otel.attempts[0].attributes["url.full"] == f"{mistral_sandbox_url}/chat/completions"


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_of_httpx2_is_named(kind: Kind, otel: Watched) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=json.loads(answer("Hi!").content))

    transport = httpx2.MockTransport(respond)
    clients = {
        "http_client": httpx2.Client(transport=transport),
        "http_async_client": httpx2.AsyncClient(transport=transport),
    }
    kind.run(Client(api_key=KEY, **clients), ask(), None)
    assert otel.attempts[0].attributes["portkey_mistral.transport"] == "httpx2"


@every
def test_the_cost_of_a_call(kind: Kind, otel: Watched) -> None:
    cost = kind.run(Client(base_url="sandbox:"), ask(), None).info.cost
    assert cost is not None
    assert otel.call.attributes["portkey_mistral.cost.amount"] == float(cost.amount) > 0
    assert otel.call.attributes["portkey_mistral.cost.currency"] == "USD"


@every
def test_the_cost_of_a_call_that_failed(kind: Kind, otel: Watched) -> None:
    failed = answer("", finish="error") if kind in KINDS else stream(finish="error")
    with pytest.raises(APIStatusError) as caught:
        kind.run(client(network(failed), base_url=None), ask(), None)
    assert caught.value.cost is not None
    assert (
        otel.call.attributes["portkey_mistral.cost.amount"] == float(caught.value.cost.amount) > 0
    )


def test_what_samplers_decide_by_is_there_at_the_start() -> None:
    seen: list[dict[str, object]] = []

    class Watching(Sampler):
        def should_sample(
            self, parent_context, trace_id, name, kind=None, attributes=None, *_, **__
        ):  # type: ignore[no-untyped-def]
            seen.append({"name": name, **(attributes or {})})
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

        def get_description(self) -> str:
            return "watching"

    with watched(sampler=Watching()):
        client(network(answer("Hi!"))).chat(ask())
    assert (
        seen[0].items()
        >= {
            "name": "chat mistral-small-latest",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "mistral_ai",
            "gen_ai.request.model": "mistral-small-latest",
            "server.address": "primary.test",
            "server.port": 8080,
        }.items()
    )


def test_what_is_not_sampled_is_measured_all_the_same() -> None:
    with watched(sampler=ALWAYS_OFF) as otel:
        client(network(answer("Hi!"))).chat(ask())
        assert otel.spans == []
        assert len(otel.points("gen_ai.client.operation.duration")) == 1


def test_a_call_that_runs_no_model_has_only_its_request(otel: Watched) -> None:
    client(network(httpx.Response(200, json={"data": []}))).models()
    (attempt,) = otel.spans
    assert attempt.name == "GET /v1/models"
    assert otel.points("gen_ai.client.operation.duration") == []


def test_a_moderation(otel: Watched) -> None:
    Client(base_url="sandbox:").moderate(
        ModerationRequest(model="mistral-moderation-latest", inputs=["Hello"])
    )
    assert otel.call.name == "moderate mistral-moderation-latest"


# --- retries, fallbacks, errors -------------------------------------------------------------------


@every
def test_each_attempt_of_a_fallback_is_a_child(kind: Kind, otel: Watched) -> None:
    replies = network(refusal(503), httpx.ConnectError("gone"), reply(kind))
    kind.run(client(replies, portkey_config=FALLBACK), ask(), None)
    call, attempts = otel.call, otel.attempts
    assert {each.parent.span_id for each in attempts} == {call.context.span_id}
    assert [
        (
            each.attributes["portkey_mistral.attempt.path"],
            each.attributes["portkey_mistral.attempt.number"],
            each.attributes.get("http.request.resend_count"),
            each.attributes.get("http.response.status_code"),
            each.attributes.get("error.type"),
        )
        for each in attempts
    ] == [
        ("config.targets[0]", 1, None, 503, "503"),
        ("config.targets[0]", 2, 1, None, "portkey_mistral.exceptions.APIConnectionError"),
        ("config.targets[1]", 1, 2, 200, None),
    ]
    assert [each.status.status_code for each in attempts] == [
        StatusCode.ERROR,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert call.status.status_code is StatusCode.UNSET
    # The provider and the server are those that answered.
    assert call.attributes["gen_ai.provider.name"] == "openai"
    assert call.attributes["server.address"] == "reserve.test"
    assert call.attributes["server.port"] == 443
    assert call.attributes["portkey_mistral.option_path"] == "config.targets[1]"


@every
def test_a_failed_call(kind: Kind, otel: Watched) -> None:
    replies = network(refusal(429, **{"x-request-id": "r9"}))
    with pytest.raises(RateLimitError):
        kind.run(client(replies), ask(), None)
    call = otel.call
    assert call.status.status_code is StatusCode.ERROR
    assert "refused with 429" in call.status.description
    assert call.attributes["error.type"] == "429"
    assert call.attributes["portkey_mistral.request_id"] == "r9"
    assert call.events == ()  # the conventions have a log record for it
    assert len(otel.attempts) == 1


@every
def test_a_call_that_cannot_be_sent(kind: Kind, otel: Watched) -> None:
    config = {"strategy": {"mode": "conditional", "conditions": []}, "targets": [{"name": "a"}]}
    config["strategy"]["conditions"] = [{"query": {"metadata.a": {"$eq": "1"}}, "then": "a"}]  # type: ignore[index]
    with pytest.raises(InvalidRequestError):
        kind.run(client(network(), portkey_config=config), ask(), None)
    assert otel.call.attributes["error.type"] == "portkey_mistral.exceptions.InvalidRequestError"
    assert otel.attempts == []


def test_an_attempt_that_is_not_sent_is_an_event(otel: Watched) -> None:
    blind = {"provider": "mistral-ai", "override_params": {"model": "codestral-latest"}}
    config = {"strategy": {"mode": "fallback"}, "targets": [blind, {"provider": "mistral-ai"}]}
    image = ImagePart("https://images.test/a.png")
    request = ChatRequest(model="mistral-small-latest", messages=[Message.user((image,))])
    client(network(answer("A cat.")), portkey_config=config).chat(request)
    (event,) = otel.call.events
    assert event.name == "portkey_mistral.attempt_not_sent"
    assert event.attributes["portkey_mistral.attempt.path"] == "config.targets[0]"
    assert "codestral" in event.attributes["portkey_mistral.attempt.error"]
    assert len(otel.attempts) == 1


def test_a_cached_answer_is_an_event(otel: Watched) -> None:
    config = {"provider": "mistral-ai", "custom_host": URL, "cache": {"mode": "simple"}}
    mine = client(network(answer("a")), portkey_config=config, cache_namespace="telemetry")
    assert [mine.chat(ask("cached?")).text for _ in range(2)] == ["a", "a"]
    assert len(otel.attempts) == 1
    cached = otel.calls[1]
    assert cached.attributes["portkey_mistral.cache_status"] == "HIT"
    assert cached.events[0].attributes["portkey_mistral.attempt.cached"] is True


# --- keys -----------------------------------------------------------------------------------------


@every
def test_no_key_is_in_any_attribute(kind: Kind, otel: Watched, monkeypatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_AND_EVENT")
    leaking = httpx.Response(
        401, json={"message": f"bad key {KEY}"}, headers={"x-request-id": f"for-{KEY}"}
    )
    with pytest.raises(AuthenticationError, match="bad key"):
        kind.run(client(network(leaking)), ask(f"My key is {KEY}."), None)
    assert KEY not in "".join(span.to_json() for span in otel.spans)
    assert KEY not in "".join(str((event.body, event.attributes)) for event in otel.events)
    assert "My key is ***." in otel.call.attributes["gen_ai.input.messages"]


def test_an_unreachable_server_names_no_key(otel: Watched) -> None:
    replies = network(httpx.ConnectError(f"proxy refused {KEY}"))
    with pytest.raises(APIConnectionError):
        client(replies).chat(ask())
    assert KEY not in "".join(span.to_json() for span in otel.spans)
