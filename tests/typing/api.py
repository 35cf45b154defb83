"""Pins the types that users see. Read by mypy and pyright, never run.

What must not pass carries the name of the error that each checker gives; an ignore that is not needed is
an error itself, in both. (mypy cannot read a model_config that is a name, so it takes any argument of the
framework classes; pyright does not.)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict, assert_type

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import ConfigurableField
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    CompletionResponse,
    LLMMetadata,
)
from llama_index.core.base.llms.types import (
    ChatResponse as LlamaChatResponse,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import BaseModel, SecretStr

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import (
    AsyncStream,
    Budget,
    CallInfo,
    CallOptions,
    ChatRequest,
    ChatResponse,
    Client,
    Config,
    ConnectionSettings,
    Delta,
    EmbeddingRequest,
    EmbeddingResponse,
    FIMRequest,
    Message,
    RateLimitError,
    Stream,
    StreamInterruptedError,
    Usage,
)
from portkey_mistral.models import ModelInfo, find
from portkey_mistral.sandbox import Sandbox, get


def arguments_of_the_client(path: Path, secret: SecretStr) -> None:
    client = Client(base_url="sandbox:", timeout=1.5, max_retries=0, portkey_config=path)
    assert_type(client.settings, ConnectionSettings)
    Client(ConnectionSettings(api_key="key"))
    Client(api_key="key", portkey_api_key=secret, budget=[Budget(5, per="day"), Budget(100)])
    Client(budget=Budget(5), portkey_metadata={"user": "ada"}, forward_headers=["x-tenant"])
    Client(base_ur="sandbox:")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Client(timeout="1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Client(transport="curl")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def the_client(client: Client, request: ChatRequest, fim: FIMRequest) -> None:
    assert_type(Client.from_settings(ConnectionSettings(base_url="sandbox:")), Client)
    assert_type(client.chat(request), ChatResponse)
    assert_type(client.fim(fim), ChatResponse)
    assert_type(client.stream(request), Stream)
    assert_type(client.feedback("trace", 1, weight=0.5, metadata={"a": 1}), tuple[str, ...])
    with client.stream(fim) as stream:
        for delta in stream:
            assert_type(delta, Delta)
        assert_type(stream.read(), list[Delta])
        assert_type(stream.info, CallInfo)
    embedding = client.embed(EmbeddingRequest(model="mistral-embed", inputs=["a"]))
    assert_type(embedding, EmbeddingResponse)


async def the_client_async(client: Client, request: ChatRequest, fim: FIMRequest) -> None:
    assert_type(await client.achat(request), ChatResponse)
    assert_type(await client.afim(fim), ChatResponse)
    assert_type(client.astream(request), AsyncStream)
    async with client.astream(request) as stream:
        async for delta in stream:
            assert_type(delta, Delta)
        assert_type(await stream.read(), list[Delta])
        assert_type(stream.info, CallInfo)
    embedding = await client.aembed(EmbeddingRequest(model="mistral-embed", inputs=["a"]))
    assert_type(embedding, EmbeddingResponse)


def values(response: ChatResponse) -> None:
    assert_type(response.text, str)
    assert_type(response.message, Message)
    assert_type(response.usage, Usage | None)
    assert_type(Config.parse({"provider": "mistral-ai"}), Config)
    assert_type(find("mistral-small-latest"), ModelInfo | None)
    assert_type(get("east"), Sandbox)
    ChatRequest(model="m")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    ChatRequest("m", [])  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    response.id = "x"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


def errors(limited: RateLimitError, cut: StreamInterruptedError) -> None:
    assert_type(limited.retry_after, float | None)
    assert_type(limited.status_code, int)
    assert_type(cut.partial, Message | None)


def langchain() -> None:
    model = ChatPortkeyMistral(
        model="mistral-small-latest",
        temperature=0,
        max_tokens=10,
        api_key=SecretStr("key"),
        timeout=1.5,
        max_retries=0,
        data_residency="eu",
    )
    as_base: BaseChatModel = model
    assert_type(as_base.invoke("Hello"), AIMessage)
    assert_type(model.invoke("Hello"), AIMessage)
    assert_type(model.stream("Hello"), Iterator[AIMessageChunk])
    assert_type(model.astream("Hello"), AsyncIterator[AIMessageChunk])
    fim: BaseLLM = PortkeyMistralFIM(suffix="return x")
    assert_type(fim.invoke("def f(x):"), str)
    embeddings: Embeddings = PortkeyMistralEmbeddings(output_dimension=256)
    assert_type(embeddings.embed_documents(["a"]), list[list[float]])
    ChatPortkeyMistral(temprature=0)  # pyright: ignore[reportCallIssue]


class City(BaseModel):
    name: str


class Town(TypedDict):
    name: str


def langchain_structured_output(
    model: ChatPortkeyMistral, schema: dict[str, object], raw: bool
) -> None:
    bound = model.bind(temperature=0)
    with_tools = model.bind_tools([]).bind_tools([])
    assert_type(with_tools.invoke("Lyon"), AIMessage)
    for each in (model, bound, with_tools, bound.bind(top_p=1)):
        assert_type(each.with_structured_output(City).invoke("Lyon"), City)
        assert_type(each.with_structured_output(City, method="json_mode").invoke("Lyon"), City)
        with_raw = each.with_structured_output(City, include_raw=True).invoke("Lyon")
        assert_type(with_raw["raw"], AIMessage)
        assert_type(with_raw["parsed"], City | None)
        assert_type(each.with_structured_output(City, tools=[City]).invoke("Lyon"), City | None)
        assert_type(each.with_structured_output(schema).invoke("Lyon"), dict[str, Any])
        assert_type(each.with_structured_output(method="json_mode").invoke(""), dict[str, Any])
        assert_type(each.with_structured_output(Town).invoke("Lyon"), Any)
        assert_type(each.with_structured_output(City, include_raw=raw).invoke("Lyon"), Any)
    configurable = model.configurable_fields(temperature=ConfigurableField("temperature"))
    assert_type(configurable.with_structured_output(City).invoke("Lyon"), City)
    model.with_structured_output(City, method="json")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]


def a_config_in_every_form(values: dict[str, Any], path: Path) -> None:
    for form in (values, "pc-main", '{"provider": "mistral-ai"}', path, Config.parse(values)):
        ChatPortkeyMistral(portkey_config=form)
        PortkeyMistralEmbeddings(portkey_config=form)
        PortkeyMistralFIM(portkey_config=form)
        PortkeyMistral(portkey_config=form)
        PortkeyMistralEmbedding(portkey_config=form)
        ConnectionSettings(portkey_config=form)
        CallOptions(portkey_config=form)
    assert_type(ConnectionSettings(portkey_config=path).parsed_config, Config | None)
    ChatPortkeyMistral(portkey_config=1)  # pyright: ignore[reportArgumentType]


def llamaindex(messages: list[ChatMessage]) -> None:
    llm = PortkeyMistral(model="mistral-small-latest", temperature=0, base_url="sandbox:")
    as_base: FunctionCallingLLM = llm
    assert_type(as_base.metadata, LLMMetadata)
    assert_type(llm.chat(messages), LlamaChatResponse)
    assert_type(llm.complete("Hello"), CompletionResponse)
    assert_type(llm.fill_in_middle("def f(x):", "return x"), CompletionResponse)
    assert_type(llm.stream_chat(messages), Generator[LlamaChatResponse, None, None])
    embedding: BaseEmbedding = PortkeyMistralEmbedding(model_name="mistral-embed")
    assert_type(embedding.get_text_embedding("a"), list[float])
    PortkeyMistral(temprature=0)  # pyright: ignore[reportCallIssue]


async def llamaindex_async(llm: PortkeyMistral, messages: list[ChatMessage]) -> None:
    assert_type(await llm.achat(messages), LlamaChatResponse)
    stream = await llm.astream_chat(messages)
    assert_type(stream, AsyncGenerator[LlamaChatResponse, None])
    assert_type(await llm.afill_in_middle("def f(x):", "return x"), CompletionResponse)


def what_goes_through_untyped(values: Mapping[str, Any]) -> None:
    """A config is taken in every form in which people have it."""
    for form in (values, "config.json", Config.parse(values)):
        assert_type(Config.parse(form), Config)
