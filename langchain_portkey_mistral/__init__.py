"""Mistral models in LangChain: directly, through a Portkey gateway, or on the offline sandbox."""

from typing import TYPE_CHECKING

try:
    import langchain_core as _langchain_core
except ImportError as error:
    raise ImportError(
        "langchain_portkey_mistral needs LangChain: pip install 'portkey-mistral[langchain]'"
    ) from error

from langchain_portkey_mistral import _block_translator as _block_translator
from portkey_mistral.adapter_support import on_demand as _on_demand

if TYPE_CHECKING:
    from langchain_portkey_mistral.batch_jobs import (
        ChatBatchJob,
        abatch_job,
        aresume_batch_job,
        batch_job,
        resume_batch_job,
    )
    from langchain_portkey_mistral.callbacks import CostCallbackHandler, get_cost_callback
    from langchain_portkey_mistral.chat_models import ChatPortkeyMistral
    from langchain_portkey_mistral.document_loaders import PortkeyMistralOCRLoader
    from langchain_portkey_mistral.embeddings import PortkeyMistralEmbeddings
    from langchain_portkey_mistral.factory import init_chat_model
    from langchain_portkey_mistral.llms import PortkeyMistralFIM
    from langchain_portkey_mistral.moderation import PortkeyMistralModeration
    from langchain_portkey_mistral.output_parsers import TruncatedAnswerError
    from portkey_mistral import __version__
else:
    __getattr__, __dir__ = _on_demand(
        __name__,
        {
            "ChatBatchJob": "langchain_portkey_mistral.batch_jobs",
            "abatch_job": "langchain_portkey_mistral.batch_jobs",
            "aresume_batch_job": "langchain_portkey_mistral.batch_jobs",
            "batch_job": "langchain_portkey_mistral.batch_jobs",
            "resume_batch_job": "langchain_portkey_mistral.batch_jobs",
            "ChatPortkeyMistral": "langchain_portkey_mistral.chat_models",
            "CostCallbackHandler": "langchain_portkey_mistral.callbacks",
            "PortkeyMistralEmbeddings": "langchain_portkey_mistral.embeddings",
            "PortkeyMistralFIM": "langchain_portkey_mistral.llms",
            "PortkeyMistralOCRLoader": "langchain_portkey_mistral.document_loaders",
            "TruncatedAnswerError": "langchain_portkey_mistral.output_parsers",
            "PortkeyMistralModeration": "langchain_portkey_mistral.moderation",
            "__version__": "portkey_mistral",
            "get_cost_callback": "langchain_portkey_mistral.callbacks",
            "init_chat_model": "langchain_portkey_mistral.factory",
        },
    )

__all__ = [
    "ChatBatchJob",
    "ChatPortkeyMistral",
    "CostCallbackHandler",
    "PortkeyMistralEmbeddings",
    "PortkeyMistralFIM",
    "PortkeyMistralModeration",
    "PortkeyMistralOCRLoader",
    "TruncatedAnswerError",
    "__version__",
    "abatch_job",
    "aresume_batch_job",
    "batch_job",
    "get_cost_callback",
    "init_chat_model",
    "resume_batch_job",
]

_block_translator.register()
del _block_translator, _langchain_core
