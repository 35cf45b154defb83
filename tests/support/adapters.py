"""Both frameworks, sync and async, behind one set of methods, so that one table of cases covers all."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from pydantic import BaseModel

KEY = "sk-of-the-target"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its text, the calls of tools with their arguments, and how the call went."""

    text: str
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    info: Mapping[str, Any]


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sun in {city}."


class Adapter(ABC):
    """One framework in one mode. Every method is a coroutine; sync calls block in it."""

    framework: ClassVar[str]

    def __init__(self, *, sync: bool, **connection: Any) -> None:
        self.sync = sync
        self.connection = connection

    @abstractmethod
    async def chat(self, text: str, **fields: Any) -> Answer: ...

    @abstractmethod
    async def stream(self, text: str) -> list[str]: ...

    @abstractmethod
    async def call_tools(self, text: str) -> Answer: ...

    @abstractmethod
    async def structure(self, text: str, schema: type[BaseModel]) -> object: ...

    @abstractmethod
    async def embed(self, texts: list[str]) -> list[list[float]]: ...

    @abstractmethod
    async def fill(self, prompt: str, suffix: str) -> str: ...

    @abstractmethod
    async def stream_fill(self, prompt: str, suffix: str) -> list[str]: ...

    async def json(self, text: str) -> Any:
        answer = await self.chat(text, response_format={"type": "json_object"})
        return json.loads(answer.text)


class LangChain(Adapter):
    framework = "langchain"

    @cached_property
    def model(self) -> Any:
        from langchain_portkey_mistral import ChatPortkeyMistral

        return ChatPortkeyMistral(**self.connection)

    @cached_property
    def fim(self) -> Any:
        from langchain_portkey_mistral import PortkeyMistralFIM

        return PortkeyMistralFIM(**self.connection)

    async def _invoke(self, runnable: Any, text: str, **fields: Any) -> Any:
        if self.sync:
            return runnable.invoke(text, **fields)
        return await runnable.ainvoke(text, **fields)

    async def _pieces(self, runnable: Any, text: str, **fields: Any) -> list[Any]:
        if self.sync:
            return list(runnable.stream(text, **fields))
        return [piece async for piece in runnable.astream(text, **fields)]

    async def chat(self, text: str, **fields: Any) -> Answer:
        return self._answer(await self._invoke(self.model, text, **fields))

    async def stream(self, text: str) -> list[str]:
        return [piece.text for piece in await self._pieces(self.model, text) if piece.text]

    async def call_tools(self, text: str) -> Answer:
        model = self.model.bind_tools([weather], tool_choice="any")
        return self._answer(await self._invoke(model, text))

    async def structure(self, text: str, schema: type[BaseModel]) -> object:
        return await self._invoke(self.model.with_structured_output(schema), text)

    async def embed(self, texts: list[str]) -> list[list[float]]:
        from langchain_portkey_mistral import PortkeyMistralEmbeddings

        embeddings = PortkeyMistralEmbeddings(**self.connection)
        if self.sync:
            return embeddings.embed_documents(texts)
        return await embeddings.aembed_documents(texts)

    async def fill(self, prompt: str, suffix: str) -> str:
        return await self._invoke(self.fim, prompt, suffix=suffix)

    async def stream_fill(self, prompt: str, suffix: str) -> list[str]:
        return [piece for piece in await self._pieces(self.fim, prompt, suffix=suffix) if piece]

    @staticmethod
    def _answer(message: Any) -> Answer:
        calls = tuple((call["name"], call["args"]) for call in message.tool_calls)
        return Answer(message.text, calls, message.response_metadata)


class LlamaIndex(Adapter):
    framework = "llamaindex"

    @cached_property
    def model(self) -> Any:
        from llamaindex_portkey_mistral import PortkeyMistral

        return PortkeyMistral(**self.connection)

    async def _do(self, verb: str, *args: Any, **fields: Any) -> Any:
        if self.sync:
            return getattr(self.model, verb)(*args, **fields)
        return await getattr(self.model, f"a{verb}")(*args, **fields)

    async def _pieces(self, verb: str, *args: Any, **fields: Any) -> list[str]:
        answers = await self._do(verb, *args, **fields)
        got = list(answers) if self.sync else [answer async for answer in answers]
        return [answer.delta for answer in got if answer.delta]

    async def chat(self, text: str, **fields: Any) -> Answer:
        from llama_index.core.base.llms.types import ChatMessage

        response = await self._do("chat", [ChatMessage(role="user", content=text)], **fields)
        return self._answer(response)

    async def stream(self, text: str) -> list[str]:
        return await self._pieces("stream_complete", text)

    async def call_tools(self, text: str) -> Answer:
        from llama_index.core.tools import FunctionTool

        tools = [FunctionTool.from_defaults(weather)]
        return self._answer(
            await self._do("chat_with_tools", tools, user_msg=text, tool_required=True)
        )

    async def structure(self, text: str, schema: type[BaseModel]) -> object:
        from llama_index.core.prompts import PromptTemplate

        return await self._do("structured_predict", schema, PromptTemplate(text))

    async def embed(self, texts: list[str]) -> list[list[float]]:
        from llamaindex_portkey_mistral import PortkeyMistralEmbedding

        embedding = PortkeyMistralEmbedding(**self.connection)
        if self.sync:
            return embedding.get_text_embedding_batch(texts)
        return await embedding.aget_text_embedding_batch(texts)

    async def fill(self, prompt: str, suffix: str) -> str:
        answer = await self._do("fill_in_middle", prompt, suffix, model="codestral-latest")
        return str(answer)

    async def stream_fill(self, prompt: str, suffix: str) -> list[str]:
        verb = "stream_fill_in_middle"
        return await self._pieces(verb, prompt, suffix, model="codestral-latest")

    def _answer(self, response: Any) -> Answer:
        selections = self.model.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        calls = tuple((call.tool_name, call.tool_kwargs) for call in selections)
        return Answer(
            response.message.content or "", calls, response.additional_kwargs["call_info"]
        )


ADAPTERS = [(adapter, mode) for adapter in (LangChain, LlamaIndex) for mode in ("sync", "async")]
