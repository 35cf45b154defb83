"""Mistral models in LlamaIndex: straight, through a Portkey gateway, or in the built-in sandbox."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if find_spec("llama_index") is None or find_spec("llama_index.core") is None:
    raise ImportError(
        "llamaindex_portkey_mistral needs LlamaIndex: pip install 'portkey-mistral[llamaindex]'"
    )

from portkey_mistral.lazy import on_demand as _on_demand

if TYPE_CHECKING:
    from llamaindex_portkey_mistral.embeddings import PortkeyMistralEmbedding
    from llamaindex_portkey_mistral.llm import PortkeyMistral
    from llamaindex_portkey_mistral.structured import (
        RefusedOutputError,
        StructuredOutputError,
        TruncatedOutputError,
    )
    from portkey_mistral import __version__
else:
    __getattr__, __dir__ = _on_demand(
        __name__,
        {
            "PortkeyMistral": "llamaindex_portkey_mistral.llm",
            "PortkeyMistralEmbedding": "llamaindex_portkey_mistral.embeddings",
            "RefusedOutputError": "llamaindex_portkey_mistral.structured",
            "StructuredOutputError": "llamaindex_portkey_mistral.structured",
            "TruncatedOutputError": "llamaindex_portkey_mistral.structured",
            "__version__": "portkey_mistral",
        },
    )

__all__ = [
    "PortkeyMistral",
    "PortkeyMistralEmbedding",
    "RefusedOutputError",
    "StructuredOutputError",
    "TruncatedOutputError",
    "__version__",
]
