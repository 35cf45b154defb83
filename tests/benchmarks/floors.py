"""Models that make their answers up: what LangChain and LlamaIndex themselves cost.

And one that sends a fixed request and reads no more of an answer than its text and usage: what any model over HTTP costs.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

__all__ = ["bare_langchain_floor", "langchain_floor", "llamaindex_floor"]

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


def bare_langchain_floor(url: str, model: str) -> Any:
    import urllib3
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    connections = urllib3.PoolManager(maxsize=50)
    headers = {"Authorization": "Bearer k", "Content-Type": "application/json"}

    def post(messages: list[Any], **fields: Any) -> urllib3.BaseHTTPResponse:
        asked = [{"role": "user", "content": message.content} for message in messages]
        body = json.dumps({"model": model, "messages": asked, **fields}).encode()
        return connections.request(
            "POST", f"{url}/chat/completions", body=body, headers=headers,
            preload_content=not fields,
        )  # fmt: skip

    def usage_of(found: Any) -> Any:
        usage = found.get("usage")
        return usage and {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
        }

    class BareFloor(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "floor"

        def _generate(self, messages: list[Any], *_: Any, **__: Any) -> ChatResult:
            found = json.loads(post(messages).data)
            text = found["choices"][0]["message"]["content"]
            message = AIMessage(text, usage_metadata=usage_of(found))
            return ChatResult(generations=[ChatGeneration(message=message)])

        def _stream(self, messages: list[Any], *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
            for line in _lines(post(messages, stream=True)):
                if line.startswith(b"data: {"):
                    found = json.loads(line.removeprefix(b"data: "))
                    text = found["choices"][0]["delta"].get("content") or ""
                    message = AIMessageChunk(text, usage_metadata=usage_of(found))
                    yield ChatGenerationChunk(message=message)

    return BareFloor()


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    while piece := response.read1(64 * 1024):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    response.release_conn()


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
