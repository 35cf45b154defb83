"""The lines of results in their file: read in any order and thread, and only those of the job's requests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from portkey_mistral._batch.results import ResultFile
from portkey_mistral._batch.tally import Tally
from portkey_mistral.responses import ChatResponse


def result_file(total: int) -> ResultFile:
    return ResultFile(total, mode="direct", host=None, secrets=frozenset())


def line(custom_id: str, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    body = {"id": "a", "model": "mistral-small-latest", "choices": [choice]}
    return {"custom_id": custom_id, "response": {"status_code": 200, "body": body}}


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("frequent_switches")
def test_threads_may_read_at_the_same_time() -> None:
    results = result_file(200)
    results.add_outputs(
        [line(str(at), f"text {at}") for at in range(200)], "/v1/chat/completions", Tally()
    )

    def texts(order: range) -> list[str]:
        found = [(at, results.read(at)) for at in order]
        return [
            each.response.text
            for at, each in sorted(found)
            if each is not None and isinstance(each.response, ChatResponse)
        ]

    with ThreadPoolExecutor(4) as threads:
        orders = [range(200), range(199, -1, -1)] * 8
        for read in threads.map(texts, orders):
            assert read == [f"text {at}" for at in range(200)]


def test_ids_of_another_program_take_no_memory() -> None:
    results = result_file(2)
    numbered = [line("20261130001", "another's"), line("1", "ours")]
    assert results.add_outputs(numbered, "/v1/chat/completions", Tally()) == 1
    assert results.read(0) is None
    found = results.read(1)
    assert found is not None
    assert isinstance(found.response, ChatResponse)
    assert found.response.text == "ours"
