"""Log records: a line an attempt, what follows a failure, what a user should mend; fields, and no keys."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest
import structlog
from pythonjsonlogger.json import JsonFormatter

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client, EmbeddingRequest
from portkey_mistral._telemetry import logs
from portkey_mistral.exceptions import AuthenticationError, RateLimitError, StreamInterruptedError
from scripted import Network, answer, network, sse, stream
from telemetry import Watched

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
streamed = pytest.mark.parametrize("kind", STREAMED)


@pytest.fixture(autouse=True)
def _warn_again() -> None:
    logs._warn_once.cache_clear()


def reply(kind: Kind) -> httpx.Response:
    return answer("Hi!") if kind in KINDS else stream({"content": "Hi!"})


def refusal(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"message": f"refused {KEY}"}, headers=headers)


def client(replies: Network, **fields: object) -> Client:
    known = {"base_url": URL, "api_key": KEY, "max_retries": 0, **replies.clients}
    return Client(**{**known, **fields})


def lines(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    """Return level and text, without times."""
    return [
        (each.levelname, re.sub(r"[0-9]+\.[0-9]+ s", "N s", each.getMessage())) for each in records
    ]


@every
def test_an_attempt_is_one_line_at_debug(kind: Kind, records) -> None:
    kind.run(client(network(reply(kind))), ask(), None)
    id_ = ", request id r1" if kind in KINDS else ""
    text = "chat mistral-small-latest: attempt 1 on config answered with status 200 after N s"
    assert lines(records) == [("DEBUG", f"{text} (primary.test:8080, httpx{id_})")]


@every
def test_a_retry_and_a_fallback_are_lines_at_info(kind: Kind, records) -> None:
    replies = network(refusal(503, **{"x-request-id": "r1"}), refusal(429), reply(kind))
    kind.run(client(replies, portkey_config=FALLBACK), ask(), None)
    assert [line for line in lines(records) if line[0] == "INFO"] == [
        ("INFO", "chat: retrying config.targets[0] after status 503"),
        ("INFO", "chat: falling back from config.targets[0] to config.targets[1] after status 429"),
    ]
    first = records[0]
    assert "failed with status 503" in first.getMessage()
    assert "refused ***" in first.getMessage()
    assert {name: vars(first)[name] for name in FIELDS} == {
        "operation": "chat",
        "attempt_path": "config.targets[0]",
        "attempt_number": 1,
        "provider": "mistral-ai",
        "model": "mistral-small-latest",
        "host": "primary.test:8080",
        "transport": "httpx",
        "status": 503,
        "request_id": "r1",
        "error_type": "503",
        "cached": False,
    }
    assert isinstance(vars(first)["wait"], float)
    assert isinstance(vars(first)["seconds"], float)


FIELDS = (
    "operation",
    "attempt_path",
    "attempt_number",
    "provider",
    "model",
    "host",
    "transport",
    "status",
    "request_id",
    "error_type",
    "cached",
)


def test_the_wait_before_a_retry_is_a_field(records) -> None:
    replies = network(refusal(429, **{"retry-after-ms": "20"}), answer("a"))
    client(replies, max_retries=1).chat(ask())
    _, retry, second = records
    assert 0 < vars(retry)["wait"] <= 0.02
    assert vars(second)["wait"] >= 0.01
    assert "in 0.0" in retry.getMessage()


@streamed
def test_an_interruption_is_a_line_at_info(kind: Kind, records) -> None:
    choice = {"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}
    cut = sse([{"id": "s", "model": "m", "choices": [choice]}], done=False)
    with pytest.raises(StreamInterruptedError):
        kind.run(client(network(cut)), ask(), None)
    (record,) = records
    assert record.levelname == "INFO"
    assert "was interrupted after its first content" in record.getMessage()


def test_a_stream_that_is_closed_says_so(records) -> None:
    opened = client(network(stream({"content": "a"}, {"content": "b"}))).stream(ask())
    next(opened)
    opened.close()
    attempt, end = lines(records)
    assert attempt[0] == "DEBUG"
    assert end == ("DEBUG", "chat: ended by the caller")


async def test_a_call_that_is_cancelled_names_the_attempt(records) -> None:
    arrived = asyncio.Event()

    async def never(_: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    http_client = httpx.AsyncClient(transport=httpx.MockTransport(never))
    call = asyncio.create_task(client(network(), http_async_client=http_client).achat(ask()))
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert lines(records) == [("DEBUG", "chat: ended by the caller during the attempt on config")]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_a_fallback_hides_and_does_not_mend_is_a_warning_once(status: int, records) -> None:
    targets = [FALLBACK["targets"][0] | {"retry": {"attempts": 0}}, FALLBACK["targets"][1]]
    config = {**FALLBACK, "targets": targets}
    replies = network(refusal(status), answer("a"), refusal(status), answer("b"))
    mine = client(replies, portkey_config=config)
    mine.chat(ask())
    mine.chat(ask())
    (warning,) = [record for record in records if record.levelname == "WARNING"]
    assert f"config.targets[0] (primary.test:8080) answered with status {status}, and calls fall back: check" in warning.getMessage()  # fmt: skip
    assert [level for level, _ in lines(records)].count("INFO") == 2


def test_every_request_of_a_job_is_a_line(records) -> None:
    texts = [f"Text {number}." for number in range(1200)]
    Client(base_url="sandbox:").embed(EmbeddingRequest(model="mistral-embed", inputs=texts))
    assert len(records) == 3
    assert {vars(record)["operation"] for record in records} == {"embeddings"}
    assert {vars(record)["host"] for record in records} == {"sandbox:default"}


def test_a_job_that_outlasts_a_rate_limit_says_so(records) -> None:
    def vectors(count: int) -> httpx.Response:
        data = [{"index": index, "embedding": [1.0]} for index in range(count)]
        return httpx.Response(200, json={"model": "mistral-embed", "data": data, "usage": {}})

    limited = refusal(429, **{"retry-after-ms": "1"})
    mine = client(
        network(limited, limited, vectors(512), vectors(1)), max_retries=1, max_concurrency=1
    )
    mine.embed(EmbeddingRequest(model="mistral-embed", inputs=["a"] * 513))
    waits = [text for level, text in lines(records) if level == "INFO" and "the job waits" in text]
    assert waits == [
        "embeddings mistral-embed: the rate limit outlasted all retries; the job waits and sends the request again"
    ]


def test_nothing_is_logged_where_nobody_listens(caplog) -> None:
    caplog.set_level(logging.WARNING, "portkey_mistral")
    client(network(refusal(500), answer("a")), max_retries=1).chat(ask())
    assert caplog.records == []


@every
def test_no_key_is_logged(kind: Kind, records) -> None:
    leaking = refusal(401, **{"x-request-id": f"for-{KEY}"})
    with pytest.raises(AuthenticationError, match="refused"):
        kind.run(client(network(leaking, leaking), portkey_config=FALLBACK), ask(KEY), None)
    replies = network(httpx.ConnectError(f"proxy {KEY}"), reply(kind))
    kind.run(client(replies, max_retries=1), ask(KEY), None)
    assert len(records) > 2
    assert KEY not in str([(record.getMessage(), vars(record)) for record in records])


# --- what applications make of the records --------------------------------------------------------


@pytest.fixture
def handler() -> Iterator[logging.StreamHandler[io.StringIO]]:
    handler = logging.StreamHandler(io.StringIO())
    logger = logging.getLogger("portkey_mistral")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def in_json(handler: logging.StreamHandler[io.StringIO]) -> dict[str, object]:
    found = json.loads(handler.stream.getvalue())
    assert isinstance(found, dict)
    return found


def test_structlog_shows_the_fields(handler) -> None:
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), structlog.stdlib.add_log_level],
            processor=structlog.processors.JSONRenderer(),
        )
    )
    client(network(answer("a"))).chat(ask())
    shown = in_json(handler)
    assert shown.items() >= {"level": "debug", "status": 200, "attempt_path": "config"}.items()
    assert shown.items() >= {"request_id": "r1", "transport": "httpx"}.items()
    assert "wait" in shown


def test_a_json_formatter_shows_the_fields(handler) -> None:
    handler.setFormatter(JsonFormatter())
    client(network(answer("a"))).chat(ask())
    expected = {"status": 200, "attempt_path": "config", "request_id": "r1", "transport": "httpx"}
    assert in_json(handler).items() >= expected.items()


def test_fields_of_the_applications_record_factory_are_left_alone(handler) -> None:
    original = logging.getLogRecordFactory()

    def factory(*args: object, **kwargs: object) -> logging.LogRecord:
        record = original(*args, **kwargs)
        record.request_id = "the application's"
        return record

    handler.setFormatter(JsonFormatter())
    logging.setLogRecordFactory(factory)
    try:
        assert client(network(answer("a"))).chat(ask()).text == "a"
    finally:
        logging.setLogRecordFactory(original)
    shown = in_json(handler)
    assert shown["request_id"] == "the application's"
    assert shown["portkey_mistral_request_id"] == "r1"


@every
def test_records_are_made_within_the_span_they_belong_to(
    kind: Kind, otel: Watched, handler
) -> None:
    from opentelemetry import trace

    seen: list[int] = []
    handler.addFilter(
        lambda _: seen.append(trace.get_current_span().get_span_context().span_id) or True
    )
    replies = network(refusal(503), reply(kind))
    kind.run(client(replies, max_retries=1), ask(), None)
    first, second = (attempt.context.span_id for attempt in otel.attempts)
    assert seen == [first, otel.call.context.span_id, second]


def test_the_error_of_a_call_is_raised_and_not_logged_above_debug(records) -> None:
    with pytest.raises(RateLimitError):
        client(network(refusal(429))).chat(ask())
    assert [record.levelname for record in records] == ["DEBUG"]
