"""The embedding parameters that both embedding classes inherit as fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import AliasChoices, Field

from portkey_mistral.requests import EmbeddingDtype, EmbeddingRequest
from portkey_mistral.responses import ShowProgress
from portkey_mistral.settings.field_docstrings import DocumentedFields

__all__ = ["EmbeddingSettings"]


class EmbeddingSettings(DocumentedFields):
    """Model fields shared by `PortkeyMistralEmbeddings` and `PortkeyMistralEmbedding`.

    The frameworks use different names for the model field and for additional Mistral parameters.
    """

    output_dimension: int | None = Field(
        default=None, gt=0, validation_alias=AliasChoices("output_dimension", "dimensions")
    )
    """Number of dimensions; up to 3072 for codestral-embed."""
    output_dtype: EmbeddingDtype | None = None
    """Type of the numbers; codestral-embed supports int8, uint8 and packed bits."""
    encoding_format: Literal["float", "base64"] | None = None
    """Encoding of the vectors in the response. "base64" is a third of the size and faster to decode, if the server
    supports it; the vectors are the same.
    """
    show_progress: ShowProgress = Field(
        default=False,
        exclude=True,
        validation_alias=AliasChoices("show_progress", "show_progress_bar"),
    )
    """True shows a bar with rate, time left and cost (needs tqdm); a function is called with an `EmbeddingProgress`
    after every response.
    """
    request_metadata: dict[str, Any] | None = None
    """Mistral's `metadata` parameter. (The frameworks use the name `metadata` for their own.)"""

    def embedding_request(
        self, model: str, texts: Iterable[str], extra: Mapping[str, Any]
    ) -> EmbeddingRequest:
        """Return the request for these texts. `extra` are further members of the body."""
        return EmbeddingRequest(
            model=model,
            inputs=texts,
            output_dimension=self.output_dimension,
            output_dtype=self.output_dtype,
            encoding_format=self.encoding_format,
            metadata=self.request_metadata,
            extra=extra,
        )
