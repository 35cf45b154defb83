"""The model fields that both embedding classes inherit: what vectors to make, and how they travel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, Field

from portkey_mistral.progress import ShowProgress
from portkey_mistral.requests import EmbeddingDtype, EmbeddingRequest

__all__ = ["EmbeddingSettings"]


class EmbeddingSettings(BaseModel):
    """Model fields shared by `PortkeyMistralEmbeddings` and `PortkeyMistralEmbedding`.

    The name of the model and what Mistral adds next are called differently by the frameworks.
    """

    output_dimension: int | None = Field(
        default=None,
        gt=0,
        validation_alias=AliasChoices("output_dimension", "dimensions"),
        description="Length of the vectors; codestral-embed takes up to 3072.",
    )
    output_dtype: EmbeddingDtype | None = Field(
        default=None,
        description="Kind of the numbers; codestral-embed has int8, uint8 and packed bits.",
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        default=None,
        description='How vectors travel. "base64" is a third of the bytes, and quicker, where the server takes '
        "part; what comes back is the same.",
    )
    show_progress: ShowProgress = Field(
        default=False,
        exclude=True,
        validation_alias=AliasChoices("show_progress", "show_progress_bar"),
        description="True shows a bar with rate, time left and cost (needs tqdm); a function is called with an "
        "`EmbeddingProgress` after every answer.",
    )
    request_metadata: dict[str, Any] | None = Field(
        default=None, description="Mistral's `metadata`; the plain name belongs to the frameworks."
    )

    def embedding_request(
        self, model: str, texts: Iterable[str], extra: Mapping[str, Any]
    ) -> EmbeddingRequest:
        """Ask for the vectors of texts. `extra` is sent as it is, beside the fields."""
        return EmbeddingRequest(
            model=model,
            inputs=texts,
            output_dimension=self.output_dimension,
            output_dtype=self.output_dtype,
            encoding_format=self.encoding_format,
            metadata=self.request_metadata,
            extra=extra,
        )
