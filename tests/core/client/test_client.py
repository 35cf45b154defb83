"""The client on the sandbox: one table for sync and async, whole and streamed."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    CapabilityError,
    ChatRequest,
    Client,
    ConfigurationError,
    Delta,
    EmbeddingRequest,
    FIMRequest,
    ImagePart,
    InternalServerError,
    InvalidRequestError,
    Message,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseFormatError,
    StreamInterruptedError,
    TextPart,
    Tool,
    UnprocessableEntityError,
)
from portkey_mistral.sandbox import Fault, get, reset
from scripted import network, stream

ALL = [*KINDS, *STREAMED]
LONG = "Tell me a long story about a cat, in at least sixty words."


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


def client(**fields: object) -> Client:
    return Client(**{"base_url": "sandbox:", "max_retries": 0, **fields})


def sent_to(name: str) -> int:
    return len(get(name).requests)


@pytest.mark.parametrize("kind", ALL)
def test_answers(kind: Kind) -> None:
    answer = kind.run(client(), ask("Grüße an 北京 🎉"), None)
    assert answer.text
    assert answer.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.info.mode == "sandbox"
    assert answer.info.request_id
    assert [a.status for a in answer.info.attempts] == [200]
    assert get().requests[-1].body["messages"] == [{"role": "user", "content": "Grüße an 北京 🎉"}]


def test_all_kinds_give_the_same_answer() -> None:
    answers = {kind.run(client(), ask(LONG), None).text for kind in ALL}
    assert len(answers) == 1


def test_only_what_was_set_is_sent() -> None:
    client().chat(ask())
    assert get().requests[-1].body.keys() == {"model", "messages"}


STATUSES = [
    (400, BadRequestError),
    (401, AuthenticationError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (422, UnprocessableEntityError),
    (429, RateLimitError),
    (500, InternalServerError),
    (503, InternalServerError),
    (418, APIStatusError),
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("status", "error"), STATUSES)
def test_each_status_has_its_own_error(
    kind: Kind, status: int, error: type[APIStatusError]
) -> None:
    get().fail(status, retry_after=7)
    with pytest.raises(error) as caught:
        kind.run(client(), ask(), None)
    assert type(caught.value) is error
    assert caught.value.status_code == status
    assert caught.value.request_id
    assert [a.status for a in caught.value.attempts] == [status]
    if isinstance(caught.value, RateLimitError):
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(connection="refused"), APIConnectionError),
        (Fault(connection="reset"), APIConnectionError),
        (Fault(connection="timeout"), APITimeoutError),
        (Fault(status=200, body="<html>proxy</html>"), ResponseFormatError),
        (Fault(status=200, body={"choices": []}), ResponseFormatError),
        (Fault(status=200, body={"error": {"message": "broken inside"}}), InternalServerError),
        (Fault(status=200, body=b""), ResponseFormatError),
    ],
)
def test_no_usable_answer(kind: Kind, fault: Fault, error: type[APIError]) -> None:
    get().inject(fault)
    with pytest.raises(error) as caught:
        kind.run(client(), ask(), None)
    assert type(caught.value) is error
    assert len(caught.value.attempts) == 1
    assert pickle.loads(pickle.dumps(caught.value)).attempts == caught.value.attempts


@pytest.mark.parametrize("kind", ALL)
def test_retries_until_it_is_answered(kind: Kind) -> None:
    get().fail(503)
    get().inject(Fault(connection="reset"))
    answer = kind.run(client(max_retries=None), ask(), None)
    assert [a.status for a in answer.info.attempts] == [503, 500, 200]
    assert [a.number for a in answer.info.attempts] == [1, 2, 3]
    assert answer.info.retry_count == 2


@pytest.mark.parametrize("kind", ALL)
def test_a_client_error_is_not_retried(kind: Kind) -> None:
    get().fail(400)
    with pytest.raises(BadRequestError):
        kind.run(client(max_retries=3), ask(), None)
    assert sent_to("default") == 1


FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "key-for-east", "custom_host": "sandbox:east"},
        {
            "provider": "mistral-ai",
            "api_key": "key-for-west",
            "custom_host": "sandbox:west",
            "override_params": {"model": "mistral-large-latest"},
        },
    ],
}


@pytest.mark.parametrize("kind", ALL)
def test_falls_back_with_overrides_and_keys_of_the_target(kind: Kind) -> None:
    get("east").fail(429)
    answer = kind.run(client(portkey_config=FALLBACK), ask(), None)
    assert answer.info.option_path == "config.targets[1]"
    assert [(a.path, a.status, a.model) for a in answer.info.attempts] == [
        ("config.targets[0]", 429, "mistral-small-latest"),
        ("config.targets[1]", 200, "mistral-large-latest"),
    ]
    arrived = get("west").requests[-1]
    assert arrived.body["model"] == "mistral-large-latest"
    assert arrived.headers["authorization"] == "Bearer key-for-west"


@pytest.mark.parametrize("kind", ALL)
def test_when_all_targets_fail_the_last_error_lists_all_attempts(kind: Kind) -> None:
    get("east").fail(500)
    get("west").fail(429)
    with pytest.raises(RateLimitError) as caught:
        kind.run(client(portkey_config=FALLBACK), ask(), None)
    assert [a.status for a in caught.value.attempts] == [500, 429]
    assert any("500" in note for note in caught.value.__notes__)
    assert "key-for" not in f"{caught.value!r}{caught.value.__notes__}{caught.value.attempts}"


WITHOUT_KEY = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "custom_host": "sandbox:east"},
        {"provider": "mistral-ai", "custom_host": "https://api.mistral.ai/v1"},
    ],
}


@pytest.fixture
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)


@pytest.mark.usefixtures("_no_key")
@pytest.mark.parametrize("kind", ALL)
def test_an_attempt_that_cannot_be_sent_does_not_hide_the_failures_before_it(kind: Kind) -> None:
    get("east").fail(500)
    with pytest.raises(
        ConfigurationError, match=r"No API key .* \(config.targets\[1\]\)"
    ) as caught:
        kind.run(client(portkey_config=WITHOUT_KEY), ask(), None)
    assert any(note.startswith("before that: 500") for note in caught.value.__notes__)


@pytest.mark.usefixtures("_no_key")
@pytest.mark.parametrize("kind", STREAMED)
def test_an_attempt_that_cannot_be_sent_does_not_lose_the_partial_answer(kind: Kind) -> None:
    whole = client().chat(ask(LONG)).text
    get("east").inject(Fault(cut_after=5))
    get("east").fail(500)
    with pytest.raises(
        StreamInterruptedError, match="could not be continued: No API key"
    ) as caught:
        kind.run(client(portkey_config=WITHOUT_KEY, on_interrupt="resume"), ask(LONG), None)
    error = caught.value
    assert error.partial is not None
    assert error.partial.text
    assert whole.startswith(error.partial.text)
    assert [attempt.status for attempt in error.attempts] == [500, 500]
    assert error.cost is not None
    assert isinstance(error.__cause__, ConfigurationError)


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("events", [0, 1])
def test_a_stream_that_fails_before_its_first_content_falls_back(kind: Kind, events: int) -> None:
    get("east").inject(Fault(cut_after=events))
    answer = kind.run(client(portkey_config=FALLBACK), ask(), None)
    assert answer.info.option_path == "config.targets[1]"
    assert answer.finish_reason == "stop"


BREAKS = [
    Fault(cut_after=5),
    Fault(cut_after=5, clean_cut=True),
    Fault(error_after=5),
    Fault(garble_after=5),
]


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("fault", BREAKS)
def test_an_interrupted_stream_raises_with_the_partial_answer(kind: Kind, fault: Fault) -> None:
    whole = client().chat(ask(LONG)).text
    get("east").inject(fault)
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(client(portkey_config=FALLBACK), ask(LONG), None)
    partial = caught.value.partial
    assert partial is not None
    assert partial.text
    assert whole.startswith(partial.text)
    assert caught.value.usage is not None
    assert caught.value.usage.estimated
    assert sent_to("west") == 0


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("event", range(2, 12))
def test_a_resumed_stream_equals_an_uninterrupted_one(kind: Kind, event: int) -> None:
    whole = client().chat(ask(LONG)).text
    get("east").inject(Fault(cut_after=event))
    answer = kind.run(client(portkey_config=FALLBACK, on_interrupt="resume"), ask(LONG), None)
    assert answer.text == whole
    assert answer.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.estimated


@pytest.mark.parametrize("kind", STREAMED)
def test_what_cannot_be_resumed_raises(kind: Kind) -> None:
    get("east").inject(Fault(cut_after=4))
    request = ask(LONG, tools=[Tool("lookup", "Look something up")])
    with pytest.raises(StreamInterruptedError):
        kind.run(client(portkey_config=FALLBACK, on_interrupt="resume"), request, None)


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    ("limits", "fault", "error"),
    [
        ({"first_token_timeout": 0.2}, Fault(delay=5), APITimeoutError),
        ({"first_token_timeout": 0.2}, Fault(stall_after=1), APITimeoutError),
        ({"idle_timeout": 0.2}, Fault(stall_after=4), StreamInterruptedError),
    ],
)
def test_a_stream_that_stalls_is_ended(
    kind: Kind, limits: dict[str, float], fault: Fault, error: type[APIError]
) -> None:
    get().inject(fault)
    with pytest.raises(error):
        kind.run(client(**limits), ask(LONG), None)


@pytest.mark.parametrize("kind", ALL)
def test_the_deadline_ends_all_attempts(kind: Kind) -> None:
    get().fail(503, times=None)
    # An attempt may begin a moment before the deadline, and be the one that is cut.
    with pytest.raises((InternalServerError, APITimeoutError)) as caught:
        kind.run(client(max_retries=50, deadline=0.5), ask(), None)
    assert len(caught.value.attempts) < 50
    assert {attempt.status for attempt in caught.value.attempts[:-1]} <= {503}


@pytest.mark.parametrize("kind", ALL)
def test_request_timeout_of_the_config_counts_as_408(kind: Kind) -> None:
    get().inject(Fault(delay=5))
    config = {"provider": "mistral-ai", "api_key": "k", "request_timeout": 200}
    with pytest.raises(APITimeoutError, match="request_timeout") as caught:
        kind.run(client(portkey_config=config), ask(), None)
    assert [a.status for a in caught.value.attempts] == [408]


def test_max_concurrency_limits_requests_in_flight() -> None:
    get().inject(Fault(delay=0.05), times=None)
    limited = client(max_concurrency=2)
    threads = [threading.Thread(target=limited.chat, args=(ask(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get().peak_in_flight == 2


async def test_max_concurrency_limits_requests_in_flight_on_a_loop() -> None:
    get().inject(Fault(delay=0.05), times=None)
    limited = client(max_concurrency=2)
    await asyncio.gather(*(limited.achat(ask()) for _ in range(8)))
    assert get().peak_in_flight == 2


def test_closing_a_stream_early_closes_its_connection() -> None:
    stream = client().stream(ask(LONG))
    next(stream)
    stream.close()
    assert (get().in_flight, get().requests[-1].state) == (0, "abandoned")


def test_closing_a_generator_over_a_stream_closes_the_stream() -> None:
    def deltas() -> Iterator[Delta]:
        yield from client().stream(ask(LONG))

    for begun in (deltas(), iter(client().stream(ask(LONG)))):
        next(begun)
        begun.close()
        assert (get().in_flight, get().requests[-1].state) == (0, "abandoned")


async def test_closing_an_async_stream_early_closes_its_connection() -> None:
    stream = client().astream(ask(LONG))
    await anext(stream)
    await stream.aclose()
    assert (get().in_flight, get().requests[-1].state) == (0, "abandoned")


@pytest.mark.parametrize("early", [False, True])
async def test_a_stream_releases_its_slot(early: bool) -> None:
    limited = client(max_concurrency=1, deadline=2)
    for _ in range(2):
        with limited.stream(ask()) as deltas:
            assert next(deltas) if early else [*deltas]
        async with limited.astream(ask()) as adeltas:
            assert await anext(adeltas) if early else [each async for each in adeltas]


WORDS = ("One", " two", " three", " four")


def at_once(*, stalls: bool = False) -> Client:
    """A client whose server sends all words in one piece."""
    words = stream(*({"content": word} for word in WORDS), finish=None if stalls else "stop")
    return Client(api_key="k", base_url="https://mistral.test", **network(words).clients)


@pytest.mark.parametrize("singly", [0, 1, 3, 6])
async def test_read_returns_all_received_deltas_also_after_single_ones(singly: int) -> None:
    deltas, adeltas = at_once().stream(ask()), at_once().astream(ask())
    for coming in (
        [next(deltas).text for _ in range(singly)] + [each.text for each in deltas.read()],
        [(await anext(adeltas)).text for _ in range(singly)]
        + [each.text for each in await adeltas.read()],
    ):
        assert coming == ["", *WORDS, ""]
    assert deltas.read() == await adeltas.read() == []
    assert [*deltas] == [each async for each in adeltas] == []
    assert deltas.response().text == adeltas.response().text == "".join(WORDS)


async def test_a_closed_stream_yields_nothing_more() -> None:
    deltas, adeltas = at_once().stream(ask()), at_once().astream(ask())
    assert next(deltas).text == (await anext(adeltas)).text == ""
    deltas.close()
    await adeltas.aclose()
    assert deltas.read() == await adeltas.read() == []
    assert [*deltas] == [each async for each in adeltas] == []


async def test_received_deltas_are_read_before_a_stream_fails() -> None:
    deltas, adeltas = at_once(stalls=True).stream(ask()), at_once(stalls=True).astream(ask())
    read = [each.text for each in deltas.read()]
    assert read == [each.text for each in await adeltas.read()] == ["", *WORDS]
    with pytest.raises(StreamInterruptedError):
        deltas.read()
    with pytest.raises(StreamInterruptedError):
        await adeltas.read()


def test_an_abandoned_async_stream_ends_silently_with_its_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = []

    async def abandon() -> None:
        stream = client().astream(ask(LONG))
        await anext(stream)
        kept.append(stream)

    asyncio.run(abandon())
    assert not caplog.records
    assert get().in_flight == 0


async def test_a_cancelled_call_closes_its_connection() -> None:
    get().inject(Fault(delay=30))
    task = asyncio.create_task(client(max_concurrency=1).achat(ask()))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert get().in_flight == 0
    assert (await client(max_concurrency=1).achat(ask())).text


def test_one_client_serves_several_loops_and_threads() -> None:
    shared = client()

    def on_a_loop() -> None:
        asyncio.run(shared.achat(ask()))

    threads = [threading.Thread(target=on_a_loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    on_a_loop()
    gc.collect()
    assert sent_to("default") == 5


def test_a_client_of_the_users_is_used_and_left_open() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"model": "m", "choices": [{"message": {"content": "hi"}}]})

    with httpx.Client(transport=httpx.MockTransport(answer), headers={"x-team": "blue"}) as own:
        mine = client(base_url="https://llm.example", http_client=own, api_key="k")
        assert mine.chat(ask()).text == "hi"
        assert not own.is_closed
    assert seen[0].headers["x-team"] == "blue"
    assert str(seen[0].url) == "https://llm.example/v1/chat/completions"


def test_redirects_are_never_followed() -> None:
    def elsewhere(request: httpx.Request) -> httpx.Response:
        return httpx.Response(307, headers={"location": "https://evil.example"})

    with httpx.Client(transport=httpx.MockTransport(elsewhere), follow_redirects=True) as own:
        mine = client(base_url="https://llm.example", http_client=own, api_key="k")
        with pytest.raises(APIStatusError) as caught:
            mine.chat(ask())
    assert caught.value.status_code == 307


@pytest.mark.parametrize(
    ("fields", "request_", "error", "words"),
    [
        (
            {"base_url": None},
            ask(),
            ConfigurationError,
            "MISTRAL_API_KEY.*PORTKEY_API_KEY.*sandbox:",
        ),
        ({}, ask().__class__(model="m", messages=[]), InvalidRequestError, "messages is empty"),
        (
            {},
            ask(model="codestral-latest").__class__(
                model="codestral-latest",
                messages=[Message.user((TextPart("see"), ImagePart("https://x.example/a.png")))],
            ),
            CapabilityError,
            "codestral-latest cannot read images.*mistral-small-latest",
        ),
        ({}, ask(tools=[{"type": "web_search"}]), CapabilityError, "run web_search: .* Agents"),
        ({}, ask(extra={"modalities": ["image"]}), CapabilityError, "answer with images"),
        (
            {},
            FIMRequest(model="mistral-large-latest", prompt="def"),
            CapabilityError,
            "codestral-latest",
        ),
    ],
)
@pytest.mark.parametrize("kind", ALL)
def test_requests_that_cannot_succeed_are_refused_before_sending(
    kind: Kind, fields: dict[str, object], request_: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        kind.run(client(**fields), request_, None)
    assert sent_to("default") == 0


@pytest.mark.parametrize("wrong", ["mistral-small-latest", {"api_key": "k"}])
def test_a_client_is_made_from_settings(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Client\(api_key=\.\.\.\)"):
        Client(wrong)


BLIND = {"provider": "mistral-ai", "override_params": {"model": "codestral-latest"}}
SEEING = {"provider": "mistral-ai", "override_params": {"model": "mistral-small-latest"}}
UNSEEN = [
    {"provider": "openai", "override_params": {"model": "gpt-4o"}},
    {"provider": "@team", "override_params": {"model": "codestral-latest"}},
    {"virtual_key": "vk", "override_params": {"model": "codestral-latest"}},
]


def either(*targets: dict[str, object]) -> dict[str, object]:
    return {"strategy": {"mode": "fallback"}, "targets": list(targets)}


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        (None, False),
        (BLIND, False),
        (either(BLIND, either(BLIND, BLIND)), False),
        (SEEING, True),
        (either(BLIND, SEEING), True),
        ("pc-abc", True),
        *((either(BLIND, unseen), True) for unseen in UNSEEN),
    ],
)
def test_a_request_that_no_target_can_serve_is_not_sent_to_the_gateway(
    config: object, sent: bool
) -> None:
    received: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(503)

    blind = client(
        base_url=None,
        gateway_url="https://api.portkey.ai/v1",
        portkey_api_key="pk",
        portkey_config=config,
        max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    picture = Message.user((TextPart("see"), ImagePart("https://x.example/a.png")))
    with pytest.raises(InternalServerError if sent else CapabilityError):
        blind.chat(ChatRequest(model="codestral-latest", messages=[picture]))
    assert len(received) == sent


def test_a_wrong_key_is_not_in_its_error() -> None:
    with pytest.raises(AuthenticationError) as caught:
        client(api_key="wrong-key").chat(ask())
    assert "MISTRAL_API_KEY" in str(caught.value)
    assert "wrong-key" not in f"{caught.value!s}{caught.value.body}{caught.value.headers}"


# --- embeddings -------------------------------------------------------------------------------------


def embed(mine: Client, kind: str, request: EmbeddingRequest) -> list[list[float]]:
    if kind == "sync":
        return list(mine.embed(request).vectors)
    return list(asyncio.run(mine.aembed(request)).vectors)


BOTH = pytest.mark.parametrize("kind", ["sync", "async"])


@BOTH
def test_vectors_come_in_the_order_of_the_texts(kind: str) -> None:
    texts = [f"text number {n}" for n in range(1200)]
    vectors = embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=texts))
    assert {len(vector) for vector in vectors} == {1024}
    assert all(len(r.body["input"]) <= 512 for r in get().requests)
    for index in (0, 511, 512, 1199):
        alone = embed(
            client(), kind, EmbeddingRequest(model="mistral-embed", inputs=[texts[index]])
        )
        assert vectors[index] == alone[0]


@BOTH
def test_without_texts_nothing_is_sent(kind: str) -> None:
    assert embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=[])) == []
    assert sent_to("default") == 0


@BOTH
def test_a_batch_that_is_too_large_is_split(kind: str) -> None:
    # Dense text: the estimate is too low here, the sandbox counts more.
    texts = ["x y z w v " * 600 for _ in range(12)]
    assert len(embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=texts))) == 12


@BOTH
def test_a_refused_text_is_named_by_its_index_and_the_rest_is_kept(kind: str) -> None:
    texts = [f"fine {n}" for n in range(600)]
    texts[550] = "x y z w v " * 6000
    # codestral-embed: its tokenizer is not known, so only the server can count.
    with pytest.raises((BadRequestError, InvalidRequestError)) as caught:
        embed(client(), kind, EmbeddingRequest(model="codestral-embed", inputs=texts))
    if isinstance(caught.value, BadRequestError):
        assert caught.value.index == 550
        assert any("index 550" in note for note in caught.value.__notes__)
        assert caught.value.completed
    else:
        assert "inputs[550]" in str(caught.value)


@BOTH
@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_text_that_is_refused_is_named_by_its_index(kind: str, blank: str) -> None:
    """OpenAI and compatible servers answer 400 to the whole request without naming the text."""
    texts = [f"fine {n}" for n in range(9)]
    texts[7] = blank
    get().inject(Fault(status=400, when=f'"{blank}"'), times=None)
    with pytest.raises(BadRequestError) as caught:
        embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=texts))
    assert caught.value.index == 7
    assert caught.value.completed.keys() == {*range(7)}


@BOTH
def test_a_400_that_no_text_explains_is_not_sent_again(kind: str) -> None:
    get().inject(Fault(status=400), times=None)
    with pytest.raises(BadRequestError):
        embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=["a", "b"]))
    assert len(get().requests) == 1


@BOTH
@pytest.mark.parametrize("fault", [Fault(vectors="short"), Fault(vectors="shuffled")])
def test_vectors_in_wrong_order_are_sorted_and_missing_ones_an_error(
    kind: str, fault: Fault
) -> None:
    texts = ["one", "two", "three"]
    right = embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=texts))
    get().inject(fault)
    if fault.vectors == "shuffled":
        assert embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=texts)) == right
    else:
        with pytest.raises(ResponseFormatError):
            embed(client(), kind, EmbeddingRequest(model="mistral-embed", inputs=texts))


@BOTH
@pytest.mark.parametrize(
    ("options", "length"),
    [({}, 1536), ({"output_dimension": 256}, 256), ({"output_dtype": "binary"}, 192)],
)
def test_codestral_embed_dimensions(kind: str, options: dict[str, object], length: int) -> None:
    request = EmbeddingRequest(model="codestral-embed", inputs=["def f(): ..."], **options)
    assert len(embed(client(), kind, request)[0]) == length


@BOTH
def test_a_stopped_job_resumes(kind: str, tmp_path: object) -> None:
    path = f"{tmp_path}/vectors.sqlite"
    texts = [f"text {n}" for n in range(1100)]
    request = EmbeddingRequest(model="mistral-embed", inputs=texts)
    get().inject(Fault(status=500, when="text 1099"))
    with pytest.raises(InternalServerError):
        embed(client(embed_resume=path, max_concurrency=1), kind, request)
    before = sum(len(r.body["input"]) for r in get().requests if r.status == 200)
    vectors = embed(client(embed_resume=path, max_concurrency=1), kind, request)
    after = sum(len(r.body["input"]) for r in get().requests if r.status == 200)
    assert 0 < before < 1100
    assert after == 1100
    assert vectors == embed(client(), kind, request)


# --- OpenAI as a fallback target ----------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_openai_gets_its_own_dialect_and_lost_parameters_are_listed(
    is_async: bool,
) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.host == "api.mistral.ai":
            return httpx.Response(503)
        return httpx.Response(
            200,
            json={
                "model": "gpt-x",
                "choices": [
                    {"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
                ],
            },
        )

    transport = httpx.MockTransport(answer)
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"provider": "mistral-ai", "api_key": "mistral-key"},
            {
                "provider": "openai",
                "api_key": "openai-key",
                "override_params": {"model": "gpt-x"},
            },
        ],
    }
    request = ask(random_seed=7, safe_prompt=True, max_tokens=9, stop=["END"])
    if is_async:

        async def run() -> object:
            async with httpx.AsyncClient(transport=transport) as own:
                mine = Client(portkey_config=config, http_async_client=own)
                return await mine.achat(request)

        response = asyncio.run(run())
    else:
        with httpx.Client(transport=transport) as own:
            response = Client(portkey_config=config, http_client=own).chat(request)
    sent_body = json.loads(seen[1].content)
    assert str(seen[1].url) == "https://api.openai.com/v1/chat/completions"
    assert seen[1].headers["authorization"] == "Bearer openai-key"
    assert (sent_body["model"], sent_body["seed"], sent_body["stop"]) == ("gpt-x", 7, ["END"])
    assert "safe_prompt" not in sent_body
    assert "random_seed" not in sent_body
    assert response.info.lost == ("safe_prompt",)
    assert response.info.option_path == "config.targets[1]"
