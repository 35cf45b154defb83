"""Mistral models in LlamaIndex: direct, through a Portkey gateway, or in the built-in sandbox."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if find_spec("llama_index") is None or find_spec("llama_index.core") is None:
    raise ImportError(
        "llamaindex_portkey_mistral needs LlamaIndex: pip install 'portkey-mistral[llamaindex]'"
    )

from portkey_mistral.adapter_support import on_demand as _on_demand

if TYPE_CHECKING:
    from llamaindex_portkey_mistral._structured_output import (
        RefusedOutputError,
        StructuredOutputError,
        TruncatedOutputError,
    )
    from llamaindex_portkey_mistral.batch_embedding import PortkeyMistralBatchEmbedding
    from llamaindex_portkey_mistral.batch_jobs import ChatBatchJob
    from llamaindex_portkey_mistral.callbacks import CostCountingHandler
    from llamaindex_portkey_mistral.embeddings import PortkeyMistralEmbedding
    from llamaindex_portkey_mistral.llm import PortkeyMistral
    from llamaindex_portkey_mistral.moderation import (
        PortkeyMistralModeration,
        PortkeyMistralModerationQueryEngine,
    )
    from llamaindex_portkey_mistral.output_parsers import StrictReActOutputParser
    from llamaindex_portkey_mistral.readers import PortkeyMistralReader
    from portkey_mistral import __version__
else:
    __getattr__, __dir__ = _on_demand(
        __name__,
        {
            "ChatBatchJob": "llamaindex_portkey_mistral.batch_jobs",
            "PortkeyMistralBatchEmbedding": "llamaindex_portkey_mistral.batch_embedding",
            "CostCountingHandler": "llamaindex_portkey_mistral.callbacks",
            "PortkeyMistral": "llamaindex_portkey_mistral.llm",
            "PortkeyMistralEmbedding": "llamaindex_portkey_mistral.embeddings",
            "PortkeyMistralReader": "llamaindex_portkey_mistral.readers",
            "RefusedOutputError": "llamaindex_portkey_mistral._structured_output",
            "StrictReActOutputParser": "llamaindex_portkey_mistral.output_parsers",
            "StructuredOutputError": "llamaindex_portkey_mistral._structured_output",
            "TruncatedOutputError": "llamaindex_portkey_mistral._structured_output",
            "PortkeyMistralModeration": "llamaindex_portkey_mistral.moderation",
            "PortkeyMistralModerationQueryEngine": "llamaindex_portkey_mistral.moderation",
            "__version__": "portkey_mistral",
        },
    )

__all__ = [
    "ChatBatchJob",
    "CostCountingHandler",
    "PortkeyMistral",
    "PortkeyMistralBatchEmbedding",
    "PortkeyMistralEmbedding",
    "PortkeyMistralModeration",
    "PortkeyMistralModerationQueryEngine",
    "PortkeyMistralReader",
    "RefusedOutputError",
    "StrictReActOutputParser",
    "StructuredOutputError",
    "TruncatedOutputError",
    "__version__",
]
