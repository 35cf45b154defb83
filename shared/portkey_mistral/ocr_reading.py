"""Reads many documents by OCR, side by side, for the document loaders of both adapters."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ValidationError

from portkey_mistral._json import drop_none
from portkey_mistral.exceptions import PortkeyMistralError, ResponseFormatError

if TYPE_CHECKING:
    from portkey_mistral.client import Client
    from portkey_mistral.document_sources import DocumentSource
    from portkey_mistral.messages import DocumentPart, ImagePart
    from portkey_mistral.ocr import OCRImage, OCRPage, OCRResponse
    from portkey_mistral.requests import OCRRequest
    from portkey_mistral.settings.ocr import AnnotationSchema, OCRSettings

__all__ = ["DocumentText", "OCRReading"]

_logger = logging.getLogger(__name__)
_IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A page of a document, or the whole of it: Markdown, and metadata of JSON values.

    `id` is a UUID, the same whenever the same source is read.
    """

    id: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


class OCRReading:
    """Reads documents as the settings say. `max_concurrency` of the client, 4 by default, are in flight at once.

    The client retries each of them, and keeps to its rates. `on_response` is called with every response, from several
    threads. Results come in the order of the sources, and what is not in
    flight is not in memory.
    """

    def __init__(
        self,
        client: Client,
        settings: OCRSettings,
        request: Callable[[DocumentPart | ImagePart], OCRRequest],
        *,
        on_response: Callable[[OCRResponse], None] | None = None,
    ) -> None:
        self._client, self._settings, self._request = client, settings, request
        self._on_response = on_response or (lambda _: None)
        self._in_flight = client.settings.max_concurrency or _IN_FLIGHT

    def read(self, sources: Iterable[DocumentSource]) -> Generator[DocumentText]:
        """Yield the texts of all documents."""
        pool = ThreadPoolExecutor(self._in_flight, "portkey-mistral-ocr")
        running: deque[tuple[DocumentSource, Future[list[DocumentText]]]] = deque()
        try:
            for source in sources:
                # Tracing libraries keep the current span in the caller's context.
                future = pool.submit(copy_context().run, self._read_one, source)
                running.append((source, future))
                if len(running) >= self._in_flight:
                    yield from self._result_of(*running.popleft())
            while running:
                yield from self._result_of(*running.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    async def aread(self, sources: Iterable[DocumentSource]) -> AsyncGenerator[DocumentText]:
        """The async version of `read`. Files are read in threads."""
        running: deque[tuple[DocumentSource, asyncio.Task[list[DocumentText]]]] = deque()
        try:
            for source in sources:
                running.append((source, asyncio.create_task(self._aread_one(source))))
                if len(running) >= self._in_flight:
                    await asyncio.wait([running[0][1]])
                    for text in self._result_of(*running.popleft()):
                        yield text
            while running:
                await asyncio.wait([running[0][1]])
                for text in self._result_of(*running.popleft()):
                    yield text
        finally:
            for _, task in running:
                task.cancel()
            await asyncio.gather(*(task for _, task in running), return_exceptions=True)

    def _read_one(self, source: DocumentSource) -> list[DocumentText]:
        response = self._client.ocr(self._request(source.read()))
        return self._texts_of(source, response)

    async def _aread_one(self, source: DocumentSource) -> list[DocumentText]:
        request = self._request(await asyncio.to_thread(source.read))
        return self._texts_of(source, await self._client.aocr(request))

    def _texts_of(self, source: DocumentSource, response: OCRResponse) -> list[DocumentText]:
        self._on_response(response)
        return list(self._texts(source, response))

    def _result_of(
        self,
        source: DocumentSource,
        result: Future[list[DocumentText]] | asyncio.Task[list[DocumentText]],
    ) -> list[DocumentText]:
        on_error = self._settings.on_error
        try:
            return result.result()
        except PortkeyMistralError as error:
            if on_error == "raise":
                error.add_note(f"The document is {source.name!r}.")
                raise
            if on_error == "skip":
                _logger.warning("The document %r is left out: %s", source.name, error)
            else:
                on_error(source.name, error)
            return []

    def _texts(self, source: DocumentSource, response: OCRResponse) -> Iterator[DocumentText]:
        settings = self._settings
        annotation = _checked(response.annotation, settings.document_annotation)
        common = drop_none(source=source.name, document_annotation=annotation)
        if not settings.split_pages:
            images = [image for page in response.pages for image in page.images]
            metadata = {**common, "total_pages": len(response.pages), **self._images(images)}
            yield DocumentText(_id_of(source.key), response.text, metadata)
            return
        for page in response.pages:
            metadata = {**common, **_place(page), **self._images(page.images)}
            yield DocumentText(_id_of(f"{source.key}#page={page.index + 1}"), page.text, metadata)

    def _images(self, images: Iterable[OCRImage]) -> dict[str, Any]:
        settings = self._settings
        if not settings.include_images and settings.bbox_annotation is None:
            return {}
        found = [
            drop_none(
                id=image.id,
                box=None if image.box is None else list(image.box),
                data_url=image.data_url,
                annotation=_checked(image.annotation, settings.bbox_annotation),
            )
            for image in images
        ]
        return {"images": found} if found else {}


def _id_of(key: str) -> str:
    """Return a UUID made of a key: some vector stores (Qdrant) accept no other ids."""
    return str(uuid5(NAMESPACE_URL, key))


def _place(page: OCRPage) -> dict[str, Any]:
    """Return the metadata of a page. As in other loaders of PDF, `page` counts from 0 and `page_label` from 1."""
    return drop_none(
        page=page.index, page_label=str(page.index + 1), header=page.header, footer=page.footer
    )


def _checked(
    annotation: Mapping[str, Any] | None, schema: AnnotationSchema
) -> Mapping[str, Any] | None:
    """Return an annotation as JSON values; one of a pydantic class is validated by it."""
    if annotation is None or schema is None or isinstance(schema, dict):
        return annotation
    try:
        validated: BaseModel = schema.model_validate(annotation)
    except ValidationError as error:
        raise ResponseFormatError(
            f"The annotation does not match {schema.__name__}: {error.error_count()} of its fields are invalid.",
            body=dict(annotation),
        ) from None
    return validated.model_dump(mode="json")
