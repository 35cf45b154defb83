"""`PortkeyMistralEmbedding`: Mistral's embedding models as a LlamaIndex embedding."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from pydantic import AliasChoices, Field

from llamaindex_portkey_mistral._arguments import with_positional_model
from llamaindex_portkey_mistral._pickling import PicklableMixin
from llamaindex_portkey_mistral._positions import caller_list, positions_in_caller_list
from llamaindex_portkey_mistral._redaction import redacts_arguments
from llamaindex_portkey_mistral._vector_cache import NamespacedKVStore
from portkey_mistral import BatchJob, ConnectedSettings
from portkey_mistral.adapter_support import keep_signature
from portkey_mistral.requests import EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch, EmbeddingResponse
from portkey_mistral.settings.connection import MODEL_CONFIG, BodyExtras
from portkey_mistral.settings.embedding import EmbeddingSettings

__all__ = ["PortkeyMistralEmbedding"]

_MAX_BATCH_SIZE = 2048  # core's own limit
# The fields that determine a vector, besides the text and the endpoint.
_VECTOR_FIELDS = ("model_name", "output_dimension", "output_dtype", "additional_kwargs")


@redacts_arguments(("get_text_embedding_batch",))
class PortkeyMistralEmbedding(ConnectedSettings, EmbeddingSettings, PicklableMixin, BaseEmbedding):
    """A Mistral embedding model, reached directly, through a Portkey gateway, or in the sandbox.

    Takes the connection fields of `ConnectionSettings` and the fields of every LlamaIndex embedding. Texts are
    sent concurrently in requests within both of Mistral's limits (inputs and tokens). Vectors are returned in
    the order of the texts, and checked for their dimension and for finite numbers.

    `embed_batch_size` is the number of texts that core passes on at once. Core runs such batches one after
    another and discards finished ones if a later one fails, so the default is core's maximum.

    Two stores avoid paying twice for a text. `embeddings_cache` is core's: any of its key-value stores, which
    embeddings with other models, dimensions or endpoints may share. `embed_resume` names an SQLite file that
    is written after every request, so that a job that failed within a batch resumes there.

    Raises:
        ConfigurationError: on construction, if an argument is unknown or arguments contradict each other.
        ResponseFormatError: on a call, if the vectors do not match the request.
        APIError: on a call that failed otherwise, in transit or at the server.

    Examples:
        >>> from llamaindex_portkey_mistral import PortkeyMistralEmbedding
        >>> embedding = PortkeyMistralEmbedding(base_url="sandbox:")
        >>> len(embedding.get_text_embedding("Bonjour"))
        1024
    """

    model_config = MODEL_CONFIG

    model_name: str = Field(
        default="mistral-embed", validation_alias=AliasChoices("model_name", "model")
    )
    """Id or alias of the model. Unlisted ids are sent unchanged."""
    embed_batch_size: int = Field(default=_MAX_BATCH_SIZE, gt=0, le=_MAX_BATCH_SIZE)
    """Number of texts that core passes on at once."""
    num_workers: int | None = 4
    """Maximum number of batches that core's async methods run at once."""
    embeddings_cache: Any | None = Field(default=None, exclude=True)
    """One of core's key-value stores, as a cache; several models may share one."""
    additional_kwargs: BodyExtras = Field(
        default_factory=dict, validation_alias=AliasChoices("additional_kwargs", "extra_body")
    )
    """Body fields that this version does not know, sent with every request."""

    @classmethod
    def class_name(cls) -> str:
        return "PortkeyMistralEmbedding"

    if not TYPE_CHECKING:  # type checkers use the signature that pydantic derives from the fields

        def __init__(self, model_name: str | None = None, /, **fields: Any) -> None:
            super().__init__(**with_positional_model(model_name, "model_name", fields))

        def __getattribute__(self, name: str) -> Any:
            # Core uses the cache in eight methods, always with the bare text as the key.
            value = super().__getattribute__(name)
            if name == "embeddings_cache" and value is not None:
                return NamespacedKVStore(value, self._cache_namespace())
            return value

    def _cache_namespace(self) -> str:
        """Identify everything that determines a vector besides its text. Queries and documents are embedded alike."""
        return " ".join(repr(getattr(self, name)) for name in ("endpoint_id", *_VECTOR_FIELDS))

    def to_payload(self) -> dict[str, Any]:
        """The fields that events and callbacks record about this object: model, mode and endpoint, never a key."""
        return {
            "class_name": self.class_name(),
            "model_name": self.model_name,
            "embed_batch_size": self.embed_batch_size,
            "output_dimension": self.output_dimension,
            "output_dtype": self.output_dtype,
            "mode": self.mode,
            "endpoint": self.gateway_url or self.base_url,
            "provider": self.provider,
        }

    @keep_signature
    def get_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[Embedding]:
        """Embed texts. Errors name a text by its position in `texts`, whatever parts core makes of them."""
        with caller_list(texts):
            return super().get_text_embedding_batch(texts, show_progress, **kwargs)

    @keep_signature
    async def aget_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[Embedding]:
        """Embed texts; see `get_text_embedding_batch`."""
        with caller_list(texts):
            return await super().aget_text_embedding_batch(texts, show_progress, **kwargs)

    @keep_signature
    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embeddings([query])[0]

    @keep_signature
    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aget_text_embeddings([query]))[0]

    @keep_signature
    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        response = self.client.embed(
            self._request(texts),
            show_progress=self.show_progress,
            as_lists=True,
            positions=positions_in_caller_list(texts),
        )
        return _vectors(response)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        response = await self.client.aembed(
            self._request(texts),
            show_progress=self.show_progress,
            as_lists=True,
            positions=positions_in_caller_list(texts),
        )
        return _vectors(response)

    def embed_iter(self, texts: Iterable[str]) -> Iterator[EmbeddingBatch]:
        """Embed an iterable of any length in constant memory; yields batches in the order of the texts.

        `batch.vectors` are as received (packed with `encoding_format="base64"`), `batch.to_numpy()` returns
        them as one array. Does not use `embeddings_cache` and emits no events.
        """
        return self.client.embed_iter(self._request(texts), show_progress=self.show_progress)

    def aembed_iter(self, texts: Iterable[str]) -> AsyncIterator[EmbeddingBatch]:
        """Embed an iterable of any length; see `embed_iter`."""
        return self.client.aembed_iter(self._request(texts), show_progress=self.show_progress)

    def embed_job(
        self,
        texts: Iterable[str],
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
    ) -> BatchJob:
        """Embed any number of texts as a batch: within hours instead of seconds, at half the price.

        `BatchJob.vectors` yields the vectors in the order of the texts. `PortkeyMistralBatchEmbedding` does it for the
        nodes of a pipeline; see `portkey_mistral.Client.batch` for the arguments.
        """
        return self.client.embed_job(
            self._request(texts), name=name, metadata=metadata, timeout_hours=timeout_hours
        )

    async def aembed_job(
        self,
        texts: Iterable[str],
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
    ) -> BatchJob:
        """The async version of `embed_job`."""
        return await self.client.aembed_job(
            self._request(texts), name=name, metadata=metadata, timeout_hours=timeout_hours
        )

    def _request(self, texts: Iterable[str]) -> EmbeddingRequest:
        return self.embedding_request(self.model_name, texts, self.additional_kwargs)


def _vectors(response: EmbeddingResponse) -> list[Embedding]:
    return [vector if isinstance(vector, list) else list(vector) for vector in response.vectors]
