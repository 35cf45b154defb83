"""Mistral models in LangChain: through a Portkey gateway, straight to Mistral, or on the sandbox."""

from typing import TYPE_CHECKING

try:
    import langchain_core as _langchain_core
except ImportError as error:
    raise ImportError(
        "langchain_portkey_mistral needs LangChain: pip install 'portkey-mistral[langchain]'"
    ) from error

from langchain_portkey_mistral import block_translator as _block_translator
from portkey_mistral.lazy import on_demand as _on_demand

if TYPE_CHECKING:
    from langchain_portkey_mistral._version import __version__
    from langchain_portkey_mistral.chat_models import ChatPortkeyMistral
    from langchain_portkey_mistral.embeddings import PortkeyMistralEmbeddings
    from langchain_portkey_mistral.factory import init_chat_model
    from langchain_portkey_mistral.fim import PortkeyMistralFIM
    from langchain_portkey_mistral.parsers import TruncatedAnswerError
else:
    __getattr__, __dir__ = _on_demand(
        __name__,
        {
            "ChatPortkeyMistral": "langchain_portkey_mistral.chat_models",
            "PortkeyMistralEmbeddings": "langchain_portkey_mistral.embeddings",
            "PortkeyMistralFIM": "langchain_portkey_mistral.fim",
            "TruncatedAnswerError": "langchain_portkey_mistral.parsers",
            "__version__": "langchain_portkey_mistral._version",
            "init_chat_model": "langchain_portkey_mistral.factory",
        },
    )

__all__ = [
    "ChatPortkeyMistral",
    "PortkeyMistralEmbeddings",
    "PortkeyMistralFIM",
    "TruncatedAnswerError",
    "__version__",
    "init_chat_model",
]

_block_translator.register()
del _block_translator, _langchain_core
