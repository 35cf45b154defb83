"""Reads the results of jobs: stores their lines in a file, and decodes them in the order of the requests."""

from __future__ import annotations

import tempfile
import threading
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import IO, Any, TypeAlias, cast

from portkey_mistral._api import path_of
from portkey_mistral._batch.custom_ids import CustomID
from portkey_mistral._batch.tally import Tally
from portkey_mistral._json import dumps, loads
from portkey_mistral._providers import MISTRAL
from portkey_mistral._redaction import scrub, scrub_json
from portkey_mistral._wire.embeddings import decode_embeddings
from portkey_mistral._wire.errors import in_band_error, status_error
from portkey_mistral._wire.finish_reasons import failed_completion
from portkey_mistral._wire.json_members import string
from portkey_mistral._wire.malformed import MalformedResponse, json_object
from portkey_mistral._wire.ocr import decode_ocr
from portkey_mistral._wire.repeated_prefix import without_prefix
from portkey_mistral._wire.responses import (
    decode_chat,
    decode_classification,
    decode_moderation,
    decode_usage,
)
from portkey_mistral.batch import BatchResponse, BatchResult
from portkey_mistral.cost import Billing, cost_of
from portkey_mistral.exceptions import PortkeyMistralError, ResponseFormatError
from portkey_mistral.ocr import OCRResponse
from portkey_mistral.prices import NOT_BILLED, Cost
from portkey_mistral.requests import EmbeddingDtype
from portkey_mistral.responses import (
    CallInfo,
    ChatResponse,
    ClassificationResponse,
    ConnectionMode,
    EmbeddingResponse,
    ModerationResponse,
    Usage,
)

__all__ = ["ResultFile"]

_NONE = -1
_EMBEDDINGS, _OCR = path_of("embed", {}), path_of("ocr", {})
_Decoded: TypeAlias = ChatResponse | ModerationResponse | ClassificationResponse | OCRResponse
# By the last part of the endpoint's path; conversations have endpoints of their own, which end alike.
_DECODERS: Mapping[str, Callable[[object], _Decoded]] = {
    _OCR: decode_ocr,
    path_of("moderate", {}): decode_moderation,
    path_of("classify", {}): decode_classification,
}
_MAX_SHOWN = 300


class ResultFile:
    """The lines of results in a temporary file, by the index of their requests. The file is deleted with the object.

    `total` is the number of requests: lines with a greater index are skipped. Reading is thread-safe.
    """

    def __init__(
        self, total: int, *, mode: ConnectionMode, host: str | None, secrets: frozenset[str]
    ) -> None:
        self._total = total
        self._mode: ConnectionMode = mode
        self._host, self._secrets = host, secrets
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the object
        self._starts = array("q")
        self._sizes = array("q")
        self._endpoints: dict[str, int] = {}
        self._endpoint_of = array("b")
        self._reading = threading.Lock()  # a file has one position

    def __del__(self) -> None:
        self._file.close()

    @property
    def file(self) -> IO[bytes]:
        """The file, at its end, for results to be written to."""
        self._file.seek(0, 2)
        return self._file

    def add_outputs(self, outputs: Iterable[Any], endpoint: str, tally: Tally) -> int:
        """Add results that are part of a job's response, also to `tally`, and return their number."""
        start = self.file.tell()
        for output in outputs:
            self._file.write(dumps(output) + b"\n")
        return self.index_from(start, endpoint, tally)

    def index_from(self, start: int, endpoint: str, tally: Tally) -> int:
        """Index the lines from `start` on, add them to `tally`, and return their number.

        Lines whose id is not ours are skipped; the job may have been created by another program.
        """
        number = self._endpoints.setdefault(endpoint, len(self._endpoints))
        self._file.seek(start)
        count, at = 0, start
        for line in self._file:
            parsed = _parsed(line)
            found = CustomID.parse(parsed.get("custom_id"))
            if found is not None and found.index < self._total:
                self._note(found.index, at, len(line), number)
                tally.add(*self._billed(parsed, endpoint))
                count += 1
            at += len(line)
        return count

    def read(self, index: int) -> BatchResult | None:
        """Return the result of a request; None if there is none."""
        if index >= len(self._starts) or self._starts[index] == _NONE:
            return None
        with self._reading:
            self._file.seek(self._starts[index])
            line = self._file.read(self._sizes[index])
        endpoint = list(self._endpoints)[self._endpoint_of[index]]
        try:
            return self._decode(index, loads(line), endpoint)
        except Exception as fault:  # noqa: BLE001  whatever a server sends, a caller gets one of our errors
            return BatchResult(index, error=self._malformed(fault, line))

    def _note(self, index: int, at: int, size: int, endpoint: int) -> None:
        missing = index + 1 - len(self._starts)
        if missing > 0:
            self._starts.extend([_NONE] * missing)
            self._sizes.extend([0] * missing)
            self._endpoint_of.extend([0] * missing)
        self._starts[index], self._sizes[index], self._endpoint_of[index] = at, size, endpoint

    def _decode(self, index: int, line: Any, endpoint: str) -> BatchResult:
        custom_id = CustomID.parse(line["custom_id"]) or CustomID(index)
        response = line.get("response")
        if not isinstance(response, Mapping):
            return BatchResult(index, error=self._error(500, line.get("error")))
        status, body = _status(response), response.get("body")
        if status >= 400:
            return BatchResult(index, error=self._error(status, body))
        fault = in_band_error(body, secrets=self._secrets) or failed_completion(
            body, secrets=self._secrets
        )
        if fault is not None:
            _, cost = self._billed(line, endpoint)
            return BatchResult(index, error=self._error(fault.status, fault.body, cost))
        return BatchResult(index, response=self._response(body, custom_id, endpoint))

    def _response(self, body: Any, custom_id: CustomID, endpoint: str) -> BatchResponse:
        if endpoint.endswith(_EMBEDDINGS):
            vectors, model, usage = decode_embeddings(
                body,
                expected=custom_id.inputs or len(json_object(body, "the response")["data"]),
                dtype=cast("EmbeddingDtype", custom_id.dtype or "float"),
                packed=True,
            )
            return EmbeddingResponse(vectors, model, usage, (self._info(model, usage),))
        decoded = _DECODERS.get(f"/{endpoint.rpartition('/')[2]}", decode_chat)(body)
        decoded = replace(decoded, info=self._info(decoded.model, decoded.usage))
        if not isinstance(decoded, ChatResponse):
            return decoded
        prefix = custom_id.repeated_prefix(decoded.text)
        return without_prefix(decoded, prefix) if prefix else decoded

    def _info(self, model: str, usage: Usage | None) -> CallInfo:
        return CallInfo(mode=self._mode, provider=MISTRAL, cost=self._cost(model, usage))

    def _cost(self, model: str | None, usage: Usage | None) -> Cost | None:
        billing = Billing(MISTRAL, model, self._host)
        return None if usage is None else cost_of(usage, billing, batch=True)

    def _billed(self, line: Mapping[str, Any], endpoint: str) -> tuple[Usage | None, Cost | None]:
        """Return what the result on a line used and cost; see `attempt_cost.with_cost`."""
        response = line.get("response")
        if not isinstance(response, Mapping) or _status(response) >= 400:
            return None, NOT_BILLED
        body = response.get("body")
        if not isinstance(body, Mapping):
            return None, None
        usage = _usage(body, endpoint)
        if usage is None and in_band_error(body) is not None:
            return None, NOT_BILLED
        return usage, self._cost(string(body, "model"), usage)

    def _error(self, status: int, body: Any, cost: Cost | None = NOT_BILLED) -> PortkeyMistralError:
        content = scrub_json({} if body is None else body, self._secrets)
        error = status_error(status, {}, content, gateway=None, secrets=self._secrets)
        error.cost = cost
        return error

    def _malformed(self, fault: Exception, line: bytes) -> ResponseFormatError:
        reason = str(fault) if isinstance(fault, MalformedResponse) else type(fault).__name__
        # Redacted before it is shortened, or a part of a key at the cut would be left.
        excerpt = scrub(line.decode("utf-8", "replace"), self._secrets)[:_MAX_SHOWN]
        return ResponseFormatError(
            f"The result could not be decoded: {scrub(reason, self._secrets)}. It begins with {excerpt!r}.",
            body=excerpt,
        )


def _status(response: Mapping[str, Any]) -> int:
    status = response.get("status_code", 200)
    return status if isinstance(status, int) else 200


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        parsed = loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _usage(body: Mapping[str, Any], endpoint: str) -> Usage | None:
    if not endpoint.endswith(_OCR):
        return decode_usage(body.get("usage"), service_tier=body.get("service_tier"))
    try:
        return decode_ocr(body).usage
    except Exception:  # noqa: BLE001  reading the result raises it as an error of this one
        return None
