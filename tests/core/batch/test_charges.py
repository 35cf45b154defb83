"""What batches cost: in their progress and results, and charged to budgets. Half of the price of calls."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from pdfs import as_part, pdf_of
from portkey_mistral import (
    APIError,
    BatchJob,
    Budget,
    BudgetExceededError,
    ChatRequest,
    Client,
    ConfigurationError,
    EmbeddingRequest,
    Message,
    OCRRequest,
    models,
)
from portkey_mistral._batch.charges import Charge
from portkey_mistral.budget import Counter
from portkey_mistral.models import Price
from portkey_mistral.sandbox import Fault, Sandbox, get
from portkey_mistral.state.memory import MemoryState

SMALL = "mistral-small-latest"
TEXTS = ["one", "two", "three"]
OUTPUT = 100
_numbers = count()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = get("charges")
    sandbox.reset()
    yield sandbox
    sandbox.reset()


@pytest.fixture
def state() -> str:
    """The URL of a store that no other test uses."""
    return f"memory:charges-{next(_numbers)}"


def client(state: str, *budgets: Budget, **fields: Any) -> Client:
    return Client(base_url="sandbox:charges", state=state, budget=budgets or None, **fields)


def budget(usd: float | Decimal | None, **fields: Any) -> Budget:
    return Budget(usd, output_tokens=OUTPUT, **fields)


def chats(*texts: str, **fields: Any) -> list[ChatRequest]:
    return [
        ChatRequest(model=SMALL, messages=[Message.user(f"Say exactly: {text}")], **fields)
        for text in texts
    ]


def spent(state: str, **fields: Any) -> Decimal:
    """What the counter of a budget has counted: a request over all of it tells."""
    with pytest.raises(BudgetExceededError) as error:
        client(state, Budget(0, **fields), portkey_metadata={"user": "ada"}).chat(chats("x")[0])
    return error.value.spent


def half_price(*requests: ChatRequest) -> Decimal:
    """Half of what the calls cost one by one."""
    costs = [client("memory:").chat(request).info.cost for request in requests]
    return sum((cost.amount for cost in costs if cost), Decimal(0)) / 2


def estimate(job: BatchJob) -> Decimal:
    assert job.progress.cost is not None
    assert job.progress.cost.estimated
    return job.progress.cost.amount


# --- the cost of a batch ----------------------------------------------------------------------------


def test_progress_has_an_estimate_and_then_the_cost(sandbox: Sandbox, state: str) -> None:
    requests = chats(*TEXTS)
    job = client(state).batch(requests, name="costs")
    at_most = estimate(job)
    assert job.progress.cost.factors == {"batch": Decimal("0.5")}
    assert estimate(client(state).resume_batch("costs")) == at_most
    results = list(job.results())
    cost = job.progress.cost
    assert cost is not None
    assert (cost.estimated, cost.is_partial, cost.model) == (False, False, "mistral-small-2603")
    assert cost.amount == half_price(*requests) == sum(r.response.info.cost.amount for r in results)
    assert cost.amount < at_most


def test_a_bar_shows_the_cost_and_what_failed(
    sandbox: Sandbox,
    state: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, size in {"COLUMNS": "200", "LINES": "50"}.items():
        monkeypatch.setenv(name, size)  # tqdm cuts its bars at the width of the terminal
    sandbox.inject(Fault(on="/chat/completions", when="exactly: one", status=500))
    job = client(state).batch(chats(*TEXTS))
    job.wait_until_done(poll=0.001, show_progress=True)
    assert f"SUCCESS, 1 failed, at most ${estimate(job):.4f}" in capsys.readouterr().err


def test_the_estimate_is_the_most_that_the_parameters_allow(sandbox: Sandbox, state: str) -> None:
    def of(**fields: Any) -> Decimal:
        return estimate(client(state).batch(chats("x", **fields)))

    price = models.price_of(SMALL)
    assert price is not None
    each = Decimal(str(price.output)) / 1_000_000 / 2
    assert of() - of(max_tokens=1000) == 24 * each
    assert of(max_tokens=20, n=3) - of(max_tokens=20) == 40 * each


def test_texts_and_pages_cost_half_too(sandbox: Sandbox, state: str) -> None:
    texts = EmbeddingRequest(model="mistral-embed", inputs=["text"] * 600)
    embedded = client(state).embed(texts)
    job = client(state).embed_job(texts)
    assert len(list(job.vectors())) == 600
    pages = OCRRequest(model="mistral-ocr-latest", document=as_part(pdf_of("One", "Two")))
    read = client(state).ocr(pages)
    (result,) = (ocr_job := client(state).batch([pages])).results()
    assert [job.progress.cost.amount * 2, ocr_job.progress.cost.amount * 2] == [
        embedded.cost.amount,
        read.info.cost.amount,
    ]
    assert result.response.info.cost == ocr_job.progress.cost


def test_a_request_that_failed_costs_what_its_usage_says(sandbox: Sandbox, state: str) -> None:
    requests = chats("one", "two", "three")
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    failed = {
        "model": SMALL,
        "usage": usage,
        "choices": [{"index": 0, "finish_reason": "error", "message": {"content": ""}}],
    }
    sandbox.inject(Fault(on="/chat/completions", when="exactly: two", status=200, body=failed))
    sandbox.inject(Fault(on="/chat/completions", when="exactly: three", status=500))
    job = client(state).batch(requests)
    _, in_model, refused = job.results()
    assert isinstance(in_model.error, APIError)
    assert isinstance(refused.error, APIError)
    assert in_model.error.cost is not None
    assert in_model.error.cost.amount == Decimal("0.0000045") / 2
    assert refused.error.cost is not None
    assert refused.error.cost.amount == 0
    assert job.progress.cost.amount == half_price(requests[0]) + in_model.error.cost.amount


@pytest.mark.parametrize(("failed", "partial"), [(1, True), (2, None)])
def test_an_answer_without_a_usage_leaves_the_cost_open(
    sandbox: Sandbox, state: str, failed: int, partial: bool | None
) -> None:
    answer = {
        "model": SMALL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "hi"}}],
    }
    for text in ("one", "two")[:failed]:
        fault = Fault(on="/chat/completions", when=f"exactly: {text}", status=200, body=answer)
        sandbox.inject(fault)
    job = client(state, budget(1)).batch(chats("one", "two"))
    reserved = estimate(job)
    list(job.results())
    cost = job.progress.cost
    assert (cost and cost.is_partial) == partial
    # It may have been billed: what was reserved stays.
    assert spent(state) == reserved


def test_a_model_without_a_price(sandbox: Sandbox, state: str) -> None:
    models.set_price(SMALL, Price(None, None))
    try:
        assert client(state).batch(chats("x")).progress.cost is None
        assert client(state, Budget(None)).batch(chats("x")).progress.cost is None
        with pytest.raises(ConfigurationError, match=r"set_price"):
            client(state, budget(1)).batch(chats("x"))
    finally:
        models.set_price(SMALL, None)


# --- charged to budgets -----------------------------------------------------------------------------


def test_a_batch_reserves_an_estimate_and_is_settled_by_its_results(
    sandbox: Sandbox, state: str
) -> None:
    opened, requests = client(state, budget(1)), chats(*TEXTS)
    job = opened.batch(requests)
    assert spent(state) == estimate(job)
    job.wait_until_done(poll=0.001)
    assert spent(state) > half_price(*requests)
    list(job.results())
    assert spent(state) == half_price(*requests)
    list(job.results())
    assert spent(state) == half_price(*requests)


def test_a_batch_that_would_exceed_the_budget_is_not_sent(sandbox: Sandbox, state: str) -> None:
    room = estimate(client(state).batch(chats(*TEXTS), name="x")) * 2 - Decimal("1e-9")
    sandbox.reset()
    opened = client(state, Budget(room))
    opened.batch(chats(*TEXTS))
    with pytest.raises(BudgetExceededError, match="no room for this batch job") as error:
        opened.batch(chats(*TEXTS))
    assert (error.value.limit, error.value.spent) == (room, error.value.estimate)
    assert len(creations(sandbox)) == 1


def creations(sandbox: Sandbox) -> list[Any]:
    return [e for e in sandbox.requests if (e.method, e.path) == ("POST", "/v1/batch/jobs")]


def test_a_batch_goes_on_where_a_budget_ended_it(sandbox: Sandbox, state: str) -> None:
    requests = [*chats("one"), EmbeddingRequest(model="mistral-embed", inputs=["a" * 30_000])]
    first = estimate(client(state).batch(requests[:1]))
    with pytest.raises(BudgetExceededError) as error:
        client(state, Budget(first, per="day")).batch(requests, name="torn")
    *_, note = error.value.__notes__
    assert "created before it: 1." in note
    assert "name='torn'" in note
    job = client(state, Budget(1, per="day")).batch(requests, name="torn")
    assert len([result for result in job.results() if result.error is None]) == 2
    assert spent(state, per="day") == job.progress.cost.amount


def test_a_job_is_charged_once_however_often_it_is_found(sandbox: Sandbox, state: str) -> None:
    opened, requests = client(state, budget(1)), chats(*TEXTS)
    for _ in range(2):
        opened.batch(requests, name="twice")
    readers = [opened.resume_batch(name) for name in (job_id(sandbox), "twice", "twice")]
    for reader in readers:
        assert len(list(reader.results())) == 3
    assert spent(state) == half_price(*requests)
    (row,) = [row for row in opened.usage() if row.key == ""]
    assert (row.requests, row.cost, row.unknown) == (3, half_price(*requests), 0)
    assert row.prompt_tokens > 0


def job_id(sandbox: Sandbox) -> str:
    headers = {"authorization": "Bearer k"}
    jobs = json.loads(sandbox.handle("GET", "/v1/batch/jobs", headers, b"").read())["data"]
    return str(jobs[0]["id"])


def test_what_was_settled_meanwhile_is_not_given_back() -> None:
    state = MemoryState()
    total, own = (Counter(name, None, time.time() + 60) for name in ("total", "own"))
    state.reserve_money((total, own), 5)
    charge = Charge({}, state, counters=(total,), own=(own,), amount=5)
    for _ in range(2):
        charge.release()
    exceeded = state.reserve_money((replace(total, limit=0),), 1)
    assert exceeded is not None
    assert exceeded.spent == 0


def test_a_batch_is_charged_where_it_was_started(sandbox: Sandbox, state: str) -> None:
    client(state).batch(chats("one"), name="free")
    list(client(state, budget(1)).resume_batch("free").results())
    assert spent(state) == 0


def test_several_budgets_are_charged(sandbox: Sandbox, state: str) -> None:
    user = budget(1, key="metadata.user", per="day")
    opened = client(state, budget(1), user, portkey_metadata={"user": "ada"})
    list(opened.batch(chats(*TEXTS)).results())
    cost = half_price(*chats(*TEXTS))
    assert [spent(state), spent(state, key="metadata.user", per="day")] == [cost, cost]
    keys = {row.key: row.cost for row in opened.usage()}
    assert keys == {"": cost, "metadata.user=ada": cost}
    with pytest.raises(ConfigurationError, match=r"metadata\.user"):
        client(state, user).batch(chats("one"))


@pytest.mark.parametrize("fate", ["FAILED", "CANCELLED"])
def test_what_was_not_answered_is_given_back(sandbox: Sandbox, state: str, fate: Any) -> None:
    if fate == "FAILED":
        sandbox.inject(Fault(on="/batch/jobs", job=fate))
    job = client(state, budget(1)).batch(chats(*TEXTS, "four"))
    job.refresh()
    if fate == "CANCELLED":
        job.cancel()
    answered = [result for result in job.results() if result.error is None]
    assert len(answered) == 2
    assert spent(state) == half_price(*chats(*TEXTS[:2]))


@pytest.mark.parametrize("fault", [Fault(status=400), Fault(status=500), Fault(connection="reset")])
@pytest.mark.parametrize("path", ["/batch/jobs", "/files"])
def test_a_job_that_was_not_created_gives_back_what_was_reserved(
    sandbox: Sandbox, state: str, monkeypatch: pytest.MonkeyPatch, fault: Fault, path: str
) -> None:
    if path == "/files":
        monkeypatch.setattr("portkey_mistral._batch.parts.MAX_INLINE", 0)
    when = '"requests"' if path == "/batch/jobs" else None
    sandbox.inject(
        Fault(on=path, when=when, status=fault.status, connection=fault.connection), times=None
    )
    with pytest.raises(APIError):
        client(state, budget(1), max_retries=0).batch(chats("one"))
    assert spent(state) == 0


def test_what_failed_and_is_sent_again_is_charged_too(sandbox: Sandbox, state: str) -> None:
    sandbox.inject(Fault(on="/chat/completions", when="exactly: two", status=503))
    job = client(state, budget(1)).batch(chats(*TEXTS))
    again = job.retry_failed()
    assert again is not None
    assert [result.error for result in again.results()] == [None]
    assert spent(state) == half_price(*chats(*TEXTS))


def test_a_budget_without_a_limit_counts_batches(sandbox: Sandbox, state: str) -> None:
    opened = client(state, Budget(None))
    list(opened.batch(chats(*TEXTS)).results())
    assert [row.cost for row in opened.usage()] == [half_price(*chats(*TEXTS))]


async def test_the_async_twin(sandbox: Sandbox, state: str) -> None:
    opened = client(state, budget(1))
    job = await opened.abatch(chats(*TEXTS))
    assert len([result async for result in job.aresults()]) == 3
    assert spent(state) == half_price(*chats(*TEXTS)) == job.progress.cost.amount


@pytest.mark.parametrize("charged_at", ["never", "-1", "1e3", "9" * 11, "9" * 40])
def test_foreign_metadata_charges_nothing(sandbox: Sandbox, state: str, charged_at: str) -> None:
    """Another program's job may have any metadata, under these names too."""
    body = {
        "endpoint": "/v1/chat/completions",
        "model": SMALL,
        "requests": [{"custom_id": "0", "body": {"messages": [{"role": "user", "content": "x"}]}}],
        "metadata": {"charged_at": charged_at, "estimated_usd": "much"},
    }
    opened = client(state, budget(1))
    created = post(sandbox, body)
    job = opened.resume_batch(created["id"])
    assert job.progress.cost is None
    assert len(list(job.results())) == 1
    assert spent(state) == 0


def post(sandbox: Sandbox, body: Any) -> Any:
    key = {"authorization": "Bearer k"}
    response = sandbox.handle("POST", "/v1/batch/jobs", key, json.dumps(body).encode())
    return json.loads(response.read())


def test_two_budgets_for_one_counter_count_once(sandbox: Sandbox, state: str) -> None:
    opened = client(state, budget(2), budget(None), budget(1))
    cost = opened.chat(chats("one")[0]).info.cost
    assert cost is not None
    assert spent(state) == cost.amount
    with pytest.raises(BudgetExceededError) as error:
        client(state, budget(2), Budget(0)).chat(chats("one")[0])
    assert error.value.limit == 0
