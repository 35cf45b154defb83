"""What LangChain's cache, traces and middleware learn about an object."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.block_translators import get_translator

from langchain_portkey_mistral import ChatPortkeyMistral, __version__
from langchain_portkey_mistral.profiles import profile_of
from portkey_mistral.models import all_models
from scripted import answer, network

OTHER: dict[str, dict[str, Any]] = {
    "model": {"model": "mistral-large-latest"},
    "temperature": {"temperature": 0.1},
    "stop": {"stop": ["x"]},
    "reasoning_effort": {"reasoning_effort": "high"},
    "model_kwargs": {"model_kwargs": {"new": 1}},
    "base_url": {"base_url": "https://other.test"},
    "config": {"portkey_config": {"override_params": {"model": "mistral-large-latest"}}},
    "metadata": {"portkey_metadata": {"user": "ada"}},
    "headers": {"default_headers": {"x-route": "b"}},
}


@pytest.mark.parametrize("name", OTHER)
def test_two_objects_that_answer_differently_share_no_cache_entry(name: str) -> None:
    cache = InMemoryCache()
    wire = network(answer("A"), answer("B"))
    fields = {"api_key": "k", "base_url": "https://mistral.test", "cache": cache, **wire.clients}
    first = ChatPortkeyMistral(**fields)
    second = ChatPortkeyMistral(**(fields | OTHER[name]))
    assert (first.invoke("go").text, second.invoke("go").text) == ("A", "B")
    assert (first.invoke("go").text, second.invoke("go").text) == ("A", "B")


@pytest.mark.parametrize(
    "said", [{"temperature": 0.1}, {"stop": ["x"]}, {"portkey_config": {"retry": {"attempts": 1}}}]
)
def test_what_is_said_for_a_call_is_part_of_the_cache_key(said: dict[str, Any]) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    assert chat._get_llm_string(**said) != chat._get_llm_string()


def test_the_provider_is_one_name_everywhere() -> None:
    wire = network(answer("A"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    provider = chat.invoke("go").response_metadata["model_provider"]
    assert chat._get_ls_params()["ls_provider"] == provider == "portkey-mistral"
    assert get_translator(provider) is not None


def test_traced_parameters_follow_the_call() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:", model="a", temperature=1, max_tokens=5, stop="x")
    assert chat._get_ls_params() == {
        "ls_provider": "portkey-mistral",
        "ls_model_type": "chat",
        "ls_model_name": "a",
        "ls_temperature": 1,
        "ls_max_tokens": 5,
        "ls_stop": ["x"],
    }
    said = chat._get_ls_params(stop=["y"], model="b", temperature=0.5, max_tokens=6)
    assert (said["ls_model_name"], said["ls_temperature"]) == ("b", 0.5)
    assert (said["ls_max_tokens"], said["ls_stop"]) == (6, ["y"])


def test_the_version_is_recorded() -> None:
    metadata = ChatPortkeyMistral(base_url="sandbox:").metadata
    assert metadata is not None
    assert metadata["lc_versions"]["portkey-mistral"] == __version__


def test_every_model_of_the_catalog_has_a_profile_that_langchain_knows() -> None:
    for model in all_models():
        chat = ChatPortkeyMistral(model=model.id, base_url="sandbox:")
        if model.capabilities:
            assert chat.profile == profile_of(model.id)
            assert chat.profile is not None
            assert chat.profile.get("max_input_tokens") == model.context_window
            assert chat.profile["structured_output"] is ("json" in model.capabilities)
            weights = {"open": True, "premier": False}.get(model.family)
            assert chat.profile.get("open_weights") is weights
        else:
            assert chat.profile is None


def test_a_profile_answers_to_every_name_and_unknown_models_have_none() -> None:
    assert profile_of("mistral-small-latest") == profile_of("@slug/mistral-small-2603")
    assert profile_of("a-model-of-tomorrow") is None


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 0, 1), ("Hello, world!", 2, 8), ("Grüße 你好 " * 100, 200, 1200)],
)
def test_tokens_are_counted_offline(text: str, least: int, most: int) -> None:
    assert least <= ChatPortkeyMistral(base_url="sandbox:").get_num_tokens(text) <= most


def test_tokens_of_a_conversation_count_tools_and_images() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")

    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    question = HumanMessage("How is the weather in Paris?")
    image = HumanMessage([{"type": "image", "url": "https://example.org/a.png"}])
    call = AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Paris"}, "id": "1"}])
    plain = chat.get_num_tokens_from_messages([question])
    assert plain > chat.get_num_tokens(question.text)
    assert chat.get_num_tokens_from_messages([question], tools=[weather]) > plain
    assert chat.get_num_tokens_from_messages([question, call]) > plain
    assert chat.get_num_tokens_from_messages([question, image]) >= plain + 3025


def test_a_tokenizer_of_the_users_own_is_used() -> None:
    chat = ChatPortkeyMistral(
        base_url="sandbox:", custom_get_token_ids=lambda text: [0] * len(text)
    )
    assert chat.get_num_tokens("abc") == 3
    assert chat.get_token_ids("abc") == [0, 0, 0]
    assert chat.get_num_tokens_from_messages([HumanMessage("abc")]) == 3 + 4


def test_token_ids_are_mistrals_own() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    assert len(chat.get_token_ids("Hello, world!")) == chat.get_num_tokens("Hello, world!")
