"""A tokenizer that loads for seconds never holds up an event loop."""

from __future__ import annotations

import threading

import pytest

from portkey_mistral import tokens
from portkey_mistral._tokenizers import Tokenizer
from waiting import until_async


def letters(text):
    return [ord(letter) for letter in text]


async def test_an_event_loop_goes_on_while_a_thread_loads():
    may_load, loads = threading.Event(), []

    def load():
        loads.append(threading.current_thread())
        may_load.wait()
        return letters

    tokenizer = Tokenizer(load)
    assert [tokenizer.ready() for _ in range(3)] == [None] * 3
    may_load.set()
    await until_async(lambda: tokenizer.ready() is letters)
    assert loads
    assert len(loads) == 1
    assert loads[0] is not threading.current_thread()


async def test_a_failed_load_is_tried_again(recwarn):
    failures = [ImportError("half an installation"), None]
    raised = threading.Event()

    def load():
        if (failure := failures.pop(0)) is not None:
            raised.set()
            raise failure
        return letters

    tokenizer = Tokenizer(load)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        assert tokenizer.ready() is None
        await until_async(raised.is_set)
        await until_async(lambda: tokenizer.ready() is letters)


def test_without_an_event_loop_the_caller_loads():
    assert Tokenizer(lambda: letters).ready() is letters


def test_what_is_not_installed_is_never_loaded():
    tokenizer = Tokenizer(lambda: letters, "no_such_module")
    assert tokenizer.ready() is None
    assert not tokenizer.is_installed


async def test_counts_on_an_event_loop_are_estimates_until_then(monkeypatch):
    may_load = threading.Event()

    def load():
        may_load.wait()
        return letters

    tokenizer = Tokenizer(load)
    monkeypatch.setattr(tokens, "TEKKEN", tokenizer)
    assert tokens.count_tokens("x" * 30, "mistral-small-latest") == 11
    may_load.set()
    await until_async(tokenizer.ready)
    assert tokens.count_tokens("x" * 30, "mistral-small-latest") == 30
    assert tokens.token_ids("ab", "mistral-small-latest") == [97, 98]


def test_token_ids_say_what_to_install(monkeypatch):
    def load():
        raise ImportError("no module")

    monkeypatch.setattr(tokens, "TEKKEN", Tokenizer(load))
    with pytest.raises(ImportError, match=r"portkey-mistral\[tokens\]"):
        tokens.token_ids("ab", "mistral-small-latest")
