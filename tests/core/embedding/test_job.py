"""Embedding jobs of many requests: order, memory, refusals, rates, progress; sync and async alike."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, closing
from contextvars import ContextVar
from pathlib import Path

import httpx
import numpy as np
import pytest

from embedding_server import EmbeddingNetwork, vector_of
from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    ChatRequest,
    Client,
    ConfigurationError,
    EmbeddingBatch,
    EmbeddingProgress,
    EmbeddingRequest,
    FIMRequest,
    InternalServerError,
    InvalidRequestError,
    RateLimitError,
    ResponseFormatError,
    UnprocessableEntityError,
)

MODEL = "mistral-embed"
TEXTS = [f"text number {number}" for number in range(3000)]
REQUESTS = 6  # of 512 texts at most


def request_for(texts: Iterable[str], **fields: object) -> EmbeddingRequest:
    return EmbeddingRequest(model=MODEL, inputs=texts, **fields)


def embed_sync(mine: Client, request: EmbeddingRequest, **how: object) -> list[list[float]]:
    return list(mine.embed(request, **how).vectors)


def embed_async(mine: Client, request: EmbeddingRequest, **how: object) -> list[list[float]]:
    return list(asyncio.run(mine.aembed(request, **how)).vectors)


def iterate_sync(mine: Client, request: EmbeddingRequest, **how: object) -> list[EmbeddingBatch]:
    return list(mine.embed_iter(request, **how))


def iterate_async(mine: Client, request: EmbeddingRequest, **how: object) -> list[EmbeddingBatch]:
    async def run() -> list[EmbeddingBatch]:
        return [batch async for batch in mine.aembed_iter(request, **how)]

    return asyncio.run(run())


embedding = pytest.mark.parametrize("embed", [embed_sync, embed_async])
iterating = pytest.mark.parametrize("iterate", [iterate_sync, iterate_async])


def refusing(*numbers: int, status: int = 429, headers: dict[str, str] | None = None):
    """Refuse the requests with these numbers."""

    def refuse(number: int, texts: list[str]) -> httpx.Response | None:
        if number not in numbers:
            return None
        return httpx.Response(status, json={"message": "no"}, headers=headers or {})

    return refuse


# --- in order, in little memory -------------------------------------------------------------------------


@iterating
def test_batches_are_in_order_with_their_start(iterate) -> None:
    network = EmbeddingNetwork(seconds=0.01)
    batches = iterate(network.client(), request_for(iter(TEXTS)))
    assert len(batches) == REQUESTS
    assert [batch.start for batch in batches] == [512 * at for at in range(REQUESTS)]
    assert [v for batch in batches for v in batch.vectors] == [vector_of(text) for text in TEXTS]
    assert sum(batch.usage.prompt_tokens for batch in batches) == len(TEXTS)
    assert all(len(batch.infos) == 1 for batch in batches)
    assert network.peak > 1


def endless(read: list[int]) -> Iterator[str]:
    while True:
        read.append(len(read))
        yield f"text number {len(read)}"


def test_texts_are_read_on_demand() -> None:
    read: list[int] = []
    network = EmbeddingNetwork()
    with closing(
        network.client(max_concurrency=2).embed_iter(request_for(endless(read)))
    ) as batches:
        for at, batch in zip(range(20), batches, strict=False):
            assert batch.start == 512 * at
            assert len(read) <= 512 * (at + 1 + 5) + 1


async def test_texts_are_read_on_demand_on_a_loop() -> None:
    read: list[int] = []
    network = EmbeddingNetwork()
    mine = network.client(max_concurrency=2)
    async with aclosing(mine.aembed_iter(request_for(endless(read)))) as batches:
        at = 0
        async for batch in batches:
            assert batch.start == 512 * at
            assert len(read) <= 512 * (at + 1 + 5) + 1
            at += 1
            if at == 20:
                break
    sent = len(network.came)
    await asyncio.sleep(0.05)
    assert len(network.came) == sent
    assert network.in_flight == 0


def test_closing_the_iterator_stops_the_job() -> None:
    network = EmbeddingNetwork(seconds=0.02)
    batches = network.client(max_concurrency=2).embed_iter(request_for(endless([])))
    next(batches)
    batches.close()
    sent = len(network.came)
    assert sent <= 8
    while network.in_flight:
        pass
    assert len(network.came) <= sent + 2  # what the two threads had begun


@iterating
def test_a_bad_text_in_the_middle_of_an_iterator_is_named(iterate) -> None:
    texts = [*TEXTS, 7]
    with pytest.raises(InvalidRequestError, match=r"inputs\[3000\] must be a string, got int"):
        iterate(EmbeddingNetwork().client(), request_for(iter(texts)))


@embedding
def test_a_bad_text_in_a_list_is_named_before_anything_is_sent(embed) -> None:
    network = EmbeddingNetwork()
    with pytest.raises(InvalidRequestError, match=r"inputs\[3000\] must be a string, got int"):
        embed(network.client(), request_for([*TEXTS, 7]))
    assert network.came == []


@pytest.mark.parametrize("texts", ["one text", 7, None])
def test_inputs_that_are_not_texts_are_refused(texts: object) -> None:
    with pytest.raises(InvalidRequestError, match="list of texts"):
        EmbeddingNetwork().client().embed(request_for(texts))  # type: ignore[arg-type]


MILLION = """
import resource
from embedding_server import EmbeddingNetwork
from portkey_mistral import EmbeddingRequest

texts = (f"text number {number}" for number in range(1_000_000))
request = EmbeddingRequest(model="mistral-embed", inputs=texts, encoding_format="base64")
network = EmbeddingNetwork()
network.embedded = type("", (list,), {"__iadd__": lambda self, other: self})()
count = before = 0
for batch in network.client().embed_iter(request):
    before = before or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count += len(batch.vectors)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(count, grown // 1024)
assert count == 1_000_000
assert grown < 500 * 1024
"""


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_million_texts_need_no_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MILLION],
        cwd=Path(__file__).parents[2] / "support",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- refusals -------------------------------------------------------------------------------------------


@embedding
def test_a_job_continues_after_refusals_that_outlast_the_retries(embed) -> None:
    network = EmbeddingNetwork(refuse=refusing(*range(1, 9), headers={"retry-after": "0.05"}))
    mine = network.client(max_retries=1, max_concurrency=2)
    assert embed(mine, request_for(TEXTS)) == [vector_of(text) for text in TEXTS]
    assert Counter(network.embedded) == Counter(TEXTS)


@embedding
def test_retry_after_of_one_request_postpones_all(embed) -> None:
    refused_at: list[float] = []

    def refuse(number: int, texts: list[str]) -> httpx.Response | None:
        if number != 3:
            return None
        refused_at.append(time.monotonic())
        return httpx.Response(429, json={"message": "no"}, headers={"retry-after": "1"})

    # Of the sixteen parts that may be begun together, eight would be sent 0.4 seconds after the refusal.
    network = EmbeddingNetwork(seconds=0.4, refuse=refuse)
    mine = network.client(max_concurrency=8, max_retries=1)
    texts = [f"text number {number}" for number in range(512 * 20)]
    assert embed(mine, request_for(texts)) == [vector_of(text) for text in texts]
    (reports,) = refused_at
    # Requests in flight at the time of the 429 may still arrive.
    assert len([came for came in network.came if reports < came < reports + 0.95]) < 8
    assert max(network.came) >= reports + 0.95


@embedding
def test_requests_wait_when_the_rate_limit_headers_are_used_up(embed) -> None:
    headers = {"x-ratelimit-limit-req-minute": "600", "x-ratelimit-remaining-req-minute": "0"}

    def with_headers(number: int, texts: list[str]) -> httpx.Response:
        data = [{"index": at, "embedding": vector_of(text)} for at, text in enumerate(texts)]
        return httpx.Response(200, json={"model": MODEL, "data": data}, headers=headers)

    network = EmbeddingNetwork(refuse=with_headers)
    began = time.monotonic()
    embed(network.client(max_concurrency=1), request_for(TEXTS))
    keeps_to(network, began, 0.1)


@embedding
def test_refusals_reduce_the_requests_in_flight(embed) -> None:
    """The server accepts two at once: no text is lost, and soon no request is rejected any more."""
    network = EmbeddingNetwork(seconds=0.01)
    refused: list[int] = []

    def refuse(number: int, texts: list[str]) -> httpx.Response | None:
        if network.in_flight <= 2:
            return None
        refused.append(number)
        return httpx.Response(429, json={"message": "no"}, headers={"retry-after": "0.02"})

    network.refuse = refuse
    texts = [f"text number {number}" for number in range(512 * 60)]
    assert len(embed(network.client(max_concurrency=8), request_for(texts))) == len(texts)
    assert Counter(network.embedded) == Counter(texts)
    assert 0 < len(refused) < 60


@embedding
@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"max_retries": 0}, {}),
        ({}, {"x-ratelimit-limit-req-minute": "0"}),
        ({}, {"x-ratelimit-remaining-tokens-month": "0"}),
        ({}, {"retry-after": "3600"}),
    ],
)
def test_an_error_that_waiting_cannot_help_keeps_finished_vectors(embed, fields, headers) -> None:
    network = EmbeddingNetwork(refuse=refusing(*range(2, 99), headers=headers))
    with pytest.raises(RateLimitError) as caught:
        mine = network.client(**({"max_concurrency": 1, "max_retries": 1} | fields))
        embed(mine, request_for(TEXTS))
    assert caught.value.completed == {at: vector_of(text) for at, text in enumerate(TEXTS[:1024])}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_error_does_not_repeat_yielded_vectors(kind: str) -> None:
    network = EmbeddingNetwork(refuse=refusing(2, status=500))
    mine, batches = network.client(max_concurrency=1, max_retries=0), []

    async def run() -> None:
        async for batch in mine.aembed_iter(request_for(TEXTS)):
            batches.append(batch)  # noqa: PERF401  what came before the error counts

    with pytest.raises(InternalServerError) as caught:
        if kind == "async":
            asyncio.run(run())
        else:
            batches.extend(mine.embed_iter(request_for(TEXTS)))
    given = {batch.start + at for batch in batches for at in range(len(batch.vectors))}
    left = set(caught.value.completed or ())
    assert not given & left
    assert given | left == set(range(1024))


@embedding
def test_a_single_request_does_not_wait_for_minutes(embed) -> None:
    network = EmbeddingNetwork(refuse=refusing(*range(99)))
    with pytest.raises(RateLimitError):
        embed(network.client(max_retries=0), request_for(TEXTS[:3]))
    assert len(network.came) == 1


@embedding
def test_the_deadline_is_that_of_the_whole_job(embed) -> None:
    network = EmbeddingNetwork(seconds=0.1)
    with pytest.raises(APIConnectionError) as caught:
        embed(network.client(deadline=0.35, max_concurrency=1, max_retries=0), request_for(TEXTS))
    assert 0 < len(caught.value.completed or ()) < len(TEXTS)
    assert len(network.came) <= 4


# --- what a slow, broken or forgotten request does to the others ---------------------------------------------


@embedding
def test_nothing_is_lost_behind_one_slow_request(embed) -> None:
    network = EmbeddingNetwork()

    def refuse(number: int, texts: list[str]) -> httpx.Response | None:
        if "text number 0" in texts and number < 8:
            return httpx.Response(429, json={"message": "no"}, headers={"retry-after": "0.3"})
        return None

    network.refuse = refuse
    texts = [f"text number {number}" for number in range(512 * 40)]
    mine = network.client(max_concurrency=2)
    assert embed(mine, request_for(texts)) == [vector_of(text) for text in texts]


@embedding
def test_nothing_is_lost_behind_a_first_answer_that_takes_long(embed) -> None:
    network = EmbeddingNetwork()
    network.slow = {"text number 0": 0.5}
    texts = [f"text number {number}" for number in range(512 * 40)]
    assert embed(network.client(), request_for(texts)) == [vector_of(text) for text in texts]


@embedding
def test_requests_that_wait_when_the_job_fails_are_not_sent(embed) -> None:
    network = EmbeddingNetwork(refuse=refusing(*range(99), status=401))
    # The turns after the first are one and more minutes away: waiting for all is over the test's limit.
    mine = network.client(requests_per_minute=1, max_retries=0)
    with pytest.raises(AuthenticationError):
        embed(mine, request_for(TEXTS))
    assert len(network.came) == 1


def test_requests_that_wait_when_the_reader_leaves_are_not_sent() -> None:
    network = EmbeddingNetwork()
    mine = network.client(requests_per_minute=120)
    with closing(mine.embed_iter(request_for(TEXTS))) as batches:
        next(batches)
    sent = len(network.came)
    time.sleep(1.1)
    assert len(network.came) == sent


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_error_of_the_iterable_is_raised_after_the_texts_before_it(kind: str) -> None:
    def texts() -> Iterator[str]:
        yield from TEXTS[:2100]
        raise ZeroDivisionError

    mine, batches = EmbeddingNetwork(seconds=0.01).client(), []

    async def run() -> None:
        async for batch in mine.aembed_iter(request_for(texts())):
            batches.append(batch)  # noqa: PERF401  what came before the error counts

    def read() -> None:
        for batch in mine.embed_iter(request_for(texts())):
            batches.append(batch)  # noqa: PERF402  the same

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run()) if kind == "async" else read()
    assert [v for b in batches for v in b.vectors] == [vector_of(x) for x in TEXTS[:2048]]


@embedding
def test_a_store_that_fails_loses_no_vector(embed, tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    network = EmbeddingNetwork()

    def lock(number: int, texts: list[str]) -> None:
        if number == 2:
            path.unlink()
            path.mkdir()

    network.refuse = lock
    with pytest.raises(ConfigurationError) as caught:
        embed(network.client(embed_resume=str(path), max_concurrency=1), request_for(TEXTS))
    assert caught.value.completed == {at: vector_of(text) for at, text in enumerate(TEXTS[:1536])}


@embedding
def test_a_refusal_of_another_field_blames_no_text(embed) -> None:
    detail = {"type": "greater_than", "loc": ["body", "output_dimension"], "input": 0, "msg": "m"}
    body = {"object": "error", "message": {"detail": [detail]}, "code": "1"}
    network = EmbeddingNetwork(refuse=lambda _, __: httpx.Response(422, json=body))
    with pytest.raises(UnprocessableEntityError) as caught:
        embed(network.client(), request_for(TEXTS[:100]))
    assert (caught.value.index, len(network.came)) == (None, 1)


@embedding
def test_splitting_a_batch_keeps_to_the_deadline(embed) -> None:
    network = EmbeddingNetwork(
        seconds=0.15, refuse=lambda _, __: httpx.Response(413, json={"message": "too large"})
    )
    with network.over_http() as url, pytest.raises(APIError):
        mine = Client(base_url=url, api_key="k", deadline=0.4, max_retries=0)
        embed(mine, request_for(TEXTS[:500]))
    assert len(network.came) <= 4


def test_threads_run_in_the_context_of_the_caller() -> None:
    trace = ContextVar("trace", default="none")
    network, seen = EmbeddingNetwork(), set()
    network.refuse = lambda _, __: seen.add(trace.get())  # type: ignore[func-returns-value]
    trace.set("of the caller")
    network.client().embed(request_for(TEXTS))
    assert seen == {"of the caller"}


async def test_a_store_that_is_locked_does_not_stop_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    mine = EmbeddingNetwork().client(embed_resume=str(path))
    await mine.aembed(request_for(["warm up"]))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        asking = asyncio.create_task(mine.aembed(request_for(TEXTS)))
        for _ in range(20):
            await asyncio.sleep(0.01)  # it goes on
        assert not asking.done()
        other.execute("ROLLBACK")
        assert len((await asking).vectors) == len(TEXTS)
    other.close()


# --- rates ----------------------------------------------------------------------------------------------


def keeps_to(network: EmbeddingNetwork, began: float, seconds: float) -> None:
    """No request was earlier than its reservation; how much later depends on the machine."""
    for at, came in enumerate(network.came):
        assert came - began >= seconds * at - 0.005


@embedding
def test_requests_per_minute_are_limited(embed) -> None:
    network, began = EmbeddingNetwork(), time.monotonic()
    embed(network.client(requests_per_minute=600), request_for(TEXTS))
    assert len(network.came) == REQUESTS
    keeps_to(network, began, 0.1)


@embedding
def test_tokens_per_minute_are_limited(embed) -> None:
    network, began = EmbeddingNetwork(), time.monotonic()
    # 100 tokens each by the estimate, so that 163 of them fill a request.
    texts = ["x" * 297 + str(number % 10) for number in range(163 * 3)]
    embed(network.client(tokens_per_minute=163 * 100 * 60 * 5), request_for(texts))
    assert len(network.came) == 3
    keeps_to(network, began, 0.19)


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
@pytest.mark.parametrize("request_", [ask(), FIMRequest(model="codestral-latest", prompt="def f")])
def test_the_rate_applies_to_every_kind_of_call(
    kind: Kind, request_: ChatRequest | FIMRequest
) -> None:
    network, began = EmbeddingNetwork(), time.monotonic()
    mine = network.client(requests_per_minute=600)
    for _ in range(4):
        kind.run(mine, request_, None)
    keeps_to(network, began, 0.1)


def test_each_key_has_its_own_rate() -> None:
    network = EmbeddingNetwork()
    mine = network.client(requests_per_minute=6)
    mine.chat(ask())
    other = Client(
        api_key="another",
        base_url="http://127.0.0.1:9",
        http_client=mine.settings.http_client,
        requests_per_minute=6,
    )
    other.chat(ask())
    assert network.came[1] - network.came[0] < 5


def test_a_rate_limit_beyond_the_deadline_is_an_error() -> None:
    network = EmbeddingNetwork()
    mine = network.client(requests_per_minute=7, deadline=1.0)
    mine.chat(ask())
    with pytest.raises(APIConnectionError, match="requests_per_minute"):
        mine.chat(ask())
    assert len(network.came) == 1


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
def test_a_rate_is_more_than_zero(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Client(base_url="sandbox:", **{name: 0})


# --- progress, numpy, resume --------------------------------------------------------------------------------


@embedding
def test_progress_is_reported_after_every_response(embed) -> None:
    reports: list[EmbeddingProgress] = []
    network = EmbeddingNetwork(seconds=0.02)
    embed(network.client(max_concurrency=2), request_for(TEXTS), show_progress=reports.append)
    assert [each.done for each in reports] == sorted(each.done for each in reports)
    assert reports[-1].done == reports[-1].total == reports[-1].tokens == len(TEXTS)
    assert reports[-1].cost == pytest.approx(len(TEXTS) * 0.1 / 1e6)
    assert reports[-1].rate > 0
    assert reports[-1].seconds_left == 0
    assert any(each.seconds_left for each in reports[:-1])


@iterating
def test_an_iterator_has_no_total(iterate) -> None:
    reports: list[EmbeddingProgress] = []
    iterate(EmbeddingNetwork().client(), request_for(iter(TEXTS)), show_progress=reports.append)
    assert (reports[-1].done, reports[-1].total, reports[-1].seconds_left) == (
        len(TEXTS),
        None,
        None,
    )


@embedding
def test_a_bar_shows_rate_time_and_cost(embed, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    embed(EmbeddingNetwork().client(), request_for(TEXTS), show_progress=True)
    shown = capsys.readouterr().err
    assert re.search(
        r"Embedding with mistral-embed: 100%.* 3000/3000 .*texts/s, \$0\.0003\]", shown
    )


def test_a_bar_without_tqdm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ValueError, match=r"portkey-mistral\[progress\]"):
        EmbeddingNetwork().client().embed(request_for(TEXTS), show_progress=True)


@embedding
def test_an_unknown_model_has_no_price(embed) -> None:
    reports: list[EmbeddingProgress] = []
    request = EmbeddingRequest(model="my-own-embedder", inputs=TEXTS)
    embed(EmbeddingNetwork().client(), request, show_progress=reports.append)
    assert reports[-1].cost is None


@pytest.mark.parametrize("encoding", ["base64", "float", None])
def test_numpy(encoding: str | None) -> None:
    request = request_for(TEXTS[:600], encoding_format=encoding)
    rows = EmbeddingNetwork().client().embed(request).to_numpy()
    assert (rows.shape, rows.dtype) == ((600, 3), np.float32)
    assert rows.tolist() == [vector_of(text) for text in TEXTS[:600]]
    assert EmbeddingNetwork().client().embed(request_for([])).to_numpy().shape == (0,)


@embedding
@pytest.mark.parametrize("encoding", ["base64", None])
def test_a_resumed_job_embeds_only_the_rest(embed, encoding, tmp_path: Path) -> None:
    path = str(tmp_path / "vectors.sqlite")
    request = request_for(TEXTS, encoding_format=encoding)
    network = EmbeddingNetwork(refuse=refusing(3, status=500))
    with pytest.raises(APIError):
        embed(network.client(max_retries=0, embed_resume=path), request)
    reports: list[EmbeddingProgress] = []
    vectors = embed(network.client(embed_resume=path), request, show_progress=reports.append)
    assert Counter(network.embedded) == Counter(TEXTS)
    assert [list(vector) for vector in vectors] == [vector_of(text) for text in TEXTS]
    assert reports[-1].done == len(TEXTS)
    assert reports[-1].tokens < len(TEXTS)
    if encoding:
        assert all(isinstance(vector, array) for vector in vectors)


@embedding
@pytest.mark.parametrize("encoding", ["base64", None])
def test_as_lists_also_converts_stored_packed_vectors(embed, encoding, tmp_path: Path) -> None:
    network = EmbeddingNetwork()
    mine = network.client(embed_resume=str(tmp_path / "vectors.sqlite"))
    embed(mine, request_for(TEXTS[:1000], encoding_format=encoding))
    request = request_for(TEXTS, encoding_format=encoding)
    vectors = embed(mine, request, as_lists=True)
    assert vectors == [vector_of(text) for text in TEXTS]
    assert {type(vector) for vector in vectors} == {list}
    assert Counter(network.embedded) == Counter(TEXTS)
    again = embed(mine, request)
    assert {type(vector) for vector in again} == ({array} if encoding else {list})


@embedding
def test_as_lists_also_converts_the_completed_vectors_of_an_error(embed) -> None:
    network = EmbeddingNetwork(refuse=refusing(3, status=500))
    request = request_for(TEXTS, encoding_format="base64")
    with pytest.raises(APIError) as caught:
        embed(network.client(max_retries=0), request, as_lists=True)
    assert caught.value.completed
    assert {type(vector) for vector in caught.value.completed.values()} == {list}


@embedding
@pytest.mark.parametrize("count", [2, 3000], ids=["one request", "several requests"])
def test_saved_vectors_of_another_length_end_the_job_with_the_way_out(
    embed, count: int, tmp_path: Path
) -> None:
    """The name of a model may be an alias that has moved on to a model with longer vectors."""
    network, path = EmbeddingNetwork(), str(tmp_path / "vectors.sqlite")
    mine = network.client(embed_resume=path)
    embed(mine, request_for(TEXTS[: count // 2]))
    network.embed = lambda text: [*vector_of(text), 1.0]
    for _ in range(2):  # what was refused was not saved beside the others
        with pytest.raises(ResponseFormatError, match="vectors of 3 and of 4 numbers") as caught:
            embed(mine, request_for(TEXTS[:count]))
        assert f"embed_resume={path!r}" in str(caught.value)


@embedding
def test_answers_of_different_lengths_end_the_job(embed) -> None:
    network = EmbeddingNetwork(embed=lambda text: [1.0] * (3 if TEXTS.index(text) < 512 else 4))
    with pytest.raises(ResponseFormatError, match="vectors of . and of . numbers") as caught:
        embed(network.client(max_concurrency=1), request_for(TEXTS[:600]))
    assert "embed_resume" not in str(caught.value)


@embedding
def test_damaged_vectors_are_embedded_again_with_a_warning(embed, tmp_path: Path) -> None:
    network, path = EmbeddingNetwork(), str(tmp_path / "vectors.sqlite")
    mine = network.client(embed_resume=path)
    embed(mine, request_for(TEXTS[:2]))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE vectors SET vector = NULL")
    with pytest.warns(UserWarning, match="2 saved vectors in embed_resume=.* are damaged"):
        vectors = embed(mine, request_for(TEXTS[:3]))
    assert [list(vector) for vector in vectors] == [vector_of(text) for text in TEXTS[:3]]
    assert network.embedded == [*TEXTS[:2], *TEXTS[:3]]
    assert embed(mine, request_for(TEXTS[:3])) == vectors  # repaired


@iterating
def test_nothing_is_sent_when_all_vectors_are_stored(
    iterate: Callable[..., list[EmbeddingBatch]], tmp_path
) -> None:
    network = EmbeddingNetwork()
    mine = network.client(embed_resume=str(tmp_path / "vectors.sqlite"))
    first = iterate(mine, request_for(iter(TEXTS)))
    sent = len(network.came)
    again = iterate(mine, request_for(iter(TEXTS)))
    assert [batch.vectors for batch in again] == [batch.vectors for batch in first]
    assert len(network.came) == sent
