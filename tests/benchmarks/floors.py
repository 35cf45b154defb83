"""Models that make their answers up: what LangChain and LlamaIndex themselves cost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

__all__ = ["langchain_floor", "llamaindex_floor"]

ANSWER = "The core keeps one pooled connection, and retries what it may."
_OPTION = re.compile(r"\bn=(\d+)")


def _chunks(url: str) -> int:
    found = _OPTION.search(url)
    return int(found[1]) if found else 500


def langchain_floor(url: str) -> Any:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    usage: Any = {"input_tokens": 16, "output_tokens": 160, "total_tokens": 176}

    class Floor(BaseChatModel):
        chunks: int = _chunks(url)

        @property
        def _llm_type(self) -> str:
            return "floor"

        def _generate(self, *_: Any, **__: Any) -> ChatResult:
            message = AIMessage(ANSWER, usage_metadata=usage)
            return ChatResult(generations=[ChatGeneration(message=message)])

        def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
            for _number in range(self.chunks):
                yield ChatGenerationChunk(message=AIMessageChunk(" word"))
            yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=usage))

        async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
            for chunk in self._stream():
                yield chunk

    return Floor()


def llamaindex_floor(url: str) -> Any:
    from llama_index.core.llms import (
        ChatMessage,
        ChatResponse,
        CompletionResponse,
        CustomLLM,
        LLMMetadata,
    )
    from llama_index.core.llms.callbacks import llm_chat_callback

    class Floor(CustomLLM):
        chunks: int = _chunks(url)

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(is_chat_model=True)

        @llm_chat_callback()
        def chat(self, *_: Any, **__: Any) -> ChatResponse:
            return ChatResponse(message=ChatMessage(role="assistant", content=ANSWER))

        @llm_chat_callback()
        def stream_chat(self, *_: Any, **__: Any) -> Any:
            def answers() -> Iterator[ChatResponse]:
                text = ""
                for _number in range(self.chunks):
                    text += " word"
                    message = ChatMessage(role="assistant", content=text)
                    yield ChatResponse(message=message, delta=" word")
                raw = {"usage": {"total_tokens": 176}}
                yield ChatResponse(message=ChatMessage(content=text), delta="", raw=raw)

            return answers()

        def complete(self, *_: Any, **__: Any) -> CompletionResponse:
            return CompletionResponse(text=ANSWER)

        def stream_complete(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    return Floor()
