"""One table of the four kinds of call: sync and async, whole and streamed. Each gives the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portkey_mistral import (
    Assembler,
    CallInfo,
    CallOptions,
    ChatRequest,
    ChatResponse,
    Client,
    FIMRequest,
    Message,
)

__all__ = ["KINDS", "STREAMED", "Kind", "ask"]


@dataclass(frozen=True)
class Kind:
    name: str
    run: Callable[[Client, ChatRequest | FIMRequest, CallOptions | None], ChatResponse]

    def __repr__(self) -> str:
        return self.name


def _whole(
    client: Client, request: ChatRequest | FIMRequest, options: CallOptions | None
) -> ChatResponse:
    if isinstance(request, FIMRequest):
        return client.fim(request, options)
    return client.chat(request, options)


def _awhole(
    client: Client, request: ChatRequest | FIMRequest, options: CallOptions | None
) -> ChatResponse:
    if isinstance(request, FIMRequest):
        return asyncio.run(client.afim(request, options))
    return asyncio.run(client.achat(request, options))


def _streamed(
    client: Client, request: ChatRequest | FIMRequest, options: CallOptions | None
) -> ChatResponse:
    answer = Assembler()
    with client.stream(request, options) as stream:
        for delta in stream:
            answer.add(delta)
        return answer.response(stream.info)


def _astreamed(
    client: Client, request: ChatRequest | FIMRequest, options: CallOptions | None
) -> ChatResponse:
    async def run() -> tuple[Assembler, CallInfo]:
        answer = Assembler()
        async with client.astream(request, options) as stream:
            async for delta in stream:
                answer.add(delta)
            return answer, stream.info

    answer, info = asyncio.run(run())
    return answer.response(info)


KINDS = [Kind("chat", _whole), Kind("achat", _awhole)]
STREAMED = [Kind("stream", _streamed), Kind("astream", _astreamed)]


def ask(text: str = "Hello!", **fields: object) -> ChatRequest:
    """A request with one user message."""
    known: Mapping[str, object] = {"model": "mistral-small-latest", **fields}
    return ChatRequest(messages=[Message.user(text)], **known)  # type: ignore[arg-type]
