"""`PortkeyMistralBatchEmbedding`: embeds the nodes of a pipeline by a batch job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode, TransformComponent
from pydantic import Field

from llamaindex_portkey_mistral.embeddings import PortkeyMistralEmbedding
from portkey_mistral import BatchJob
from portkey_mistral.batch import ShowBatchProgress

__all__ = ["PortkeyMistralBatchEmbedding"]


class PortkeyMistralBatchEmbedding(TransformComponent):
    """Embeds the nodes of an `IngestionPipeline` by a batch job: within hours instead of seconds, at half the price.

    Takes the place of the embedding model among the transformations, and gives the same vectors. The pipeline waits for
    the job. With a `name` a pipeline that was interrupted finds the job of the same nodes again.

    Examples:
        >>> from llama_index.core import Document
        >>> from llama_index.core.ingestion import IngestionPipeline
        >>> from llama_index.core.node_parser import SentenceSplitter
        >>> from llamaindex_portkey_mistral import (
        ...     PortkeyMistralBatchEmbedding,
        ...     PortkeyMistralEmbedding,
        ... )
        >>> embedding = PortkeyMistralEmbedding(base_url="sandbox:")
        >>> batch = PortkeyMistralBatchEmbedding(embed_model=embedding, poll=0.01)
        >>> nodes = IngestionPipeline(transformations=[SentenceSplitter(), batch]).run(
        ...     documents=[Document(text="Bonjour")]
        ... )
        >>> len(nodes[0].embedding)
        1024
    """

    embed_model: PortkeyMistralEmbedding
    """Model whose vectors are made."""
    name: str | None = None
    """Name of the job, by which it is found again."""
    timeout_hours: int = 24
    """Hours after which Mistral gives up, 1 to 168."""
    poll: float = Field(default=1.0, gt=0)
    """Seconds until the second look at the job."""
    show_progress: ShowBatchProgress = False
    """True for a bar, or a function that receives a `BatchProgress`."""

    @classmethod
    def class_name(cls) -> str:
        return "PortkeyMistralBatchEmbedding"

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:
        """Set the vectors of the nodes, and return them."""
        if nodes:
            job = self._start(nodes)
            job.wait_until_done(poll=self.poll, show_progress=self.show_progress)
            _set_vectors(nodes, job)
        return nodes

    async def acall(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:
        """The async version of calling it."""
        if nodes:
            job = await asyncio.to_thread(self._start, nodes)
            await job.await_until_done(poll=self.poll, show_progress=self.show_progress)
            await asyncio.to_thread(_set_vectors, nodes, job)
        return nodes

    def _start(self, nodes: Sequence[BaseNode]) -> BatchJob:
        texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
        return self.embed_model.embed_job(texts, name=self.name, timeout_hours=self.timeout_hours)


def _set_vectors(nodes: Sequence[BaseNode], job: BatchJob) -> None:
    # Only once all are there: a node without a vector among others would be lost in a store.
    vectors = list(job.vectors())
    for node, vector in zip(nodes, vectors, strict=True):
        node.embedding = vector
