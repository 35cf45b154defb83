"""A LlamaIndex agent with two tools of the model catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult

from llamaindex_portkey_mistral import PortkeyMistral
from portkey_mistral import models
from portkey_mistral.demo.stage import Arguments, Stage

QUESTION = "What are the window and the price of `codestral-latest`?"


def window(model: str) -> str:
    """Tell the context window of a model, in tokens."""
    return f"{models.context_window(model):,} tokens"


def price(model: str) -> str:
    """Tell the price of a model, in USD for a million tokens."""
    found = models.find(model)
    if found is None or found.price is None:
        return f"no price is known for {model}"
    return f"${found.price.input:.2f} for input, ${found.price.output:.2f} for output"


async def answer(connection: Arguments, show: Callable[[ToolCallResult], None]) -> str:
    llm = PortkeyMistral(**connection)
    run = FunctionAgent(tools=[window, price], llm=llm).run(QUESTION)
    async for event in run.stream_events():
        if isinstance(event, ToolCallResult):
            show(event)
    return str(await run)


def play(stage: Stage) -> None:
    def show(call: ToolCallResult) -> None:
        arguments = ", ".join(f"{name}={value!r}" for name, value in call.tool_kwargs.items())
        stage.say("tool", f"{call.tool_name}({arguments}) -> {call.tool_output.content}")

    stage.code(answer)
    stage.say("tools", "window(model) and price(model), which look into the model catalog")
    stage.ask(QUESTION)
    stage.answer(asyncio.run(answer(stage.connection, show)))
