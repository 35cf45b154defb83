"""Who is measured: ours, their peers and the frameworks' floors, each made for a base URL as its users make it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

__all__ = [
    "BARE_LANGCHAIN_FLOOR",
    "CHAT_LITELLM",
    "CHAT_MISTRAL_AI",
    "CHAT_OPENAI",
    "CHAT_PORTKEY_MISTRAL",
    "CLIENT",
    "CORE",
    "EMBEDDINGS",
    "HTTPX",
    "LANGCHAIN",
    "LANGCHAIN_FLOOR",
    "LLAMAINDEX",
    "LLAMAINDEX_FLOOR",
    "MISTRAL_AI",
    "MISTRAL_AI_EMBEDDINGS",
    "MODEL",
    "PACKED_EMBEDDINGS",
    "PORTKEY_MISTRAL",
    "Contender",
]

MODEL = "mistral-small-latest"


@dataclass(frozen=True)
class Contender:
    """`make(url)` gives the object to measure; `module` must be installed for that.

    A floor is a model of the framework that makes its answers up: what the framework itself costs. A bare one sends a
    fixed request and reads the answer's text: what HTTP costs besides.
    """

    name: str
    module: str
    make: Callable[[str], Any]
    kind: Literal["ours", "peer", "floor"] = "peer"

    @property
    def installed(self) -> bool:
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:  # the package that it would be in is not there
            return False


def client(url: str) -> Any:
    from portkey_mistral import Client

    return Client(api_key="k", base_url=url)


def chat_portkey_mistral(url: str) -> Any:
    from langchain_portkey_mistral import ChatPortkeyMistral

    return ChatPortkeyMistral(api_key="k", base_url=url, model=MODEL)


def portkey_mistral(url: str) -> Any:
    from llamaindex_portkey_mistral import PortkeyMistral

    return PortkeyMistral(api_key="k", base_url=url, model=MODEL)


def embeddings(url: str) -> Any:
    from langchain_portkey_mistral import PortkeyMistralEmbeddings

    return PortkeyMistralEmbeddings(api_key="k", base_url=url)


def packed_embeddings(url: str) -> Any:
    from langchain_portkey_mistral import PortkeyMistralEmbeddings

    return PortkeyMistralEmbeddings(api_key="k", base_url=url, encoding_format="base64")


def httpx_client(url: str) -> Any:
    import httpx

    return httpx.Client(base_url=url, headers={"authorization": "Bearer k"})


def mistral_sdk(url: str) -> Any:
    from mistralai.client import Mistral

    return Mistral(api_key="k", server_url=url.removesuffix("/v1"))


def openai_sdk(url: str) -> Any:
    from openai import OpenAI

    return OpenAI(api_key="k", base_url=url)


def chat_mistral_ai(url: str) -> Any:
    from langchain_mistralai import ChatMistralAI

    model = ChatMistralAI(api_key="k", base_url=url, model=MODEL)
    if authorities := os.environ.get("SSL_CERT_FILE"):  # it trusts certifi's alone
        import httpx

        trusting = ssl.create_default_context(cafile=authorities)
        model.client = httpx.Client(base_url=url, headers=model.client.headers, verify=trusting)
    return model


def chat_openai(url: str) -> Any:
    """As Portkey's documentation makes it: OpenAI's client with Portkey's headers."""
    from langchain_openai import ChatOpenAI

    headers = {"x-portkey-api-key": "k", "x-portkey-provider": "mistral-ai"}
    return ChatOpenAI(api_key="k", base_url=url, model=MODEL, default_headers=headers)


def chat_litellm(url: str) -> Any:
    from langchain_litellm import ChatLiteLLM

    return ChatLiteLLM(model=f"mistral/{MODEL}", api_key="k", api_base=url)


def mistral_ai(url: str) -> Any:
    from llama_index.llms.mistralai import MistralAI

    return MistralAI(api_key="k", endpoint=url.removesuffix("/v1"), model=MODEL)


def openai_like(url: str) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(
        api_key="k", api_base=url, model=MODEL, is_chat_model=True, is_function_calling_model=True
    )


def mistral_ai_embeddings(url: str) -> Any:
    from langchain_mistralai import MistralAIEmbeddings
    from tokenizers import Tokenizer, models, pre_tokenizers

    # Its own tokenizer is behind a login. This one counts words, and is quicker than that one.
    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return MistralAIEmbeddings(api_key="k", endpoint=url + "/", tokenizer=words)


def langchain_floor(url: str) -> Any:
    from floors import langchain_floor

    return langchain_floor(url)


def bare_langchain_floor(url: str) -> Any:
    from floors import bare_langchain_floor

    return bare_langchain_floor(url, MODEL)


def llamaindex_floor(url: str) -> Any:
    from floors import llamaindex_floor

    return llamaindex_floor(url)


CLIENT = Contender("Client", "portkey_mistral", client, "ours")
CHAT_PORTKEY_MISTRAL = Contender(
    "ChatPortkeyMistral", "langchain_portkey_mistral", chat_portkey_mistral, "ours"
)
PORTKEY_MISTRAL = Contender("PortkeyMistral", "llamaindex_portkey_mistral", portkey_mistral, "ours")
EMBEDDINGS = Contender("PortkeyMistralEmbeddings", "langchain_portkey_mistral", embeddings, "ours")
PACKED_EMBEDDINGS = Contender(
    "PortkeyMistralEmbeddings, base64", "langchain_portkey_mistral", packed_embeddings, "ours"
)
HTTPX = Contender("httpx", "httpx", httpx_client)
MISTRAL_SDK = Contender("mistralai", "mistralai", mistral_sdk)
OPENAI_SDK = Contender("openai", "openai", openai_sdk)
CHAT_MISTRAL_AI = Contender("ChatMistralAI", "langchain_mistralai", chat_mistral_ai)
CHAT_OPENAI = Contender("ChatOpenAI", "langchain_openai", chat_openai)
CHAT_LITELLM = Contender("ChatLiteLLM", "langchain_litellm", chat_litellm)
MISTRAL_AI = Contender("MistralAI", "llama_index.llms.mistralai", mistral_ai)
OPENAI_LIKE = Contender("OpenAILike", "llama_index.llms.openai_like", openai_like)
MISTRAL_AI_EMBEDDINGS = Contender(
    "MistralAIEmbeddings", "langchain_mistralai", mistral_ai_embeddings
)
LANGCHAIN_FLOOR = Contender("LangChain alone", "langchain_core", langchain_floor, "floor")
BARE_LANGCHAIN_FLOOR = Contender(
    "LangChain and bare urllib3", "langchain_core", bare_langchain_floor, "floor"
)
LLAMAINDEX_FLOOR = Contender("LlamaIndex alone", "llama_index.core", llamaindex_floor, "floor")

LANGCHAIN = (CHAT_PORTKEY_MISTRAL, CHAT_MISTRAL_AI, CHAT_OPENAI, CHAT_LITELLM, LANGCHAIN_FLOOR)
LLAMAINDEX = (PORTKEY_MISTRAL, MISTRAL_AI, OPENAI_LIKE, LLAMAINDEX_FLOOR)
CORE = (CLIENT, HTTPX, MISTRAL_SDK, OPENAI_SDK)
