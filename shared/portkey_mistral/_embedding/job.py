"""Embeds any number of texts: cuts them into requests within both of Mistral's limits, sends a few at a
time, takes apart what is refused, and puts the vectors back into the order of the texts.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral._calls import prepare_call
from portkey_mistral._checks import check_request
from portkey_mistral._engine.batching import batches, halves
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.drive import adrive, drive
from portkey_mistral._wire.decode import decode_embeddings
from portkey_mistral.exceptions import APIError, APIStatusError, InvalidRequestError
from portkey_mistral.models import find
from portkey_mistral.requests import CallOptions, EmbeddingDtype, EmbeddingRequest
from portkey_mistral.responses import CallInfo, EmbeddingResponse, Usage
from portkey_mistral.resume import ResumeStore
from portkey_mistral.settings import ConnectionSettings
from portkey_mistral.tokens import estimate_tokens, exact_counter

__all__ = ["aembed", "embed"]

# One core parses about as much as eight requests in flight bring; more only waits.
_IN_FLIGHT = 8
_LONGEST_TEXT = 8192
_TOO_LARGE = "3210"


@dataclass(slots=True)
class _Job:
    """A request on its way. `open` holds the positions of the texts that still have to be embedded."""

    settings: ConnectionSettings
    request: EmbeddingRequest
    options: CallOptions | None
    open: Sequence[int]
    store: ResumeStore | None
    vectors: dict[int, Sequence[float]] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    infos: list[CallInfo] = field(default_factory=list)
    model: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def texts(self, span: range) -> list[str]:
        return [self.request.inputs[self.open[at]] for at in span]

    def call(self, span: range) -> Call[EmbeddingResponse]:
        dtype = self.request.output_dtype or "float"
        packed = self.request.encoding_format == "base64"
        return prepare_call(
            self.settings,
            dataclasses.replace(self.request, inputs=self.texts(span)),
            self.options,
            operation="embed",
            read=lambda body: _read(body, expected=len(span), dtype=dtype, packed=packed),
        )

    def finished(self, span: range, response: EmbeddingResponse) -> None:
        with self._lock:
            self.vectors |= {self.open[at]: v for at, v in zip(span, response.vectors, strict=True)}
            self.usage += response.usage
            self.infos += response.infos
            self.model = response.model
        if self.store is not None:
            self.store.keep(dict(zip(self.texts(span), response.vectors, strict=True)))

    def response(self) -> EmbeddingResponse:
        return EmbeddingResponse(
            [self.vectors[index] for index in range(len(self.request.inputs))],
            self.model or self.request.model,
            self.usage,
            tuple(self.infos),
        )


def embed(
    settings: ConnectionSettings, request: EmbeddingRequest, options: CallOptions | None
) -> EmbeddingResponse:
    """Embed all texts; several requests run side by side in threads."""
    job = _begin(settings, request, options)
    spans = _spans(job)
    try:
        if len(spans) == 1:
            _fill(job, spans[0])
        elif spans:
            _fill_side_by_side(job, spans)
    except APIError as error:
        error.completed = dict(job.vectors)
        raise
    return job.response()


async def aembed(
    settings: ConnectionSettings, request: EmbeddingRequest, options: CallOptions | None
) -> EmbeddingResponse:
    """Embed all texts; several requests run side by side on the loop."""
    job = _begin(settings, request, options)
    spans = _spans(job)
    gate = asyncio.Semaphore(_in_flight(job, spans))
    failed = asyncio.Event()

    async def fill(span: range) -> None:
        async with gate:
            if not failed.is_set():
                await _afill(job, span)

    tasks = [asyncio.create_task(fill(span)) for span in spans]
    try:
        await asyncio.gather(*tasks)
    except APIError as error:
        # Requests that are on their way are paid for: nothing new is sent, but their vectors are kept.
        failed.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        error.completed = dict(job.vectors)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return job.response()


def _begin(
    settings: ConnectionSettings, request: EmbeddingRequest, options: CallOptions | None
) -> _Job:
    check_request(request)
    _refuse_long_texts(request)
    everything = range(len(request.inputs))
    if settings.embed_resume is None or not everything:
        return _Job(settings, request, options, everything, None)
    store = ResumeStore(settings.embed_resume, request, place=settings.place)
    found = store.found(request.inputs)
    missing = [index for index in everything if index not in found]
    return _Job(settings, request, options, missing, store, found)


def _fill_side_by_side(job: _Job, spans: Sequence[range]) -> None:
    with ThreadPoolExecutor(_in_flight(job, spans), "portkey-mistral-embed") as pool:
        running = [pool.submit(_fill, job, span) for span in spans]
        _, waiting = wait(running, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
    for future in running:
        if not future.cancelled():
            future.result()


def _fill(job: _Job, span: range) -> None:
    try:
        job.finished(span, drive(job.call(span)))
    except APIStatusError as error:
        for half in _apart(job, span, error):
            _fill(job, half)


async def _afill(job: _Job, span: range) -> None:
    try:
        job.finished(span, await adrive(job.call(span)))
    except APIStatusError as error:
        for half in _apart(job, span, error):
            await _afill(job, half)


def _apart(job: _Job, span: range, error: APIStatusError) -> tuple[range, ...]:
    """Return the parts to try instead of a refused span; raise where taking apart cannot help."""
    if not _is_about_inputs(error):
        raise error
    if len(span) > 1:
        return halves(span)
    error.index = job.open[span.start]
    (text,) = job.texts(span)
    error.add_note(
        f"refused because of the text at index {error.index}, which begins {text[:60]!r}"
    )
    raise error


def _is_about_inputs(error: APIStatusError) -> bool:
    if error.code == _TOO_LARGE or error.status_code == 413:
        return True
    return error.status_code == 422 and "'input'" in repr(error.body)


def _spans(job: _Job) -> Sequence[range]:
    return batches([estimate_tokens(job.request.inputs[index]) for index in job.open])


def _refuse_long_texts(request: EmbeddingRequest) -> None:
    """Find a text beyond the model's window, where its own tokenizer can count it."""
    # No token is shorter than a byte, so only these can be too long; all others need no counting.
    suspects = [i for i, text in enumerate(request.inputs) if len(text.encode()) > _LONGEST_TEXT]
    model = find(request.model) if suspects else None
    count = exact_counter(request.model) if model is not None else None
    if count is None or model is None:
        return
    limit = model.context_window or _LONGEST_TEXT
    for index in suspects:
        if (tokens := count(request.inputs[index])) > limit:
            raise InvalidRequestError(
                f"inputs[{index}] has {tokens} tokens, but {request.model} takes at most {limit} a text. "
                "Split the text into smaller chunks."
            )


def _in_flight(job: _Job, spans: Sequence[range]) -> int:
    return max(1, min(_IN_FLIGHT, job.settings.max_concurrency or _IN_FLIGHT, len(spans)))


def _read(body: Any, *, expected: int, dtype: EmbeddingDtype, packed: bool) -> EmbeddingResponse:
    vectors, model, usage = decode_embeddings(body, expected=expected, dtype=dtype, packed=packed)
    return EmbeddingResponse(vectors, model, usage)
