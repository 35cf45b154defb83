"""The progress and the results of a batch job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from portkey_mistral.exceptions import PortkeyMistralError
from portkey_mistral.ocr import OCRResponse
from portkey_mistral.prices import Cost
from portkey_mistral.responses import (
    ChatResponse,
    ClassificationResponse,
    EmbeddingResponse,
    ModerationResponse,
)

__all__ = [
    "FINISHED_STATUSES",
    "BatchProgress",
    "BatchResponse",
    "BatchResult",
    "ShowBatchProgress",
]

BatchResponse: TypeAlias = (
    ChatResponse | EmbeddingResponse | ModerationResponse | ClassificationResponse | OCRResponse
)
"""The response to one request of a batch."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """The state of a batch job.

    Attributes:
        status: "QUEUED", "RUNNING", "SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLATION_REQUESTED" or "CANCELLED"; of
            several jobs at Mistral the one that is furthest from its end, and of finished ones the first that is no
            success.
        total: Number of requests.
        succeeded: Number of requests that have a response.
        failed: Number of requests that have an error.
        seconds: Time since the job was created.
        cost: What the job costs, at half the price of calls: before its results are read an estimate (`estimated`) of the
            most that it may cost, with as many output tokens as `max_tokens` allows, or 1024. After that, what it did cost.
            None if that is not known.
    """

    status: str
    total: int
    succeeded: int
    failed: int
    seconds: float
    cost: Cost | None = None

    @property
    def done(self) -> int:
        """Number of requests that have a response or an error."""
        return self.succeeded + self.failed

    @property
    def is_finished(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in FINISHED_STATUSES


FINISHED_STATUSES = frozenset({"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"})
"""The statuses of a batch job at its end."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The response to one request of a batch job, or its error. `index` is the position of the request in the job."""

    index: int
    response: BatchResponse | None = None
    error: PortkeyMistralError | None = None


ShowBatchProgress: TypeAlias = bool | Callable[[BatchProgress], None]
"""True shows a bar on standard error (needs `tqdm`); a function is called after every look at the job."""
