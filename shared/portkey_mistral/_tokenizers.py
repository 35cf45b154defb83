"""Loads Mistral's own tokenizers, if `mistral-common` is installed."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeAlias

__all__ = ["SENTENCEPIECE", "TEKKEN", "Tokenizer"]

_Encode: TypeAlias = Callable[[str], Sequence[int]]


class Tokenizer:
    """A tokenizer that is loaded once, when it is first needed: that takes seconds."""

    def __init__(self, load: Callable[[], _Encode], *modules: str) -> None:
        self._load = load
        self._modules = modules
        self._encode: _Encode | None = None
        self._thread: Thread | None = None

    @property
    def is_installed(self) -> bool:
        """Whether the modules that it needs are installed."""
        return all(importlib.util.find_spec(module) is not None for module in self._modules)

    def ready(self) -> _Encode | None:
        """Return the function that encodes text; None if it is not installed.

        Also None if this is called on an event loop before it is loaded: a thread loads it, and the loop goes on.
        """
        if self._encode is None and self.is_installed:
            if not _on_event_loop():
                return self.loaded()
            # A thread does not live on in a forked process, where another one has to load.
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self.loaded, name="load-tokenizer", daemon=True)
                self._thread.start()
        return self._encode

    def loaded(self) -> _Encode:
        """Return the function that encodes text, after loading it where that is needed.

        Raises:
            ImportError: a module that it needs is not installed.
        """
        if self._encode is None:
            self._encode = self._load()
        return self._encode


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _load_tekken() -> _Encode:
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    encode = MistralTokenizer.v3(is_tekken=True).instruct_tokenizer.tokenizer.encode
    return lambda text: encode(_as_sent(text), bos=False, eos=False)


def _load_sentencepiece() -> _Encode:
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    encode = MistralTokenizer.v1().instruct_tokenizer.tokenizer.encode
    return lambda text: encode(_as_sent(text), bos=False, eos=False)


def _as_sent(text: str) -> str:
    """Replace lone surrogates by U+FFFD: UTF-8 cannot encode them, and tokenizers refuse them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


TEKKEN = Tokenizer(_load_tekken, "mistral_common")
SENTENCEPIECE = Tokenizer(_load_sentencepiece, "mistral_common", "sentencepiece")
