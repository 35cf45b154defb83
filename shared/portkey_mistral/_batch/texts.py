"""Splits any number of texts into requests of a batch, within Mistral's limits for one request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from portkey_mistral._call.validate import check_request, check_text
from portkey_mistral._embedding.batching import batches
from portkey_mistral.requests import EmbeddingRequest
from portkey_mistral.tokens import estimate_tokens

__all__ = ["split_texts"]


def split_texts(request: EmbeddingRequest) -> Iterator[EmbeddingRequest]:
    """Yield requests for consecutive texts, which are read as the requests are.

    Raises:
        InvalidRequestError: a text cannot be embedded; its position is in `index`.
    """
    check_request(request, "embed")
    for batch in batches(_checked(request), estimate_tokens):
        yield replace(request, inputs=batch)


def _checked(request: EmbeddingRequest) -> Iterator[str]:
    for index, text in enumerate(request.inputs):
        check_text(text, index, request.model)
        yield text
