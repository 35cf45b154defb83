"""What runs in the worker processes of a Ray cluster. Workers import this module by its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from llama_index.core.schema import BaseNode
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from llamaindex_portkey_mistral import PortkeyMistralEmbedding

__all__ = ["EmbedPickled", "MortalEmbedding", "TracedEmbedding"]


class MortalEmbedding(PortkeyMistralEmbedding):
    """Kills its own process, once in all, when it has embedded the text `last_words`."""

    last_words: str
    grave: str

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        done = super().__call__(nodes, **kwargs)
        if any(self.last_words in node.get_content() for node in nodes) and self._first():
            os._exit(1)
        return done

    def _first(self) -> bool:
        try:
            Path(self.grave).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class TracedEmbedding(PortkeyMistralEmbedding):
    """Sets up OpenTelemetry in its process, and writes the spans into a file in `spans`."""

    spans: str

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        _trace_into(self.spans)
        return super().__call__(nodes, **kwargs)


@cache
def _trace_into(folder: str) -> None:
    out = (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8")
    exporter = ConsoleSpanExporter(out=out, formatter=lambda span: f"{span.to_json(indent=None)}\n")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


class EmbedPickled:
    """Takes a finished embedding object, as `Dataset.map_batches` takes any pickled argument."""

    def __init__(self, embedding: PortkeyMistralEmbedding) -> None:
        self._embedding = embedding

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["vector"] = self._embedding.get_text_embedding_batch(list(batch["text"]))
        return batch
