"""What an embedding job knows and decides: which texts go together, when to send, what a failure means.

It sends nothing itself; `threads` and `on_loop` do, and know no more than that.
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
from itertools import islice
from typing import TYPE_CHECKING

from portkey_mistral._calls import Job, deadline_of, prepare_call
from portkey_mistral._checks import check_request, check_text
from portkey_mistral._embedding.progress import Tracker
from portkey_mistral._engine.backpressure import LONGEST_WAIT, Backpressure
from portkey_mistral._engine.batching import batches, halves
from portkey_mistral._engine.outcomes import Answered, Failed, Outcome
from portkey_mistral._transport.abandoning import Abandonment
from portkey_mistral._transport.call import Call
from portkey_mistral._wire.decode import decode_embeddings
from portkey_mistral._wire.rate_limits import is_out_of_reach, seconds_until_more
from portkey_mistral.exceptions import APIStatusError, RateLimitError
from portkey_mistral.progress import ShowProgress
from portkey_mistral.requests import CallOptions, EmbeddingDtype, EmbeddingRequest
from portkey_mistral.responses import CallInfo, EmbeddingBatch, EmbeddingResponse, Usage
from portkey_mistral.settings import ConnectionSettings
from portkey_mistral.tokens import estimate_tokens

if TYPE_CHECKING:
    from portkey_mistral.resume import ResumeStore

__all__ = ["EmbeddingJob", "Part", "joined", "vectors_of"]

# One core parses about as much as eight requests in flight bring; more only waits.
_IN_FLIGHT = 8
_OVERLOADED = frozenset({429, 503, 529})
_TOO_LARGE = "3210"


@dataclass(slots=True)
class Part:
    """Neighbouring texts, embedded by one request, or by several where that was too large.

    `start` is the position of the first in the job; `vectors` goes by positions within the part, and holds
    from the beginning what a resume store had.
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
    def done(self) -> bool:
        return len(self.vectors) == len(self.texts)


class EmbeddingJob:
    """One request for any number of texts, on its way.

    A driver starts parts while it `may_start` them, and hands out those that are `ready`, in order. At most
    twice as many parts as requests in flight are held, so memory does not grow with the number of texts.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        request: EmbeddingRequest,
        options: CallOptions | None,
        show_progress: ShowProgress = False,
        *,
        as_lists: bool = False,
    ) -> None:
        check_request(request)
        self._as_lists = as_lists
        self.most_in_flight = settings.max_concurrency or _IN_FLIGHT
        self.exhausted = False
        self.fault: Exception | None = None
        """What came out of the iterable of texts. It is raised when all before it was handed out."""
        self._settings, self._request, self._options = settings, request, options
        self._parts = self._cut(self._with_known(_checked(request)))
        self._waiting = deque(islice(self._parts, 2))
        self.is_single = len(self._waiting) < 2
        self._begun: deque[Part] = deque()
        self._lock = threading.Lock()
        # Threads that run by turns anyway would all be done at the same time, and all wait for the server then.
        self._turn = threading.Lock() if _runs_by_turns() else nullcontext()
        self._backpressure = Backpressure(self.most_in_flight)
        self._abandonment = Abandonment()
        self._deadline = deadline_of(settings)
        total = len(request.inputs) if isinstance(request.inputs, Sequence) else None
        self._tracker = Tracker(show_progress, request.model, total)

    # --- parts ------------------------------------------------------------------------------------

    def may_start(self, running: int) -> bool:
        room = len(self._begun) < 2 * self.most_in_flight
        return room and running < self._backpressure.in_flight and not self.exhausted

    def next(self) -> Part | None:
        """Begin the next part; None after the last."""
        part = self._waiting.popleft() if self._waiting else self._read()
        if part is None:
            self.exhausted = True
        else:
            self._begun.append(part)
            self._tracker.add(len(part.vectors), 0)
        return part

    def _read(self) -> Part | None:
        try:
            return next(self._parts, None)
        except Exception as fault:  # noqa: BLE001  the user's iterable may raise anything
            self.fault = fault
            return None

    def ready(self) -> Iterator[EmbeddingBatch]:
        """Hand out the finished parts up to the first that is not."""
        while self._begun and self._begun[0].done:
            yield self._handed_out(self._begun.popleft())

    def unclaimed(self) -> dict[int, Sequence[float]]:
        """Return the vectors that are there and were not handed out, by the position of their text."""
        return {
            part.start + index: vector
            for part in self._begun
            for index, vector in part.vectors.items()
        }

    def end(self) -> None:
        """Nothing more is to be sent: whoever waits to send is woken, and lets it be."""
        self.exhausted = True
        self._abandonment.tell()
        self._tracker.close()

    # --- requests ---------------------------------------------------------------------------------

    def call(self, part: Part, indices: Sequence[int]) -> Call[EmbeddingResponse]:
        dtype = self._request.output_dtype or "float"
        packed = self._request.encoding_format == "base64"
        return prepare_call(
            self._settings,
            dataclasses.replace(self._request, inputs=[part.texts[index] for index in indices]),
            self._options,
            operation="embed",
            read=lambda body: self._decoded(
                body, expected=len(indices), dtype=dtype, packed=packed
            ),
            job=Job(
                self._deadline,
                None if self.is_single else self._wait_after,
                self._abandonment,
            ),
        )

    def _decoded(
        self, body: object, *, expected: int, dtype: EmbeddingDtype, packed: bool
    ) -> EmbeddingResponse:
        with self._turn:
            vectors, model, usage = decode_embeddings(
                body, expected=expected, dtype=dtype, packed=packed
            )
        return EmbeddingResponse(vectors, model, usage)

    def finished(self, part: Part, indices: Sequence[int], response: EmbeddingResponse) -> None:
        part.usage += response.usage
        part.infos += response.infos
        part.model = response.model
        with self._turn:
            part.vectors |= zip(indices, map(self._shown, response.vectors), strict=True)
        self._tracker.add(len(indices), response.usage.prompt_tokens)
        if (store := self._store()) is not None:
            texts = [part.texts[index] for index in indices]
            store.keep(dict(zip(texts, response.vectors, strict=True)))

    @property
    def stores(self) -> bool:
        """Whether `next` and `finished` use a file, which others may have locked."""
        return self._settings.embed_resume is not None

    def show(self) -> None:
        """Show how far it is. For the thread that drives the job."""
        self._tracker.show()

    def apart(self, part: Part, indices: list[int], error: APIStatusError) -> tuple[list[int], ...]:
        """Return what to send instead of a request that was refused; raise where taking apart cannot help."""
        texts = [part.texts[index] for index in indices]
        if not _is_about_inputs(error) and not _may_be_about_blanks(error, texts):
            raise error
        if len(indices) > 1:
            return halves(indices)
        (index,) = indices
        error.index = part.start + index
        error.add_note(
            f"refused because of the text at index {error.index}, which begins {part.texts[index][:60]!r}"
        )
        raise error

    def waits_out(self, error: RateLimitError) -> bool:
        """Whether to send again once the server allows it, after all retries of the one request.

        A job lasts longer than the minute by which servers count, so it would be a pity to give it up for
        that. `max_retries=0` says that nothing is to be sent again.
        """
        now = time.monotonic()
        return not (
            self.is_single
            or self._settings.max_retries == 0
            or (error.retry_after or 0.0) > LONGEST_WAIT
            or is_out_of_reach(error.headers)
            or self._backpressure.hopeless(now)
            or (self._deadline is not None and now >= self._deadline)
        )

    def _wait_after(self, outcome: Outcome, headers: Mapping[str, str]) -> float:
        with self._lock:
            match outcome:
                case Answered():
                    self._backpressure.answered()
                    return seconds_until_more(headers)
                case Failed(status=status) if status in _OVERLOADED:
                    asked = outcome.retry_after or seconds_until_more(headers) or None
                    wait = self._backpressure.refused(outcome.at, asked)
                    return wait if wait <= LONGEST_WAIT else 0.0
                case _:
                    return 0.0

    # --- reading the texts --------------------------------------------------------------------------

    def _store(self) -> ResumeStore | None:
        path = self._settings.embed_resume
        if path is None:
            return None
        from portkey_mistral.resume import ResumeStore

        return ResumeStore(path, self._request, self._settings.place)

    def _with_known(self, texts: Iterator[str]) -> Iterator[tuple[str, Sequence[float] | None]]:
        """Put to each text the vector that a resume store has of it."""
        if (store := self._store()) is None:
            yield from ((text, None) for text in texts)
            return
        for group in batches(texts, lambda _: 0):
            known = store.found(group)
            yield from ((text, known.get(index)) for index, text in enumerate(group))

    def _cut(self, texts: Iterator[tuple[str, Sequence[float] | None]]) -> Iterator[Part]:
        start = 0
        for batch in batches(
            texts, lambda item: estimate_tokens(item[0]) if item[1] is None else 0
        ):
            known = {
                index: self._shown(vector)
                for index, (_, vector) in enumerate(batch)
                if vector is not None
            }
            yield Part(start, [text for text, _ in batch], known)
            start += len(batch)

    def _shown(self, vector: Sequence[float]) -> Sequence[float]:
        return vector.tolist() if self._as_lists and isinstance(vector, array) else vector

    def _handed_out(self, part: Part) -> EmbeddingBatch:
        return EmbeddingBatch(
            vectors=[part.vectors[index] for index in range(len(part.texts))],
            model=part.model or self._request.model,
            usage=part.usage,
            infos=tuple(part.infos),
            start=part.start,
        )


def vectors_of(batches: Iterable[EmbeddingBatch]) -> dict[int, Sequence[float]]:
    """Return all vectors that were handed out, by the position of their text."""
    return {
        batch.start + index: vector
        for batch in batches
        for index, vector in enumerate(batch.vectors)
    }


def joined(batches: Iterable[EmbeddingBatch], model: str) -> EmbeddingResponse:
    """Join all that a job handed out; `model` is the one that was asked for."""
    vectors: list[Sequence[float]] = []
    infos: list[CallInfo] = []
    usage = Usage()
    for batch in batches:
        vectors += batch.vectors
        infos += batch.infos
        usage += batch.usage
        model = batch.model
    return EmbeddingResponse(vectors, model, usage, tuple(infos))


def _checked(request: EmbeddingRequest) -> Iterator[str]:
    texts = request.inputs
    if isinstance(texts, Sequence):  # then nothing is sent before all of them were looked at
        for index, text in enumerate(texts):
            check_text(text, index, request.model)
        yield from texts
        return
    for index, text in enumerate(texts):
        check_text(text, index, request.model)
        yield text


def _is_about_inputs(error: APIStatusError) -> bool:
    if error.code == _TOO_LARGE or error.status_code == 413:
        return True
    return error.status_code == 422 and any("input" in place for place in _places(error.body))


def _places(body: object) -> Iterator[Sequence[object]]:
    """Find what the details of a refusal are about: pydantic's `loc`, however deep it lies."""
    match body:
        case {"loc": [*place]}:
            yield place
        case Mapping():
            for value in body.values():
                yield from _places(value)
        case list():
            for item in body:
                yield from _places(item)
        case _:
            pass


def _may_be_about_blanks(error: APIStatusError, texts: Sequence[str]) -> bool:
    """Many servers refuse a text without content, and some do not say which."""
    return error.status_code == 400 and not all(map(str.strip, texts))


def _runs_by_turns() -> bool:
    """Whether only one thread runs Python code at a time: not so in a free-threaded build."""
    ask = getattr(sys, "_is_gil_enabled", None)
    return ask is None or bool(ask())
