"""A LlamaIndex agent with two tools of the model catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult

from llamaindex_portkey_mistral import PortkeyMistral
from portkey_mistral.demo.material import AGENT_QUESTION, price, window
from portkey_mistral.demo.stage import Arguments, Stage


async def answer(connection: Arguments, show: Callable[[ToolCallResult], None]) -> str:
    llm = PortkeyMistral(**connection)
    run = FunctionAgent(tools=[window, price], llm=llm).run(AGENT_QUESTION)
    async for event in run.stream_events():
        if isinstance(event, ToolCallResult):
            show(event)
    return str(await run)


def play(stage: Stage) -> None:
    def show(call: ToolCallResult) -> None:
        arguments = ", ".join(f"{name}={value!r}" for name, value in call.tool_kwargs.items())
        stage.say("tool", f"{call.tool_name}({arguments}) -> {call.tool_output.content}")

    stage.code(answer)
    stage.say("tools", "window(model) and price(model), which look up the model catalog")
    stage.ask(AGENT_QUESTION)
    stage.answer(asyncio.run(answer(stage.connection, show)))
