"""`PortkeyMistralEmbeddings`: LangChain's face of embeddings. Batching and order are the core's work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress

from langchain_core.embeddings import Embeddings
from pydantic import AliasChoices, BaseModel, Field

from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral.embeddings import EmbeddingSettings
from portkey_mistral.requests import EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch
from portkey_mistral.settings import MODEL_CONFIG, BodyExtras, ConnectionSettings

__all__ = ["PortkeyMistralEmbeddings"]


class PortkeyMistralEmbeddings(ConnectionSettings, EmbeddingSettings, BaseModel, Embeddings):
    """Mistral's embeddings, straight from Mistral, through a Portkey gateway, or on the sandbox.

    Setup:
        Install the package with its extra, and set a key:

        ```bash
        pip install "portkey-mistral[langchain]"
        export MISTRAL_API_KEY="your-key"
        ```

    Key init args (completion params):
        model: "mistral-embed" by default, or "codestral-embed".
        output_dimension, output_dtype: Length and type of the vectors, for models that let you choose.

    Key init args (client params):
        api_key, base_url, portkey_api_key, gateway_url, portkey_config, timeout, max_retries,
        max_concurrency: as for `ChatPortkeyMistral`.
        embed_resume: Path of a store that lets a long job go on where it stopped.

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

        Any number of texts: they are sent in batches within Mistral's limits, and come back in order.

    Async:
        ```python
        import asyncio

        vector = asyncio.run(embeddings.aembed_query("What completes code?"))
        ```

    Raises:
        ConfigurationError: at construction, for a field that is wrong, unknown or out of place.
        ModelError: from a call; each error is LangChain's and the core's at once.
    """

    model_config = MODEL_CONFIG

    model: str = Field(
        default="mistral-embed",
        validation_alias=AliasChoices("model", "model_name"),
        description="Id or alias of the model.",
    )
    model_kwargs: BodyExtras = Field(
        default_factory=dict, description="Members of the request's body that have no field here."
    )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text. No texts, no call."""
        with langchain_errors():
            request = self._request(texts)
            progress = self.show_progress
            answer = self.client.embed(request, show_progress=progress, as_lists=True)
            return _floats(answer.vectors)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text. No texts, no call."""
        with langchain_errors():
            request = self._request(texts)
            progress = self.show_progress
            answer = await self.client.aembed(request, show_progress=progress, as_lists=True)
            return _floats(answer.vectors)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return (await self.aembed_documents([text]))[0]

    def embed_iter(self, texts: Iterable[str]) -> Iterator[EmbeddingBatch]:
        """Embed texts as they are read, a million of them in little memory; batches come in their order.

        `batch.vectors` are as the server sent them (`encoding_format="base64"` keeps them packed), and
        `batch.to_numpy()` gives them as one array.
        """
        with langchain_errors():
            yield from self.client.embed_iter(
                self._request(texts), show_progress=self.show_progress
            )

    async def aembed_iter(self, texts: Iterable[str]) -> AsyncIterator[EmbeddingBatch]:
        """Embed texts as they are read; see `embed_iter`."""
        with langchain_errors():
            request = self._request(texts)
            batches = self.client.aembed_iter(request, show_progress=self.show_progress)
            try:
                async for batch in batches:
                    yield batch
            finally:
                with suppress(RuntimeError):  # the end of a loop may be closing it already
                    await batches.aclose()

    def _request(self, texts: Iterable[str]) -> EmbeddingRequest:
        return self.embedding_request(self.model, texts, self.model_kwargs)


def _floats(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Give what LangChain promises its vector stores: lists of floats, whatever type was asked for."""
    lists = (vector if isinstance(vector, list) else list(vector) for vector in vectors)
    return [each if isinstance(each[0], float) else list(map(float, each)) for each in lists]
