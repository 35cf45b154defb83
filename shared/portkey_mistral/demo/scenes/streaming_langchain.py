"""A streamed answer in LangChain."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.demo.material import STREAM_QUESTION
from portkey_mistral.demo.stage import Arguments, Stage
from portkey_mistral.demo.streamed import show_stream, slow_down, stream_context


def answer(context: str, connection: Arguments) -> Iterator[str]:
    prompt = f"Context:\n{context}\n\nQuestion: {STREAM_QUESTION}"
    for chunk in ChatPortkeyMistral(**connection).stream(prompt):
        yield chunk.text


def play(stage: Stage) -> None:
    stage.code(answer)
    stage.ask(STREAM_QUESTION)
    slow_down(stage)
    show_stream(stage, answer(stream_context(), stage.connection))
