"""An agent of a few lines: the client, and two tools of the model catalog."""

from __future__ import annotations

from collections.abc import Callable

from portkey_mistral import ChatRequest, Client, Message, Tool, ToolCall
from portkey_mistral.demo.material import AGENT_QUESTION, price, window
from portkey_mistral.demo.stage import Arguments, Stage

PARAMETERS = {
    "type": "object",
    "properties": {"model": {"type": "string", "description": "Id or alias of the model"}},
    "required": ["model"],
}
FUNCTIONS: dict[str, Callable[..., str]] = {"window": window, "price": price}
TOOLS = [Tool(name, call.__doc__ or "", PARAMETERS) for name, call in FUNCTIONS.items()]


def answer(connection: Arguments, show: Callable[[ToolCall, str], None]) -> str:
    client, model = Client(**connection), "mistral-small-latest"
    messages = [Message.user(AGENT_QUESTION)]
    while True:
        request = ChatRequest(model=model, messages=messages, tools=TOOLS)
        message = client.chat(request).message
        if not message.tool_calls:
            return message.text
        messages.append(message)
        for call in message.tool_calls:
            result = FUNCTIONS[call.name](**call.parse_arguments())
            show(call, result)
            messages.append(Message.tool(result, tool_call_id=call.id or ""))


def play(stage: Stage) -> None:
    def show(call: ToolCall, result: str) -> None:
        arguments = ", ".join(f"{name}={value!r}" for name, value in call.parse_arguments().items())
        stage.say("tool", f"{call.name}({arguments}) -> {result}")

    stage.code(answer)
    stage.say("tools", "window(model) and price(model), which look up the model catalog")
    stage.ask(AGENT_QUESTION)
    stage.answer(answer(stage.connection, show))
