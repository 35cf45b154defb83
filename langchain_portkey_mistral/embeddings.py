"""`PortkeyMistralEmbeddings`, the embedding model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from langchain_core.embeddings import Embeddings
from pydantic import AliasChoices, BaseModel, Field

from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral import BatchJob
from portkey_mistral.client import ConnectedSettings
from portkey_mistral.requests import EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch
from portkey_mistral.settings.connection import MODEL_CONFIG, BodyExtras
from portkey_mistral.settings.embedding import EmbeddingSettings

__all__ = ["PortkeyMistralEmbeddings"]


class PortkeyMistralEmbeddings(ConnectedSettings, EmbeddingSettings, BaseModel, Embeddings):
    """Mistral embedding models: directly, through a Portkey gateway, or on the offline sandbox.

    Setup:
        Install the package with its extra, and set a key:

        ```bash
        pip install "portkey-mistral[langchain]"
        export MISTRAL_API_KEY="your-key"
        ```

    Key init args (completion params):
        model: Model id or alias, "mistral-embed" by default.
        output_dimension, output_dtype: Dimension and number type of the vectors, for "codestral-embed".

    Key init args (client params):
        api_key, base_url, portkey_api_key, portkey_config, timeout, max_retries, ...: As for `ChatPortkeyMistral`.
        embed_resume: Path of a file with finished vectors, so that a job that stopped can be resumed.

    Instantiate:
        ```python
        from langchain_portkey_mistral import PortkeyMistralEmbeddings

        embeddings = PortkeyMistralEmbeddings(model="mistral-embed")
        ```

    Embed single text:
        ```python
        vector = embeddings.embed_query("What completes code?")
        assert len(vector) == 1024
        ```

    Embed multiple texts:
        ```python
        vectors = embeddings.embed_documents(["Codestral completes code.", "Voxtral hears."])
        assert len(vectors) == 2
        ```

        Any number of texts: they are sent in batches within Mistral's limits, and the vectors are returned in
        order.

    Async:
        ```python
        import asyncio

        vector = asyncio.run(embeddings.aembed_query("What completes code?"))
        ```

    Raises:
        ConfigurationError: at construction, for an argument that is invalid, unknown or out of place.
        ModelError: from a call; see `ChatPortkeyMistral`.
    """

    model_config = MODEL_CONFIG

    model: str = Field(
        default="mistral-embed", validation_alias=AliasChoices("model", "model_name")
    )
    """Model id or alias."""
    model_kwargs: BodyExtras = Field(
        default_factory=dict, validation_alias=AliasChoices("model_kwargs", "extra_body")
    )
    """Parameters to add to the request body that have no field here."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each text, in order. No call is made for an empty list."""
        with langchain_errors():
            request = self._request(texts)
            response = self.client.embed(request, show_progress=self.show_progress, as_lists=True)
            return _floats(response.vectors)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each text, in order. No call is made for an empty list."""
        with langchain_errors():
            request = self._request(texts)
            response = await self.client.aembed(
                request, show_progress=self.show_progress, as_lists=True
            )
            return _floats(response.vectors)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text."""
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a text."""
        return (await self.aembed_documents([text]))[0]

    def embed_iter(self, texts: Iterable[str]) -> Iterator[EmbeddingBatch]:
        """Embed texts while reading them, so that a corpus of any size fits in memory.

        Yields the batches in the order of the texts. `batch.vectors` are as the server sent them (packed, with
        `encoding_format="base64"`), and `batch.to_numpy()` returns them as one array.
        """
        with langchain_errors():
            yield from self.client.embed_iter(
                self._request(texts), show_progress=self.show_progress
            )

    async def aembed_iter(self, texts: Iterable[str]) -> AsyncIterator[EmbeddingBatch]:
        """Embed texts while reading them; see `embed_iter`."""
        with langchain_errors():
            request = self._request(texts)
            batches = self.client.aembed_iter(request, show_progress=self.show_progress)
            try:
                async for batch in batches:
                    yield batch
            finally:
                with suppress(
                    RuntimeError
                ):  # asyncio may be closing it already, at the end of the loop
                    await batches.aclose()

    def embed_job(
        self,
        texts: Iterable[str],
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
    ) -> BatchJob:
        """Embed any number of texts as a batch: within hours instead of seconds, at half the price.

        `BatchJob.vectors` yields the vectors in the order of the texts. With a `name` the call is repeatable, and
        `client.resume_batch(job.id)` finds the job in another process; see `portkey_mistral.Client.batch`.
        """
        with langchain_errors():
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
        with langchain_errors():
            return await self.client.aembed_job(
                self._request(texts), name=name, metadata=metadata, timeout_hours=timeout_hours
            )

    def _request(self, texts: Iterable[str]) -> EmbeddingRequest:
        return self.embedding_request(self.model, texts, self.model_kwargs)


def _floats(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Convert vectors to lists of floats, whatever their `output_dtype`: vector stores rely on them."""
    lists = (vector if isinstance(vector, list) else list(vector) for vector in vectors)
    return [
        vector if isinstance(vector[0], float) else [float(number) for number in vector]
        for vector in lists
    ]
