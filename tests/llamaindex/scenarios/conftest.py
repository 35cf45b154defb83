"""Fixtures of the scenarios. They run over HTTP, against a sandbox that is strict about Mistral's rules."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from llama_index.core import Document

from portkey_mistral._transport import pools

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _nothing_was_refused(mistral_sandbox):
    """Check that every request that LlamaIndex made in the scenario was accepted by the sandbox."""
    yield
    assert not {exchange.status for exchange in mistral_sandbox.requests} & {400, 422}


@pytest.fixture
def documents() -> list[Document]:
    texts = {
        "codestral": "Codestral completes code. It costs 0.3 dollars a million tokens.",
        "pixtral": "Pixtral reads images and charts.",
        "magistral": "Magistral thinks before it answers.",
    }
    return [Document(text=text, doc_id=name) for name, text in texts.items()]


@pytest.fixture
def question() -> str:
    return "Which model completes code?"


@pytest.fixture
def chats(bodies):
    """The chat requests that reached the sandbox so far."""
    return lambda: [body for body in bodies() if "messages" in body]


def pytest_collection_modifyitems(items):
    """Core runs coroutines on loops that it closes with their sockets open, or never closes."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(autouse=True)
def _such_loops_end_with_their_test():
    yield
    left = [loop for loop in pools._loops if not loop.is_running()]
    if left:
        for loop in left:
            loop.close()
            del pools._loops[loop]
        asyncio.set_event_loop(None)


@pytest.fixture(autouse=True, scope="module")
def _open_sockets_are_collected_here():
    """Elsewhere a socket that is collected while it is open fails whichever test is running."""
    yield
    gc.collect()
