"""Counts tokens without a network: with Mistral's own tokenizers where `mistral-common` is installed
(`pip install 'portkey-mistral[tokens]'`), else by an estimate that is stated here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from portkey_mistral.models import find

__all__ = ["BYTES_PER_TOKEN", "count_tokens", "estimate_tokens", "exact_counter"]

Counter: TypeAlias = Callable[[str], int]

# Mistral's tokenizers take 3 to 4.5 bytes a token over European languages and code; the low end is used,
# so that a batch that is cut by this estimate is rarely refused.
BYTES_PER_TOKEN = 3


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: one for every three bytes of UTF-8."""
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1


def count_tokens(text: str, model: str) -> int:
    """Return the tokens of a text, exact where the tokenizer of the model is at hand."""
    counter = exact_counter(model)
    return estimate_tokens(text) if counter is None else counter(text)


def exact_counter(model: str) -> Counter | None:
    """Return the tokenizer's own counting function, or None where it is not installed."""
    known = find(model)
    # mistral-embed came with the first tokenizer; what came after Nemo shares tekken.
    return _sentencepiece() if known and known.id == "mistral-embed-2312" else _tekken()


@cache
def _tekken() -> Counter | None:
    if _missing("mistral_common"):
        return None
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    encode = MistralTokenizer.v3(is_tekken=True).instruct_tokenizer.tokenizer.encode
    return lambda text: len(encode(_as_sent(text), bos=False, eos=False))


@cache
def _sentencepiece() -> Counter | None:
    if _missing("mistral_common", "sentencepiece"):
        return None
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    encode = MistralTokenizer.v1().instruct_tokenizer.tokenizer.encode
    return lambda text: len(encode(_as_sent(text), bos=False, eos=False))


def _as_sent(text: str) -> str:
    """Put U+FFFD for half a surrogate pair, which UTF-8 cannot hold and tokenizers refuse."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _missing(*modules: str) -> bool:
    return any(importlib.util.find_spec(module) is None for module in modules)
