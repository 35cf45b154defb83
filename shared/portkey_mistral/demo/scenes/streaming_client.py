"""A streamed answer with the client."""

from __future__ import annotations

from collections.abc import Iterator

from portkey_mistral import ChatRequest, Client, Message
from portkey_mistral.demo.material import STREAM_QUESTION
from portkey_mistral.demo.stage import Arguments, Stage
from portkey_mistral.demo.streamed import show_stream, slow_down, stream_context


def answer(context: str, connection: Arguments) -> Iterator[str]:
    prompt = f"Context:\n{context}\n\nQuestion: {STREAM_QUESTION}"
    messages = [Message.user(prompt)]
    request = ChatRequest(model="mistral-small-latest", messages=messages)
    with Client(**connection).stream(request) as deltas:
        for delta in deltas:
            yield delta.text


def play(stage: Stage) -> None:
    stage.code(answer)
    stage.ask(STREAM_QUESTION)
    slow_down(stage)
    show_stream(stage, answer(stream_context(), stage.connection))
