from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from telemetry import Watched, watched


@pytest.fixture
def otel() -> Iterator[Watched]:
    with watched() as seen:
        yield seen


class Zero:
    def random(self) -> float:
        return 0.0


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portkey_mistral._transport.run._rng", Zero())


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CAPTURE_MESSAGE_CONTENT", "EMIT_EVENT"):
        monkeypatch.delenv(f"OTEL_INSTRUMENTATION_GENAI_{name}", raising=False)


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """The records of the package, at every level."""
    handler, logger = Kept(), logging.getLogger("portkey_mistral")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler.records
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
