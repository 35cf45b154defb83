"""The state of an embedding job and its decisions: which texts to batch, when to send, how to handle a failure.

It sends nothing itself; `threads` and `aio` do.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING

from portkey_mistral._call.options import deadline_of
from portkey_mistral._call.prepare import Job, prepare_call
from portkey_mistral._call.validate import check_request, check_text
from portkey_mistral._embedding.batching import batches, halves
from portkey_mistral._embedding.concurrency import MAX_WAIT, Backpressure
from portkey_mistral._embedding.dimension import Dimension
from portkey_mistral._embedding.progress import Tracker
from portkey_mistral._routing.outcomes import Answered, Failed, Outcome
from portkey_mistral._telemetry import logs
from portkey_mistral._telemetry.observe import JobObserver
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.cancellation import JobCancellation
from portkey_mistral._wire.embeddings import decode_embeddings
from portkey_mistral._wire.response_headers import is_out_of_reach, seconds_until_more
from portkey_mistral.exceptions import APIStatusError, RateLimitError
from portkey_mistral.prices import NOT_BILLED
from portkey_mistral.requests import CallOptions, EmbeddingDtype, EmbeddingRequest
from portkey_mistral.responses import (
    CallInfo,
    EmbeddingBatch,
    EmbeddingResponse,
    ShowProgress,
    Usage,
)
from portkey_mistral.tokens import estimate_tokens

if TYPE_CHECKING:
    from portkey_mistral._embedding.vector_store import VectorStore
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["Batch", "EmbeddingJob", "join_batches", "vectors_by_position"]

# Eight requests in flight keep one core busy decoding; more would only wait for it.
_DEFAULT_IN_FLIGHT = 8
_OVERLOADED = frozenset({429, 503, 529})
_TOO_LARGE = "3210"  # Mistral's error code


@dataclass(slots=True)
class Batch:
    """Consecutive texts, embedded by one request, or by several if one is too large.

    `start` is the position of the first text in the job. `vectors` is keyed by position within the batch; those of the
    resume store are there from the beginning.
    """

    start: int
    texts: list[str]
    vectors: dict[int, Sequence[float]]
    usage: Usage = field(default_factory=Usage)
    infos: list[CallInfo] = field(default_factory=list)
    model: str | None = None

    @property
    def missing(self) -> list[int]:
        return [index for index in range(len(self.texts)) if index not in self.vectors]

    @property
    def is_complete(self) -> bool:
        return len(self.vectors) == len(self.texts)


class EmbeddingJob:
    """One request for any number of texts.

    A driver starts batches while it `may_start` them, and delivers those that are complete, in order. At most twice as
    many batches as requests in flight are held, so memory does not grow with the number of texts. `positions` are
    those of the texts in a longer list of the caller's, for errors to name.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        request: EmbeddingRequest,
        options: CallOptions | None,
        show_progress: ShowProgress = False,
        *,
        as_lists: bool = False,
        positions: Sequence[int] | None = None,
    ) -> None:
        check_request(request, "embed")
        self._as_lists = as_lists
        self._positions = positions
        self.max_in_flight = settings.max_concurrency or _DEFAULT_IN_FLIGHT
        self.exhausted = False
        self.input_error: Exception | None = None
        """The exception raised by the iterable of texts. It is raised again once all texts before it are delivered."""
        self._settings, self._request, self._options = settings, request, options
        self._dimension = Dimension(request.model, settings.embed_resume)
        self._batches = self._batch(self._with_stored(self._validated()))
        self._read_ahead = deque(islice(self._batches, 2))
        self.is_single = len(self._read_ahead) < 2
        self._started: deque[Batch] = deque()
        self._lock = threading.Lock()
        # Decode one response at a time: under the GIL parallel decoding only makes all threads finish, and idle, together.
        self._decode_lock = threading.Lock() if _has_gil() else nullcontext()
        self._backpressure = Backpressure(self.max_in_flight)
        self._cancellation = JobCancellation()
        self.observer = JobObserver()
        self._deadline = deadline_of(settings)
        total = len(request.inputs) if isinstance(request.inputs, Sequence) else None
        self._tracker = Tracker(show_progress, request.model, total)

    # --- batches ----------------------------------------------------------------------------------

    def may_start(self, running: int) -> bool:
        """Whether another batch may be started while `running` are in flight."""
        has_room = len(self._started) < 2 * self.max_in_flight
        return has_room and running < self._backpressure.in_flight and not self.exhausted

    def start_next(self) -> Batch | None:
        """Start the next batch; None after the last."""
        batch = self._read_ahead.popleft() if self._read_ahead else self._read()
        if batch is None:
            self.exhausted = True
        else:
            self._started.append(batch)
            self._tracker.add(len(batch.vectors), 0, NOT_BILLED)
        return batch

    def _read(self) -> Batch | None:
        try:
            return next(self._batches, None)
        except Exception as error:  # noqa: BLE001  the user's iterable may raise anything
            self.input_error = error
            return None

    def deliver(self) -> Iterator[EmbeddingBatch]:
        """Yield batches in order, up to the first that is not complete."""
        while self._started and self._started[0].is_complete:
            yield self._delivered(self._started.popleft())

    def undelivered(self) -> dict[int, Sequence[float]]:
        """Return the vectors received but not delivered, by the position of their text."""
        return {
            self._position(batch.start + index): vector
            for batch in self._started
            for index, vector in batch.vectors.items()
        }

    def _position(self, index: int) -> int:
        return index if self._positions is None else self._positions[index]

    def stop(self) -> None:
        """Send nothing more, and cancel requests that wait to be sent."""
        self.exhausted = True
        self._cancellation.cancel()
        self._tracker.close()

    # --- requests ---------------------------------------------------------------------------------

    def prepare(self, batch: Batch, indices: Sequence[int]) -> Call[EmbeddingResponse]:
        dtype = self._request.output_dtype or "float"
        packed = self._request.encoding_format == "base64"
        return prepare_call(
            self._settings,
            dataclasses.replace(self._request, inputs=[batch.texts[index] for index in indices]),
            self._options,
            operation="embed",
            decode=lambda body: self._decode(
                body, expected=len(indices), dtype=dtype, packed=packed
            ),
            job=Job(
                self._deadline,
                None if self.is_single else self._wait_after,
                self._cancellation,
                self.observer.observe,
            ),
        )

    def _decode(
        self, body: object, *, expected: int, dtype: EmbeddingDtype, packed: bool
    ) -> EmbeddingResponse:
        with self._decode_lock:
            vectors, model, usage = decode_embeddings(
                body, expected=expected, dtype=dtype, packed=packed
            )
        return EmbeddingResponse(vectors, model, usage)

    def add_response(
        self, batch: Batch, indices: Sequence[int], response: EmbeddingResponse
    ) -> None:
        """Add the vectors of these texts of a batch, and save them in the resume store."""
        self._dimension.check(response.vectors)
        batch.usage += response.usage
        batch.infos += response.infos
        batch.model = response.model
        with self._decode_lock:
            batch.vectors |= zip(indices, map(self._converted, response.vectors), strict=True)
        self._tracker.add(len(indices), response.usage.prompt_tokens, response.cost)
        if (store := self._store()) is not None:
            texts = [batch.texts[index] for index in indices]
            store.save(dict(zip(texts, response.vectors, strict=True)))

    @property
    def uses_file(self) -> bool:
        """Whether `start_next` and `add_response` access a file, which other processes may have locked."""
        return self._settings.embed_resume is not None

    def show_progress(self) -> None:
        """Report the progress. Only called by the thread that drives the job."""
        self._tracker.show()

    def split(
        self, batch: Batch, indices: list[int], error: APIStatusError
    ) -> tuple[list[int], ...]:
        """Return the halves to send instead of a rejected request; raise the error if splitting cannot help."""
        texts = [batch.texts[index] for index in indices]
        if not _is_about_inputs(error) and not _may_be_about_blanks(error, texts):
            raise error
        if len(indices) > 1:
            return halves(indices)
        (index,) = indices
        error.index = self._position(batch.start + index)
        error.add_note(
            f"refused because of the text at index {error.index}, which begins with {batch.texts[index][:60]!r}"
        )
        raise error

    def outlasts(self, error: RateLimitError) -> bool:
        """Whether to send a rate-limited request again after all its retries.

        Servers count by the minute, and a job may take longer. `max_retries=0` forbids sending anything again.
        """
        now = time.monotonic()
        outlasts = not (
            self.is_single
            or self._settings.max_retries == 0
            or (error.retry_after or 0.0) > MAX_WAIT
            or is_out_of_reach(error.headers)
            or self._backpressure.is_hopeless(now)
            or (self._deadline is not None and now >= self._deadline)
        )
        if outlasts:
            logs.job_waits(self._request.model, error.retry_after)
        return outlasts

    def _wait_after(self, outcome: Outcome, headers: Mapping[str, str]) -> float:
        with self._lock:
            match outcome:
                case Answered():
                    self._backpressure.answered()
                    return seconds_until_more(headers)
                case Failed(status=status) if status in _OVERLOADED:
                    retry_after = outcome.retry_after or seconds_until_more(headers) or None
                    wait = self._backpressure.refused(outcome.at, retry_after)
                    return wait if wait <= MAX_WAIT else 0.0
                case _:
                    return 0.0

    # --- reading the texts --------------------------------------------------------------------------

    def _store(self) -> VectorStore | None:
        path = self._settings.embed_resume
        if path is None:
            return None
        from portkey_mistral._embedding.vector_store import VectorStore

        return VectorStore(path, self._request, self._settings.endpoint_id)

    def _with_stored(self, texts: Iterator[str]) -> Iterator[tuple[str, Sequence[float] | None]]:
        """Pair each text with its vector in the resume store, if there is one."""
        if (store := self._store()) is None:
            yield from ((text, None) for text in texts)
            return
        for group in batches(texts, lambda _: 0):
            stored = store.load(group)
            yield from ((text, stored.get(index)) for index, text in enumerate(group))

    def _validated(self) -> Iterator[str]:
        texts, model = self._request.inputs, self._request.model
        if isinstance(texts, Sequence):  # all texts are checked before anything is sent
            for index, text in enumerate(texts):
                check_text(text, self._position(index), model, wait=True)
            yield from texts
            return
        for index, text in enumerate(texts):
            check_text(text, self._position(index), model)
            yield text

    def _batch(self, texts: Iterator[tuple[str, Sequence[float] | None]]) -> Iterator[Batch]:
        start = 0
        for batch in batches(
            texts, lambda item: estimate_tokens(item[0]) if item[1] is None else 0
        ):
            stored = {
                index: self._converted(vector)
                for index, (_, vector) in enumerate(batch)
                if vector is not None
            }
            self._dimension.check(stored.values(), stored=True)
            yield Batch(start, [text for text, _ in batch], stored)
            start += len(batch)

    def _converted(self, vector: Sequence[float]) -> Sequence[float]:
        return vector.tolist() if self._as_lists and isinstance(vector, array) else vector

    def _delivered(self, batch: Batch) -> EmbeddingBatch:
        return EmbeddingBatch(
            vectors=[batch.vectors[index] for index in range(len(batch.texts))],
            model=batch.model or self._request.model,
            usage=batch.usage,
            infos=tuple(batch.infos),
            start=batch.start,
        )


def vectors_by_position(
    batches: Iterable[EmbeddingBatch], positions: Sequence[int] | None
) -> dict[int, Sequence[float]]:
    """Return all delivered vectors by the position of their text in the caller's list."""
    vectors = [vector for batch in batches for vector in batch.vectors]
    return dict(zip(count() if positions is None else positions, vectors, strict=False))


def join_batches(batches: Iterable[EmbeddingBatch], model: str) -> EmbeddingResponse:
    """Join all delivered batches; `model` is the requested one."""
    vectors: list[Sequence[float]] = []
    infos: list[CallInfo] = []
    usage = Usage()
    for batch in batches:
        vectors += batch.vectors
        infos += batch.infos
        usage += batch.usage
        model = batch.model
    return EmbeddingResponse(vectors, model, usage, tuple(infos))


def _is_about_inputs(error: APIStatusError) -> bool:
    if error.code == _TOO_LARGE or error.status_code == 413:
        return True
    return error.status_code == 422 and any("input" in path for path in _error_paths(error.body))


def _error_paths(body: object) -> Iterator[Sequence[object]]:
    """Yield the paths of the invalid fields: pydantic's `loc`, at any depth of the body."""
    match body:
        case {"loc": [*path]}:
            yield path
        case Mapping():
            for value in body.values():
                yield from _error_paths(value)
        case list():
            for item in body:
                yield from _error_paths(item)
        case _:
            pass


def _may_be_about_blanks(error: APIStatusError, texts: Sequence[str]) -> bool:
    """Many servers reject a blank text, and some do not say which one it was."""
    return error.status_code == 400 and not all(map(str.strip, texts))


def _has_gil() -> bool:
    """Whether only one thread runs Python code at a time, as in every build but the free-threaded one."""
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return is_enabled is None or bool(is_enabled())
