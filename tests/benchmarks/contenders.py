"""Who is measured: ours and their peers, each made for a base URL as its users make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

MODEL = "mistral-small-latest"


@dataclass(frozen=True)
class Contender:
    """`make(url)` gives the object to measure; `module` must be installed for that."""

    name: str
    module: str
    make: Callable[[str], Any]

    @property
    def ours(self) -> bool:
        return "portkey_mistral" in self.module

    @property
    def installed(self) -> bool:
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:  # the package that it would be in is not there
            return False

    @property
    def statement(self) -> str:
        return f"from {self.module} import {self.name}"


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


def chat_mistral_ai(url: str) -> Any:
    from langchain_mistralai import ChatMistralAI

    return ChatMistralAI(api_key="k", base_url=url, model=MODEL)


def chat_openai(url: str) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(api_key="k", base_url=url, model=MODEL)


def mistral_ai(url: str) -> Any:
    from llama_index.llms.mistralai import MistralAI

    return MistralAI(api_key="k", endpoint=url.removesuffix("/v1"), model=MODEL)


def mistral_ai_embeddings(url: str) -> Any:
    from langchain_mistralai import MistralAIEmbeddings
    from tokenizers import Tokenizer, models, pre_tokenizers

    # Its own tokenizer is behind a login. This one counts words, and is quicker than that one.
    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return MistralAIEmbeddings(api_key="k", endpoint=url + "/", tokenizer=words)


CLIENT = Contender("Client", "portkey_mistral", client)
CHAT_PORTKEY_MISTRAL = Contender(
    "ChatPortkeyMistral", "langchain_portkey_mistral", chat_portkey_mistral
)
PORTKEY_MISTRAL = Contender("PortkeyMistral", "llamaindex_portkey_mistral", portkey_mistral)
EMBEDDINGS = Contender("PortkeyMistralEmbeddings", "langchain_portkey_mistral", embeddings)
PACKED_EMBEDDINGS = Contender(
    "PortkeyMistralEmbeddings, base64", "langchain_portkey_mistral", packed_embeddings
)
HTTPX = Contender("httpx", "httpx", httpx_client)
CHAT_MISTRAL_AI = Contender("ChatMistralAI", "langchain_mistralai", chat_mistral_ai)
CHAT_OPENAI = Contender("ChatOpenAI", "langchain_openai", chat_openai)
MISTRAL_AI = Contender("MistralAI", "llama_index.llms.mistralai", mistral_ai)
MISTRAL_AI_EMBEDDINGS = Contender(
    "MistralAIEmbeddings", "langchain_mistralai", mistral_ai_embeddings
)
