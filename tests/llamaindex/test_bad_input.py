"""Mistakes of users: the error says what is wrong, nothing is sent, and no key is shown."""

from __future__ import annotations

import warnings

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from llama_index.core.prompts import PromptTemplate

from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import ModelRetiredWarning
from portkey_mistral.exceptions import (
    AuthenticationError,
    CapabilityError,
    ConfigurationError,
    InvalidRequestError,
)

SECRET = "sk-secret-1234567890"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"api_kye": SECRET}, "unknown argument 'api_kye'; did you mean 'api_key'"),
        ({"api_key": {"k": SECRET}}, "api_key"),
        ({"base_url": f"https://{SECRET}@api.mistral.ai"}, "must not contain a user name or key"),
        (
            {"portkey_config": {"strategy": {"mode": "fallbak"}, "targets": [{"api_key": SECRET}]}},
            "fallback",
        ),
        ({"portkey_config": {"targets": [{"api_kye": SECRET}]}}, r"targets\[0\].*api_key"),
        ({"gateway_url": "http://localhost:1", "base_url": "sandbox:"}, "gateway cannot reach it"),
        ({"virtual_key": "v", "api_key": SECRET}, "portkey_api_key"),
        ({"timeout": SECRET}, "timeout"),
    ],
)
def test_a_wrong_argument_is_explained_without_its_value(fields, expected):
    for cls in (PortkeyMistral, PortkeyMistralEmbedding):
        with pytest.raises(ConfigurationError, match=expected) as error:
            cls(**fields)
        texts = f"{error.value}{error.value!r}{error.value.__cause__}{error.value.__context__}"
        assert SECRET not in texts


def test_without_a_key_the_first_call_says_what_to_set():
    with pytest.raises(ConfigurationError, match=r"MISTRAL_API_KEY.*PORTKEY_API_KEY.*sandbox:"):
        PortkeyMistral().complete("Hi")
    with pytest.raises(ConfigurationError, match=r"MISTRAL_API_KEY"):
        PortkeyMistralEmbedding().get_text_embedding("Hi")


def test_a_wrong_key_is_an_error(make_llm, mistral_sandbox):
    mistral_sandbox.fail(401)
    with pytest.raises(AuthenticationError, match="key"):
        make_llm().complete("Hi")


def test_a_retired_model_warns_once_and_names_its_successor(llm):
    with pytest.warns(ModelRetiredWarning, match="open-mistral-7b was retired.*instead"):
        _try_retired(llm)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _try_retired(llm)


def _try_retired(llm) -> None:
    try:
        llm.complete("Hi", model="open-mistral-7b")
    except InvalidRequestError:
        raise
    except Exception:  # noqa: BLE001 - the server's refusal is not this test's subject
        return


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], "at least one message"),
        ([1], "got int"),
        (None, "takes a list of ChatMessage, got NoneType"),
        (ChatMessage(role="user", content="Hi"), "takes a list of ChatMessage, got ChatMessage"),
        (iter([ChatMessage(role="user", content="Hi")]), "takes a list of ChatMessage, got list_"),
    ],
)
async def test_messages_are_checked_before_sending(llm, mistral_sandbox, ask, messages, expected):
    for method in ("chat", "stream_chat", "achat", "astream_chat"):
        with pytest.raises(InvalidRequestError, match=expected):
            await ask(llm, method, messages)
    assert mistral_sandbox.requests == []


def test_text_instead_of_messages_points_to_complete(llm):
    with pytest.raises(InvalidRequestError, match=r"Use complete\(\)"):
        llm.chat("Hi")


@pytest.mark.parametrize("method", ["complete", "astream_complete", "fill_in_middle"])
async def test_a_prompt_must_be_a_string(make_llm, mistral_sandbox, ask, method):
    with pytest.raises(InvalidRequestError, match="prompt must be a string, got int"):
        await ask(make_llm(model="codestral-latest"), method, 3)
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("method", ["chat_with_tools", "astream_chat_with_tools"])
async def test_a_bare_function_as_a_tool_is_an_error(llm, mistral_sandbox, ask, method):
    with pytest.raises(InvalidRequestError, match=r"got builtin_fun.*FunctionTool\.from_defaults"):
        await ask(llm, method, [print], user_msg="Hi")
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("method", ["structured_predict", "astream_structured_predict"])
@pytest.mark.parametrize(
    ("output_cls", "prompt", "expected"),
    [
        (
            dict,
            PromptTemplate("Hi"),
            "takes a subclass of pydantic's BaseModel, got <class 'dict'>",
        ),
        (
            {"type": "object"},
            PromptTemplate("Hi"),
            "takes a subclass of pydantic's BaseModel, got dict",
        ),
        (ChatMessage, "Hi", r"takes a prompt template, got str\. Use PromptTemplate"),
    ],
)
async def test_structured_predict_takes_a_class_and_a_template(
    llm, mistral_sandbox, ask, method, output_cls, prompt, expected
):
    with pytest.raises(InvalidRequestError, match=expected):
        await ask(llm, method, output_cls, prompt=prompt)
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("name", ["headers", "extra_headers", "additional_kwargs"])
def test_mappings_must_be_mappings(llm, mistral_sandbox, name):
    with pytest.raises(InvalidRequestError, match=f"{name} must be a mapping.*, got str"):
        llm.complete("Hi", **{name: "x"})
    assert mistral_sandbox.requests == []


def test_a_misspelt_argument_of_a_call_gets_a_suggestion(llm, mistral_sandbox):
    with pytest.raises(InvalidRequestError, match="did you mean 'temperature'"):
        llm.complete("Hi", temprature=0)
    assert mistral_sandbox.requests == []


def test_an_image_for_a_model_without_vision_is_an_error(make_llm, mistral_sandbox):
    picture = ChatMessage(role="user", blocks=[ImageBlock(url="https://e.org/a.png")])
    with pytest.raises(CapabilityError, match=r"cannot read images.*Models that can"):
        make_llm(model="codestral-latest").chat([picture])
    assert mistral_sandbox.requests == []


def test_tools_are_a_list() -> None:
    llm = PortkeyMistral(base_url="sandbox:")
    with pytest.raises(InvalidRequestError, match="tools must be a list of tools, got int"):
        llm.chat_with_tools(5, user_msg="?")
    with pytest.raises(InvalidRequestError, match=r"tools\[0\] is None"):
        llm.chat_with_tools([None], user_msg="?")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"stop": 5}, "stop must be a list, got int"),
        ({"additional_kwargs": {"a": object()}}, "cannot be written as JSON: a: "),
    ],
)
def test_values_of_a_call_that_cannot_be_sent_are_named(arguments, text) -> None:
    llm = PortkeyMistral(base_url="sandbox:")
    for call in (llm.complete, lambda prompt, **given: list(llm.stream_complete(prompt, **given))):
        with pytest.raises(InvalidRequestError, match=text):
            call("Hello!", **arguments)
