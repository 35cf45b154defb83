"""The classes in a process: imports, copies, fork and spawn, threads, event loops."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)

PROMPT = "Say exactly: done"


def python(code: str, *options: str, arguments: Sequence[str] = ()) -> None:
    """Run code in a new interpreter; it must not print anything."""
    command = [sys.executable, *options, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def chat(url: str, **fields: Any) -> ChatPortkeyMistral:
    return ChatPortkeyMistral(api_key="k", base_url=url, **fields)


# --- import and construction

GUARD = """
import socket, ssl, threading

def refuse(*args, **kwargs):
    raise AssertionError("not before the first call")

class NoContext(ssl.SSLContext):
    __new__ = refuse

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
ssl.create_default_context = refuse
ssl.SSLContext = NoContext
"""
CONSTRUCTED = """
from langchain_portkey_mistral import (
    ChatPortkeyMistral, PortkeyMistralEmbeddings, PortkeyMistralFIM, init_chat_model,
)
for cls in (ChatPortkeyMistral, PortkeyMistralEmbeddings, PortkeyMistralFIM, init_chat_model):
    for fields in (
        {},
        {"api_key": "k"},
        {"portkey_api_key": "pk", "portkey_config": "pc-one"},
        {"gateway_url": "http://localhost:8787/v1", "provider": "mistral-ai"},
        {"portkey_config": {"provider": "mistral-ai", "api_key": "k"}},
        {"base_url": "sandbox:"},
        {"proxy": "http://proxy.test:3128", "timeout": 3, "max_concurrency": 4},
    ):
        cls(**fields)
"""


def test_import_and_construction_use_no_network_and_no_tls() -> None:
    python(GUARD + CONSTRUCTED + "assert threading.active_count() == 1\n", "-W", "error")


def test_import_loads_no_heavy_modules() -> None:
    """Modules that cost time or memory are imported when they are needed."""
    heavy = (
        "mistral_common",
        "transformers",
        "tiktoken",
        "openai",
        "uvicorn",
        "langgraph",
        "numpy",
    )
    # LangChain itself may load some of them.
    code = f"""
import sys
import langchain_core.language_models, langchain_core.embeddings, langchain_core.runnables.configurable
before = set(sys.modules)
import langchain_portkey_mistral
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
assert not loaded & set({heavy!r}), loaded
"""
    python(code)


# --- nothing printed, nothing left open

USED = """
import asyncio
import sys
from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings, PortkeyMistralFIM


async def use_async(chat, embeddings):
    assert (await chat.ainvoke("Say exactly: done")).text == "done"
    assert await embeddings.aembed_query("a")
    async for _ in chat.astream("Count: one two three four five"):
        break


for url in sys.argv[1:]:
    connection = {"base_url": url, "api_key": "k"}
    chat = ChatPortkeyMistral(**connection)
    fim = PortkeyMistralFIM(**connection)
    embeddings = PortkeyMistralEmbeddings(**connection)
    assert chat.invoke("Say exactly: done").text == "done"
    assert fim.invoke("def f():")
    assert embeddings.embed_query("a")
    for _ in chat.stream("Count: one two three four five"):
        break  # left in the middle
    asyncio.run(use_async(chat, embeddings))
    asyncio.run(use_async(chat, embeddings))
"""


def test_nothing_is_printed_or_left_open(mistral_sandbox_url: str) -> None:
    python(USED, "-W", "error", arguments=["sandbox:", mistral_sandbox_url])


# --- copies and other processes

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda original: pickle.loads(pickle.dumps(original)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
async def test_a_used_model_can_be_copied(mistral_sandbox_url: str, how: str) -> None:
    connection = {"api_key": "k", "base_url": mistral_sandbox_url}
    model = ChatPortkeyMistral(**connection)
    fim, embeddings = PortkeyMistralFIM(**connection), PortkeyMistralEmbeddings(**connection)
    model.invoke(PROMPT)
    await model.ainvoke(PROMPT)
    first, second, third = (COPIES[how](each) for each in (model, fim, embeddings))
    assert first.invoke(PROMPT).text == (await first.ainvoke(PROMPT)).text == "done"
    assert second.invoke("def f():") == fim.invoke("def f():")
    assert third.embed_query("a") == await third.aembed_query("a")


@pytest.mark.parametrize("how", COPIES)
def test_bound_tools_are_copied(mistral_sandbox_url: str, how: str) -> None:
    tool = {"name": "now", "description": "Tell the time.", "parameters": {"type": "object"}}
    bound = chat(mistral_sandbox_url).bind_tools([tool], tool_choice="any")
    assert COPIES[how](bound).invoke("What time is it?").tool_calls


PLACE = {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize(
    "arguments",
    [{"include_raw": True}, {"method": "function_calling"}, {"tools": [PLACE]}],
    ids=["include_raw", "function_calling", "tools"],
)
def test_structured_output_is_copied(
    mistral_sandbox_url: str, how: str, arguments: dict[str, Any]
) -> None:
    schema = {**PLACE, "required": ["city"]}
    structured = chat(mistral_sandbox_url).with_structured_output(schema, **arguments)
    question = "Where is the Louvre? In Paris."
    assert COPIES[how](structured).invoke(question).keys() == structured.invoke(question).keys()


def test_a_spawned_process_can_use_the_model(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    assert model.invoke(PROMPT).text == "done"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        assert pool.submit(model.invoke, PROMPT).result().text == "done"


FORKED = """
import asyncio, os, sys
from langchain_portkey_mistral import ChatPortkeyMistral


def works(chat):
    assert chat.invoke("Say exactly: done").text == "done"
    assert asyncio.run(chat.ainvoke("Say exactly: done")).text == "done"
    assert "".join(chunk.text for chunk in chat.stream("Say exactly: done")) == "done"


for url in sys.argv[1:]:
    chat = ChatPortkeyMistral(base_url=url, api_key="k")
    works(chat)
    stream = chat.stream("Count: one two three four five six seven")
    next(stream)
    child = os.fork()
    if child == 0:
        works(chat)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(list(stream)) > 1  # the child has not read from the parent's connection
    works(chat)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_a_forked_process_uses_its_own_connections(mistral_sandbox_url: str) -> None:
    python(FORKED, arguments=[mistral_sandbox_url, "sandbox:"])


# --- threads and event loops


def test_threads_share_one_model(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    with ThreadPoolExecutor(8) as pool:
        texts = [m.text for m in pool.map(model.invoke, [f"Say exactly: {n}" for n in range(40)])]
    assert texts == [str(number) for number in range(40)]


async def ask(model: ChatPortkeyMistral, number: int) -> str:
    whole = (await model.ainvoke(f"Say exactly: {number}")).text
    streamed = "".join([chunk.text async for chunk in model.astream(f"Say exactly: {number}")])
    return whole if whole == streamed else f"{whole} != {streamed}"


def test_consecutive_event_loops(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    assert [asyncio.run(ask(model, n)) for n in range(4)] == ["0", "1", "2", "3"]


def test_concurrent_event_loops(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    barrier = threading.Barrier(4)

    def on_a_loop(number: int) -> str:
        async def main() -> str:
            barrier.wait()
            return await ask(model, number)

        return asyncio.run(main())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(on_a_loop, range(4))) == ["0", "1", "2", "3"]


def test_sync_calls_in_a_running_event_loop(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)

    async def main() -> list[str]:
        return [model.invoke(PROMPT).text, (await model.ainvoke(PROMPT)).text]

    assert asyncio.run(main()) == ["done", "done"]
