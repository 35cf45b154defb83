"""Batches on the sandbox: what is sent, what comes back in which order, and what is never lost."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pdfs import as_part, pdf_of
from portkey_mistral import (
    APITimeoutError,
    BadRequestError,
    BatchError,
    BatchProgress,
    BatchResult,
    CallOptions,
    ChatRequest,
    ClassificationRequest,
    ClassificationResponse,
    Client,
    ConfigurationError,
    EmbeddingRequest,
    FIMRequest,
    InternalServerError,
    InvalidRequestError,
    Message,
    ModerationRequest,
    OCRRequest,
    OCRResponse,
    ResidencyError,
    ResponseFormatError,
    Tool,
    UnprocessableEntityError,
)
from portkey_mistral.sandbox import Fault, Sandbox, get
from portkey_mistral.sandbox.server import running

SMALL = "mistral-small-latest"
CLASSIFIER = "ft:classifier:mood"


def chat(text: str, model: str = SMALL, **fields: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=[Message.user(f"Say exactly: {text}")], **fields)


MIXED = [
    chat("one"),
    EmbeddingRequest(model="mistral-embed", inputs=["a", "b"], encoding_format="base64"),
    chat("two", model="mistral-large-latest"),
    FIMRequest(model="codestral-latest", prompt="def one():", suffix="return 1"),
    ModerationRequest(model="mistral-moderation-latest", inputs=["fine"]),
    ModerationRequest(model="mistral-moderation-latest", messages=[Message.user("fine")]),
    ClassificationRequest(model=CLASSIFIER, inputs=["thanks", "refund"]),
    ClassificationRequest(model=CLASSIFIER, messages=[Message.user("thanks")]),
    OCRRequest(model="mistral-ocr-latest", document=as_part(pdf_of("Page one", "Two"))),
    chat("three"),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = get("batches")
    sandbox.reset()
    sandbox.add_classifier(CLASSIFIER, {"mood": {"glad": ["thanks"], "angry": ["refund"]}})
    yield sandbox
    sandbox.reset()


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(base_url=f"sandbox:{sandbox.name}")


def shown(result: BatchResult) -> Any:
    match result.response:
        case None:
            return type(result.error)
        case response if hasattr(response, "vectors"):
            return [len(vector) for vector in response.vectors]
        case ClassificationResponse(results=results):
            return [max(each["mood"], key=each["mood"].__getitem__) for each in results]
        case response if hasattr(response, "results"):
            return len(response.results)
        case OCRResponse(pages=pages):
            return [page.markdown for page in pages]
        case response:
            return response.text


EXPECTED = [
    "one",
    [1024, 1024],
    "two",
    "\n    return 0\n",
    1,
    1,
    ["glad", "angry"],
    ["glad"],
    ["Page one", "Two"],
    "three",
]


def created(sandbox: Sandbox) -> list[Any]:
    return [e.body for e in sandbox.requests if (e.method, e.path) == ("POST", "/v1/batch/jobs")]


# --- the way of a batch -----------------------------------------------------------------------------


def test_results_are_in_the_order_of_requests_of_any_kind(client: Client, sandbox: Sandbox) -> None:
    seen: list[BatchProgress] = []
    job = client.batch(MIXED, metadata={"team": "search"}, timeout_hours=48)
    progress = job.wait_until_done(poll=0.001, show_progress=seen.append)
    assert [shown(result) for result in job.results()] == EXPECTED
    assert [result.index for result in job.results()] == [*range(len(MIXED))]
    assert (progress.status, progress.done, progress.failed) == ("SUCCESS", len(MIXED), 0)
    assert [each.status for each in seen] == ["RUNNING", "SUCCESS"]
    assert seen[0].done < seen[1].done
    bodies = created(sandbox)
    assert len(bodies) == 9  # one for each endpoint and model
    assert {body["timeout_hours"] for body in bodies} == {48}
    assert all(body["metadata"]["team"] == "search" for body in bodies)
    assert all("model" not in each["body"] for body in bodies for each in body["requests"])


async def test_the_async_twin(client: Client) -> None:
    job = await client.abatch(MIXED, name="evening")
    assert (await job.arefresh()).status == "RUNNING"
    async with asyncio.timeout(60):
        assert (await job.await_until_done(poll=0.001)).is_finished
    assert [shown(result) async for result in job.aresults()] == EXPECTED
    again = await client.aresume_batch("evening")
    assert [shown(result) async for result in again.aresults()] == EXPECTED
    assert await again.aretry_failed(MIXED) is None
    assert (await again.acancel()).status == "SUCCESS"


def test_a_result_costs_half(client: Client) -> None:
    (result,) = client.batch([chat("one")]).results()
    single = client.chat(chat("one"))
    assert result.response is not None
    half = result.response.info.cost
    assert half is not None
    assert set(half.factors) == {"batch"}
    assert single.info.cost is not None
    assert half.amount * 2 == single.info.cost.amount


def test_results_tell_where_they_come_from(client: Client) -> None:
    (result,) = client.batch([chat("hi")]).results()
    assert result.response is not None
    assert result.response.info.mode == "sandbox"
    assert result.response.usage.total_tokens > 0
    single = client.chat(chat("hi")).info.cost
    assert single is not None
    assert result.response.info.cost.amount == single.amount / 2
    assert dict(result.response.info.cost.factors) == {"batch": Decimal("0.5")}


def test_many_requests_go_by_a_file_and_are_read_as_they_are_sent(
    client: Client, sandbox: Sandbox
) -> None:
    requests = (
        ModerationRequest(model="mistral-moderation-latest", inputs=[f"text {number}"])
        for number in range(10_001)
    )
    job = client.batch(requests)
    (body,) = created(sandbox)
    assert "requests" not in body
    assert len(body["input_files"]) == 1
    job.wait_until_done(poll=0.001)
    assert [result.index for result in job.results() if result.error is None] == [*range(10_001)]
    with pytest.raises(InvalidRequestError, match=r"pass them again"):
        job.retry_failed()


def test_large_requests_make_several_jobs(client: Client, sandbox: Sandbox) -> None:
    text = "x " * 2**19
    requests = [ModerationRequest(model="mistral-moderation-latest", inputs=[text])] * 33
    job = client.batch(requests)
    assert len(created(sandbox)) == 2
    assert job.progress.total == 33


TEXTS = EmbeddingRequest(model="mistral-embed", inputs=[f"text {at}" for at in range(1100)])


async def test_any_number_of_texts_is_embedded(client: Client, sandbox: Sandbox) -> None:
    expected = client.embed(TEXTS).vectors
    job = client.embed_job(TEXTS, name="corpus")
    assert job.progress.total == 3
    assert list(job.vectors()) == expected
    again = await client.aembed_job(replace(TEXTS, inputs=iter(TEXTS.inputs)), name="corpus")
    assert [vector async for vector in again.avectors()] == expected
    assert len(all_jobs(sandbox)) == 1


def test_a_text_that_fails_is_named_by_its_position(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.embed_job(replace(TEXTS, inputs=["a", "b", None]))
    assert caught.value.index == 2
    sandbox.inject(Fault(on="/embeddings", when="text 600", status=500))
    job = client.embed_job(TEXTS)
    with pytest.raises(InternalServerError) as failed:
        list(job.vectors())
    assert failed.value.index == 512
    again = job.retry_failed()
    assert again is not None
    assert (again.positions, len(list(again.vectors()))) == ((1,), 512)
    with pytest.raises(InvalidRequestError, match="does not embed"):
        list(client.batch([chat("hi")]).vectors())


def test_parameters_tools_and_schemas_are_those_of_a_single_call(
    client: Client, sandbox: Sandbox
) -> None:
    tool = Tool("add", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})
    request = chat("x", tools=[tool], temperature=0.2, max_tokens=9)
    client.chat(request)
    client.batch([request])
    single = dict(sandbox.requests[0].body)
    (batched,) = created(sandbox)[0]["requests"]
    assert {"model": SMALL, **batched["body"]} == single


def test_a_prefix_that_is_repeated_is_no_part_of_the_answer(
    client: Client, sandbox: Sandbox
) -> None:
    messages = [Message.user("Count."), Message.assistant("One, two")]
    sandbox.reply("One, two, three.")
    client.batch([ChatRequest(model=SMALL, messages=messages)], name="prefix")
    (result,) = client.resume_batch("prefix").results()
    assert shown(result) == ", three."


def test_the_parameters_of_a_config_apply(client: Client, sandbox: Sandbox) -> None:
    config = {
        "provider": "mistral-ai",
        "default_params": {"max_tokens": 5},
        "override_params": {"model": "mistral-large-latest"},
    }
    client.batch([chat("x")], CallOptions(portkey_config=config))
    (body,) = created(sandbox)
    assert body["model"] == "mistral-large-latest"
    assert body["requests"][0]["body"]["max_tokens"] == 5


# --- errors of single requests ----------------------------------------------------------------------


def test_each_request_has_its_own_error_and_can_be_sent_again(
    client: Client, sandbox: Sandbox
) -> None:
    requests = [chat("zero"), chat("one"), chat("two", extra={"temperature": 9})]
    sandbox.inject(Fault(on="/chat/completions", when="exactly: one", status=503))
    job = client.batch(requests, metadata={"team": "search"})
    first = [shown(result) for result in job.results()]
    assert first == ["zero", InternalServerError, UnprocessableEntityError]
    again = job.retry_failed()
    assert again is not None
    assert again.positions == (1, 2)
    assert [shown(result) for result in again.results()] == ["one", UnprocessableEntityError]
    resumed = client.resume_batch(job.id)
    with pytest.raises(InvalidRequestError, match="2 were passed"):
        resumed.retry_failed(requests[:2])
    assert resumed.retry_failed(requests) is not None
    assert [body["metadata"]["team"] for body in created(sandbox)] == ["search"] * 3


@pytest.mark.parametrize("fate", ["FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"])
def test_what_a_job_has_answered_before_its_end_is_kept(
    client: Client, sandbox: Sandbox, fate: Any
) -> None:
    if fate != "CANCELLED":
        sandbox.inject(Fault(on="/batch/jobs", job=fate))
    job = client.batch([chat("zero"), chat("one"), chat("two"), chat("three")])
    job.refresh()
    if fate == "CANCELLED":
        assert job.cancel().status == "CANCELLATION_REQUESTED"
    results = list(job.results())
    assert [shown(result) for result in results] == ["zero", "one", BatchError, BatchError]
    assert job.progress.status == fate
    assert isinstance(results[2].error, BatchError)
    assert results[2].error.status == fate
    assert fate in str(results[2].error)


def test_a_job_that_fails_before_its_file_is_read_has_an_error_for_each_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mistral counts the requests of a file only when it reads them."""
    monkeypatch.setattr("portkey_mistral._batch.parts.MAX_INLINE", 0)
    key = "sk-very-secret-key"
    reasons = [{"message": f"Invalid file, sent with {key}.", "count": 1}, {"message": "No quota."}]
    job: dict[str, Any] = {
        "id": "j",
        "status": "QUEUED",
        "endpoint": "/v1/chat/completions",
        "errors": [],
        "created_at": 0,
        "total_requests": 0,
        "succeeded_requests": 0,
        "failed_requests": 0,
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/files"):
            return httpx.Response(200, json={"id": "f"})
        if request.method == "POST":
            job["metadata"] = json.loads(request.content)["metadata"]
            return httpx.Response(200, json=job)
        return httpx.Response(200, json={**job, "status": "FAILED", "errors": reasons})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        batch = Client(api_key=key, http_client=http).batch([chat("one"), chat("two")])
        assert (batch.progress.status, batch.progress.total) == ("QUEUED", 2)
        errors = [result.error for result in batch.results()]
        assert [type(error) for error in errors] == [BatchError, BatchError]
        assert "Invalid file, sent with ***.; No quota." in str(errors[0])
        assert batch.retry_failed() is not None


# --- nothing is lost, nothing is paid twice ---------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="/batch/jobs", status=503),
        Fault(on="/batch/jobs", connection="reset"),
        Fault(on="/batch/jobs", cut_bytes=20),
        Fault(on="/batch/jobs", status=429, retry_after=0),
    ],
    ids=["refused", "reset", "response lost", "too many"],
)
def test_a_job_is_created_once(client: Client, sandbox: Sandbox, fault: Fault) -> None:
    sandbox.inject(fault)
    job = client.batch([chat("one")])
    assert [shown(result) for result in job.results()] == ["one"]
    assert len(all_jobs(sandbox)) == 1


def all_jobs(sandbox: Sandbox) -> list[Any]:
    response = sandbox.handle(
        "GET", "/v1/batch/jobs?page_size=1000", {"authorization": "Bearer k"}, b""
    )
    return json.loads(response.read())["data"]


def test_a_job_that_cannot_be_created_raises(client: Client, sandbox: Sandbox) -> None:
    sandbox.inject(Fault(on="/batch/jobs", when="requests", status=500), times=None)
    with pytest.raises(InternalServerError):
        Client(base_url=f"sandbox:{sandbox.name}", max_retries=1).batch([chat("one")])
    assert len(created(sandbox)) == 2
    sandbox.reset()
    sandbox.inject(Fault(on="/batch/jobs", status=400))
    with pytest.raises(BadRequestError):
        client.batch([chat("one")])
    assert len(created(sandbox)) == 1


@pytest.mark.parametrize("cut", [0, 10, 400])
def test_a_download_that_breaks_is_begun_again(client: Client, sandbox: Sandbox, cut: int) -> None:
    job = client.batch([chat("one"), chat("two")])
    job.wait_until_done(poll=0.001)
    sandbox.inject(Fault(on="/content", cut_bytes=cut))
    assert [shown(result) for result in job.results()] == ["one", "two"]


def test_a_download_that_ends_too_early_is_noticed(client: Client, sandbox: Sandbox) -> None:
    job = client.batch([chat("one"), chat("two")])
    job.wait_until_done(poll=0.001)
    sandbox.inject(Fault(on="/content", cut_bytes=400, clean_cut=True))
    with pytest.raises(ResponseFormatError, match="Mistral reports 2"):
        list(job.results())
    assert [shown(result) for result in job.results()] == ["one", "two"]


def test_a_name_makes_a_batch_repeatable(client: Client, sandbox: Sandbox) -> None:
    first = client.batch(MIXED[:3], name="nightly")
    again = client.batch(MIXED[:3], name="nightly")
    assert len(all_jobs(sandbox)) == 3
    assert again.id == first.id == "nightly"
    assert [shown(result) for result in again.results()] == EXPECTED[:3]
    with pytest.raises(ConfigurationError, match="other requests"):
        client.batch(MIXED[1:4], name="nightly")


CHILD = """
import sys
from portkey_mistral import ChatRequest, Client, Message
models = ["mistral-small-latest", "mistral-large-latest", "mistral-medium-latest", "ministral-8b-latest"]
requests = [
    ChatRequest(model=model, messages=[Message.user(f"Say exactly: {number}")])
    for number in range(3) for model in models
]
job = Client(base_url=sys.argv[1], api_key="k").batch(requests, name="killed")
print(*[result.response.text for result in job.results()])
"""


FULL = pytest.mark.full


@pytest.mark.parametrize("at", [2, 5, *(pytest.param(at, marks=FULL) for at in (1, 3, 4, 6, 9))])
def test_a_process_that_is_killed_loses_nothing(sandbox: Sandbox, at: int) -> None:
    """Killed while its request number `at` is on its way; the same program then finishes the work."""
    hold = Fault(delay=600)
    for _ in range(at - 1):
        sandbox.inject(Fault())
    sandbox.inject(hold)
    with running() as url:
        arguments = [sys.executable, "-c", CHILD, f"{url}/s/{sandbox.name}/v1"]
        child = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        try:
            wait_for(lambda: len(sandbox.requests) >= at or child.poll() is not None)
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.communicate()
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(number) for number in range(3) for _ in range(4)]
    assert len(all_jobs(sandbox)) == 4


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


def test_a_batch_of_which_only_a_part_was_created_is_completed(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.inject(Fault(on="/batch/jobs", when="fim", status=400))
    with pytest.raises(BadRequestError) as error:
        client.batch(MIXED, name="torn")
    *_, note = error.value.__notes__
    assert "name='torn'" in note
    assert 0 < len(all_jobs(sandbox)) < 9
    with pytest.raises(ConfigurationError, match=r"batch\(requests, name='torn'\)"):
        client.resume_batch("torn")
    assert [shown(result) for result in client.batch(MIXED, name="torn").results()] == EXPECTED
    assert len(all_jobs(sandbox)) == 9


def test_jobs_of_a_batch_without_a_name_can_be_found_where_one_is_refused(
    client: Client, sandbox: Sandbox
) -> None:
    requests = [chat("one"), chat("two", model="mistral-huge")]
    with pytest.raises(BadRequestError) as error:
        client.batch(requests)
    *_, note = error.value.__notes__
    (name,) = re.findall(r"name='(\w+)'", note)
    requests[1] = chat("two", model="mistral-large-latest")
    assert [shown(result) for result in client.batch(requests, name=name).results()] == [
        "one",
        "two",
    ]
    assert len(all_jobs(sandbox)) == 2


def test_a_batch_is_found_by_the_id_of_any_of_its_jobs(client: Client, sandbox: Sandbox) -> None:
    batch = client.batch(MIXED)
    for job in all_jobs(sandbox):
        assert client.resume_batch(job["id"]).id == batch.id
    assert [shown(result) for result in client.resume_batch(job["id"]).results()] == EXPECTED


# --- bad input and places without batches -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"requests": []}, "at least one request"),
        ({"requests": None}, r"list of requests, got NoneType"),
        ({"requests": chat("a")}, r"got ChatRequest; for one request pass \[request\]"),
        ({"requests": "hi"}, "got str"),
        ({"requests": ["hi"]}, r"requests\[0\]: a batch takes"),
        ({"requests": [chat("a"), ChatRequest(model=SMALL, messages=[])]}, r"requests\[1\]"),
        ({"requests": [chat("a", model="mistral-embed")]}, r"requests\[0\]"),
        ({"requests": [EmbeddingRequest(model="mistral-embed", inputs=["a"] * 513)]}, "embed_job"),
        ({"name": ""}, "name must be"),
        ({"name": "n" * 513}, "name must be"),
        ({"timeout_hours": 0}, "1 to 168"),
        ({"timeout_hours": 1.5}, "1 to 168"),
        ({"metadata": {"batch": "x"}}, "used by the batch"),
        ({"metadata": {"k" * 33: "x"}}, "keys of 1 to 32"),
        ({"metadata": {"k": ""}}, "values of 1 to 512"),
        ({"metadata": {"k": 1}}, "strings to strings"),
    ],
)
def test_what_cannot_be_sent_is_refused_before(
    client: Client, sandbox: Sandbox, arguments: Any, message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        client.batch(**{"requests": [chat("one")], **arguments})
    assert all_jobs(sandbox) == []


FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "mistral-ai"}, {"provider": "openai", "api_key": "k"}],
}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"portkey_api_key": "pk", "provider": "@m"}, ConfigurationError, "Portkey does not offer"),
        ({"gateway_url": "http://127.0.0.1:1"}, ConfigurationError, "Portkey does not offer"),
        ({"data_residency": "eu"}, ResidencyError, "regional"),
        ({"base_url": "https://api.eu.mistral.ai/v1"}, ResidencyError, "base_url"),
        ({"portkey_config": FALLBACK}, ConfigurationError, "one target"),
        ({"portkey_config": {"provider": "openai"}}, ConfigurationError, "one target"),
    ],
)
def test_where_there_are_no_batches_an_error_tells(settings: Any, error: Any, message: str) -> None:
    client = Client(**settings)
    for call in (lambda: client.batch([chat("one")]), lambda: client.resume_batch("x")):
        with pytest.raises(error, match=message):
            call()


def test_a_batch_that_nobody_knows(client: Client) -> None:
    with pytest.raises(ConfigurationError, match="no batch 'x'"):
        client.resume_batch("x")
    with pytest.raises(InvalidRequestError):
        client.resume_batch("")


def test_waiting_may_be_limited(client: Client) -> None:
    job = client.batch([chat("one")])
    with pytest.raises(APITimeoutError, match="keeps running"):
        job.wait_until_done(timeout=0.0, poll=0.01)
    assert [shown(result) for result in job.results()] == ["one"]


@pytest.mark.parametrize("poll", [0, -1.0, float("nan"), True, "1"])
async def test_pauses_must_be_pauses(client: Client, poll: Any) -> None:
    job = client.batch([chat("one")])
    with pytest.raises(InvalidRequestError, match="poll must be"):
        job.wait_until_done(poll=poll)
    with pytest.raises(InvalidRequestError, match="poll must be"):
        await job.await_until_done(poll=poll)


def test_no_key_is_shown(sandbox: Sandbox) -> None:
    key = "sk-very-secret-key"
    client = Client(base_url=f"sandbox:{sandbox.name}", api_key=key)
    body = {"message": f"key {key} is bad"}
    sandbox.inject(Fault(on="/chat/completions", status=401, body=body))
    job = client.batch([chat("one")])
    (result,) = job.results()
    assert key not in f"{job!r} {result!r} {result.error} {vars(result.error)}"


@pytest.mark.full
def test_100_000_texts_in_flat_memory(sandbox: Sandbox, client: Client) -> None:
    requests = (
        EmbeddingRequest(
            model="mistral-embed", inputs=[f"text {at}"] * 100, encoding_format="base64"
        )
        for at in range(1000)
    )
    tracemalloc.start()
    job = client.batch(requests)
    job.wait_until_done(poll=0.001)
    count = sum(len(result.response.vectors) for result in job.results() if result.response)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 50 * 2**20  # the vectors alone are 400 MB
