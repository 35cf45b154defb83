"""Answers questions about orders: LangChain, with a tool."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import tool

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.exceptions import APIError, StreamInterruptedError

SORRY = "We cannot answer right now. Please try again in an hour."
INSTRUCTIONS = "You answer customers of a bookshop in one sentence. Look up orders with the tool."
ORDERS = {"1234": "sent on Monday", "1235": "waiting for payment"}


@tool
def order_status(number: str) -> str:
    """Look up the status of an order by its number."""
    return ORDERS.get(number, "unknown")


def answer(question: str) -> str:
    """Answer a question, or apologise if Mistral cannot be reached."""
    model = ChatPortkeyMistral(model="mistral-small-latest", temperature=0, max_retries=2)
    with_tools = model.bind_tools([order_status])
    messages = [SystemMessage(INSTRUCTIONS), HumanMessage(question)]
    try:
        message = with_tools.invoke(messages)
        if message.tool_calls:
            results = [order_status.invoke(call) for call in message.tool_calls]
            message = with_tools.invoke([*messages, message, *results])
    except APIError:
        return SORRY
    return str(message.text)


def stream(question: str) -> Iterator[str]:
    """Yield the answer while it is written; a broken connection ends it with a note."""
    model = ChatPortkeyMistral(model="mistral-small-latest", temperature=0)
    try:
        for chunk in model.stream([SystemMessage(INSTRUCTIONS), HumanMessage(question)]):
            yield str(chunk.text)
    except StreamInterruptedError:
        yield " [interrupted]"
