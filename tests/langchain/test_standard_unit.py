"""LangChain's standard unit suites, whole."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings

ENVIRONMENT = (
    {
        "MISTRAL_API_KEY": "mk",
        "PORTKEY_API_KEY": "pk",
        "PORTKEY_GATEWAY_URL": "https://gateway.test/v1",
        "PORTKEY_CONFIG": "pc-one",
    },
    {},
    {"api_key": "mk", "portkey_api_key": "pk", "gateway_url": "https://gateway.test/v1"},
)


class TestChatUnit(ChatModelUnitTests):
    """Chat, without a network."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatPortkeyMistral

    @property
    def chat_model_params(self) -> dict[str, object]:
        return {"model": "mistral-medium-latest"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        return ENVIRONMENT


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    """Embeddings, without a network."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return PortkeyMistralEmbeddings

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        return ENVIRONMENT
