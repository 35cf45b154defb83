"""`PortkeyMistralEmbedding`: Mistral's embedding models in LlamaIndex."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from pydantic import AliasChoices, Field

from llamaindex_portkey_mistral.guarding import guarded
from llamaindex_portkey_mistral.rebuilding import Rebuildable
from llamaindex_portkey_mistral.vector_cache import SpacedStore
from portkey_mistral import ConnectionSettings
from portkey_mistral.embeddings import EmbeddingSettings
from portkey_mistral.requests import EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch, EmbeddingResponse
from portkey_mistral.settings import MODEL_CONFIG, BodyExtras

__all__ = ["PortkeyMistralEmbedding"]

_MOST_TEXTS = 2048
_DECISIVE = ("model_name", "output_dimension", "output_dtype", "additional_kwargs")


@guarded(("get_text_embedding_batch",))
class PortkeyMistralEmbedding(ConnectionSettings, EmbeddingSettings, Rebuildable, BaseEmbedding):
    """A Mistral embedding model, reached directly, through a Portkey gateway, or in the sandbox.

    Takes the connection fields of `ConnectionSettings` and those that every LlamaIndex embedding has. Texts
    are sent in requests that keep to both of Mistral's limits (inputs and tokens), several at a time, and
    come back in their order, each checked for length and finite numbers.

    `embed_batch_size` is how many texts core hands over at once; core works such batches off one after
    another and loses finished ones when a later one fails, so it is as high as core allows.

    Two stores avoid paying twice for a text. `embeddings_cache` is core's: any of its key-value stores, which
    embeddings of several models, dimensions and places may share. `embed_resume` names an SQLite file that
    is written request by request, so a job that stopped within a batch goes on where it was.

    Raises:
        ConfigurationError: on construction, for arguments that are unknown or contradict each other.
        ResponseFormatError: on a call, for vectors that are not what was asked for.
        APIError: on a call, for everything else that went wrong on the way or at the server.

    Example:
        >>> from llamaindex_portkey_mistral import PortkeyMistralEmbedding
        >>> embedding = PortkeyMistralEmbedding(base_url="sandbox:")
        >>> len(embedding.get_text_embedding("Bonjour"))
        1024
    """

    model_config = MODEL_CONFIG

    model_name: str = Field(
        default="mistral-embed",
        validation_alias=AliasChoices("model_name", "model"),
        description="Id or alias of the model. Unknown ids are sent as they are.",
    )
    embed_batch_size: int = Field(
        default=_MOST_TEXTS, gt=0, le=_MOST_TEXTS, description="Texts that core hands over at once."
    )
    num_workers: int | None = Field(
        default=4, description="Most batches that core's async methods have in work at once."
    )
    embeddings_cache: Any | None = Field(
        default=None,
        exclude=True,
        description="A key-value store of core's that keeps vectors; several models may share one.",
    )
    additional_kwargs: BodyExtras = Field(
        default_factory=dict,
        description="Fields of an embedding request that this version does not know, sent as they are.",
    )

    @classmethod
    def class_name(cls) -> str:
        return "PortkeyMistralEmbedding"

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            # Core reads its cache in eight methods, each time by the bare text.
            found = super().__getattribute__(name)
            if name == "embeddings_cache" and found is not None:
                return SpacedStore(found, self._space())
            return found

    def _space(self) -> str:
        """Name what decides a vector besides its text; a query gets the same one as a document."""
        decisive = (self.place, *(getattr(self, name) for name in _DECISIVE))
        return " ".join(map(repr, decisive))

    def to_payload(self) -> dict[str, Any]:
        """What events and callbacks may know: the model and the way, never a key."""
        return {
            "class_name": self.class_name(),
            "model_name": self.model_name,
            "embed_batch_size": self.embed_batch_size,
            "output_dimension": self.output_dimension,
            "output_dtype": self.output_dtype,
            "way": self.way,
            "endpoint": self.gateway_url or self.base_url,
            "provider": self.provider,
        }

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embeddings([query])[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aget_text_embeddings([query]))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        request, progress = self._request(texts), self.show_progress
        return _lists(self.client.embed(request, show_progress=progress, as_lists=True))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        request, progress = self._request(texts), self.show_progress
        return _lists(await self.client.aembed(request, show_progress=progress, as_lists=True))

    def embed_iter(self, texts: Iterable[str]) -> Iterator[EmbeddingBatch]:
        """Embed texts as they are read, a million of them in little memory; batches come in their order.

        `batch.vectors` are as the server sent them (`encoding_format="base64"` keeps them packed), and
        `batch.to_numpy()` gives them as one array. Goes past core's cache and events.
        """
        return self.client.embed_iter(self._request(texts), show_progress=self.show_progress)

    def aembed_iter(self, texts: Iterable[str]) -> AsyncIterator[EmbeddingBatch]:
        """Embed texts as they are read; see `embed_iter`."""
        return self.client.aembed_iter(self._request(texts), show_progress=self.show_progress)

    def _request(self, texts: Iterable[str]) -> EmbeddingRequest:
        return self.embedding_request(self.model_name, texts, self.additional_kwargs)


def _lists(answer: EmbeddingResponse) -> list[Embedding]:
    return [vector if isinstance(vector, list) else list(vector) for vector in answer.vectors]
