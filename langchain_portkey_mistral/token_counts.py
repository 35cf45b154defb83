"""Counts the tokens of LangChain messages offline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic_core import to_json

from langchain_portkey_mistral.messages_in import to_messages
from portkey_mistral.messages import ImagePart, Message, TextPart, ThinkingPart

__all__ = ["count_message_tokens", "token_ids"]

# Role marks and separators of Mistral's chat template.
_PER_MESSAGE = 4
# The most an image can cost: Mistral scales to 1540 x 1540 pixels and counts 28 x 28 of them a token.
_PER_IMAGE = 3025


def count_message_tokens(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    count: Callable[[str], int],
) -> int:
    """Count a conversation with its tools. An image counts as the most that it can cost."""
    turns = to_messages(messages)
    texts = [text for turn in turns for text in _texts(turn)]
    texts += [to_json(tool).decode() for tool in tools]
    images = sum(isinstance(part, ImagePart) for turn in turns for part in _parts(turn))
    return (
        sum(count(text) for text in texts if text) + len(turns) * _PER_MESSAGE + images * _PER_IMAGE
    )


def _parts(turn: Message) -> Iterable[object]:
    return () if isinstance(turn.content, str) else turn.content


def _texts(turn: Message) -> Iterable[str]:
    if isinstance(turn.content, str):
        yield turn.content
    for part in _parts(turn):
        if isinstance(part, TextPart | ThinkingPart):
            yield part.text
    for call in turn.tool_calls:
        yield call.name
        yield call.arguments


def token_ids(text: str) -> list[int]:
    """Return the ids of a text in Mistral's current tokenizer.

    Raises:
        ImportError: `mistral-common` is not installed; counting works without it.
    """
    try:
        from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
    except ImportError as error:
        raise ImportError(
            "Token ids need Mistral's tokenizer: pip install 'portkey-mistral[tokens]'. "
            "get_num_tokens() works without it, by an estimate."
        ) from error
    tokenizer = MistralTokenizer.v3(is_tekken=True).instruct_tokenizer.tokenizer
    return list(tokenizer.encode(text, bos=False, eos=False))
