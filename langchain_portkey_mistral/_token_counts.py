"""Counts the tokens of LangChain messages offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic_core import to_json

from langchain_portkey_mistral._from_langchain import to_messages
from portkey_mistral import tokens

__all__ = ["count_message_tokens"]


def count_message_tokens(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    count: Callable[[str], int],
) -> int:
    """Count messages and tools with a function that counts text; see `portkey_mistral.tokens.count_message_tokens`."""
    described = sum(count(to_json(tool).decode()) for tool in tools)
    return tokens.count_message_tokens(to_messages(messages), count) + described
