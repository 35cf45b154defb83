"""Counts tokens offline: with Mistral's own tokenizers if `mistral-common` is installed
(`pip install 'portkey-mistral[tokens]'`), otherwise by an estimate.

Loading a tokenizer takes seconds. On an event loop the first counts are therefore estimates, while a thread loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from portkey_mistral._media_tokens import audio_tokens, document_tokens, image_tokens
from portkey_mistral._tokenizers import SENTENCEPIECE, TEKKEN, Tokenizer
from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ThinkingPart,
)
from portkey_mistral.models import find

__all__ = [
    "BYTES_PER_TOKEN",
    "PromptSize",
    "count_message_tokens",
    "count_tokens",
    "estimate_tokens",
    "exact_counter",
    "token_ids",
]

Counter: TypeAlias = Callable[[str], int]

# Mistral's tokenizers average 3 to 4.5 bytes per token for European languages and code. The low end makes the estimate
# high, so that a batch is rarely rejected as too large.
BYTES_PER_TOKEN = 3

# Role markers and separators of Mistral's chat template.
_TOKENS_PER_MESSAGE = 4


def estimate_tokens(text: str) -> int:
    """Return an estimate of the tokens of a text: one for every three bytes of UTF-8."""
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1


def count_tokens(text: str, model: str) -> int:
    """Return the number of tokens of a text; exact if the model's tokenizer is installed and loaded."""
    counter = exact_counter(model)
    return estimate_tokens(text) if counter is None else counter(text)


def count_message_tokens(messages: Sequence[Message], count: Counter) -> int:
    """Return the number of tokens of a conversation, given a function that counts text.

    Images, documents and audio are estimates: an image counts as the largest that Mistral bills, a document by its
    pages, or by its size where they are not known, and audio by its length or size. What only the server can see, by
    URL or uploaded, counts as ten pages, or five minutes.
    """
    texts = sum(count(text) for message in messages for text in _texts(message) if text)
    media = sum(_part_tokens(part) for message in messages for part in _parts(message))
    return texts + media + len(messages) * _TOKENS_PER_MESSAGE


def _parts(message: Message) -> Sequence[Part]:
    return () if isinstance(message.content, str) else message.content


def _texts(message: Message) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    for part in _parts(message):
        if isinstance(part, TextPart | ThinkingPart):
            yield part.text
    for call in message.tool_calls:
        yield call.name
        yield call.arguments


def _part_tokens(part: Part) -> int:
    match part:
        case ImagePart():
            return image_tokens()
        case DocumentPart(url):
            return document_tokens(url)
        case AudioPart(data):
            return audio_tokens(data)
        case FilePart():
            return document_tokens(None)
        case _:
            return 0


def exact_counter(model: str, *, wait: bool = False) -> Counter | None:
    """Return a function that counts with the model's tokenizer; None if it is not installed, or not loaded yet.

    On an event loop it is loaded in a thread, and estimates serve until then; `wait` loads it here and now.
    """
    tokenizer = _tokenizer(model)
    if wait and tokenizer.is_installed:
        tokenizer.loaded()
    encode = tokenizer.ready()
    return None if encode is None else lambda text: len(encode(text))


def token_ids(text: str, model: str) -> list[int]:
    """Return the token ids of a text in the model's tokenizer.

    Raises:
        ImportError: `mistral-common` is not installed.
    """
    try:
        return list(_tokenizer(model).loaded()(text))
    except ImportError as error:
        raise ImportError(
            "Token ids need Mistral's tokenizer: pip install 'portkey-mistral[tokens]'. Counts are estimated without it."
        ) from error


def _tokenizer(model: str) -> Tokenizer:
    known = find(model)
    # mistral-embed has the first tokenizer; all models since Nemo share tekken.
    return SENTENCEPIECE if known and known.id == "mistral-embed-2312" else TEKKEN


class PromptSize:
    """Estimates the tokens of a prompt when it is called, once: most calls never need the estimate."""

    __slots__ = ("_body", "_tokens")

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._tokens: int | None = None

    def __call__(self) -> int:
        if self._tokens is None:
            body = self._body
            prompt = body.get("messages") or body.get("prompt") or body.get("input") or ""
            self._tokens = _size(prompt) // BYTES_PER_TOKEN
        return self._tokens


def _size(value: Any) -> int:
    if isinstance(value, str) and value.startswith("data:image/"):
        return image_tokens() * BYTES_PER_TOKEN
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, list):
        return sum(map(_size, value))
    if isinstance(value, Mapping):
        media = _media_tokens(value)
        return sum(map(_size, value.values())) if media is None else media * BYTES_PER_TOKEN
    return 0


def _media_tokens(chunk: Mapping[str, Any]) -> int | None:
    """Return the tokens of a content chunk of Mistral's API that is not text; None for all others."""
    match chunk:
        case {"type": "image_url"}:
            return image_tokens()
        case {"type": "document_url", "document_url": str(url)}:
            return document_tokens(url)
        case {"type": "input_audio", "input_audio": str(data)}:
            return audio_tokens(data)
        case {"type": "file"}:
            return document_tokens(None)
    return None
