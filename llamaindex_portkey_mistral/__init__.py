"""Mistral models in LlamaIndex: straight, through a Portkey gateway, or in the built-in sandbox."""

from importlib.metadata import version
from importlib.util import find_spec

if find_spec("llama_index") is None or find_spec("llama_index.core") is None:
    raise ImportError(
        "llamaindex_portkey_mistral needs LlamaIndex: pip install 'portkey-mistral[llamaindex]'"
    )

from llamaindex_portkey_mistral.embeddings import PortkeyMistralEmbedding
from llamaindex_portkey_mistral.llm import PortkeyMistral
from llamaindex_portkey_mistral.structured import (
    RefusedOutputError,
    StructuredOutputError,
    TruncatedOutputError,
)

__all__ = [
    "PortkeyMistral",
    "PortkeyMistralEmbedding",
    "RefusedOutputError",
    "StructuredOutputError",
    "TruncatedOutputError",
    "__version__",
]

__version__ = version("portkey-mistral")
