"""The classes are good guests of a process: nothing at import, and all of fork, spawn, threads and loops."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)

SAID = "Say exactly: done"


def python(code: str, *options: str) -> None:
    """Run code in a fresh interpreter; it has to say nothing at all."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def chat(url: str, **fields: Any) -> ChatPortkeyMistral:
    return ChatPortkeyMistral(api_key="k", base_url=url, **fields)


# --- import and construction ---

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


def test_import_and_construction_touch_no_network_and_no_tls() -> None:
    python(GUARD + CONSTRUCTED + "assert threading.active_count() == 1\n", "-W", "error")


def test_import_brings_only_what_it_needs() -> None:
    """What costs time or memory is imported when it is needed."""
    heavy = (
        "mistral_common",
        "transformers",
        "tiktoken",
        "openai",
        "uvicorn",
        "langgraph",
        "numpy",
    )
    # LangChain itself may bring some of them.
    code = f"""
import sys
import langchain_core.language_models, langchain_core.embeddings, langchain_core.runnables.configurable
before = set(sys.modules)
import langchain_portkey_mistral
brought = {{name.partition(".")[0] for name in set(sys.modules) - before}}
assert not brought & set({heavy!r}), brought
"""
    python(code)


# --- nothing printed, nothing left open ---

USED = """
import asyncio
from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings, PortkeyMistralFIM

connection = {{"base_url": "{url}", "api_key": "k"}}
chat = ChatPortkeyMistral(**connection)
fim = PortkeyMistralFIM(**connection)
embeddings = PortkeyMistralEmbeddings(**connection)

assert chat.invoke("Say exactly: done").text == "done"
assert fim.invoke("def f():")
assert embeddings.embed_query("a")
for _ in chat.stream("Count: one two three four five"):
    break  # left in the middle


async def main():
    assert (await chat.ainvoke("Say exactly: done")).text == "done"
    assert await embeddings.aembed_query("a")
    async for _ in chat.astream("Count: one two three four five"):
        break


asyncio.run(main())
asyncio.run(main())
"""


def test_nothing_is_printed_and_nothing_left_open(mistral_sandbox_url: str) -> None:
    python(USED.format(url=mistral_sandbox_url), "-W", "error")


def test_nothing_is_printed_and_nothing_left_open_in_process() -> None:
    python(USED.format(url="sandbox:"), "-W", "error")


# --- copies and other processes ---

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda given: pickle.loads(pickle.dumps(given)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
async def test_an_object_that_was_used_can_be_copied_and_used(
    mistral_sandbox_url: str, how: str
) -> None:
    connection = {"api_key": "k", "base_url": mistral_sandbox_url}
    model = ChatPortkeyMistral(**connection)
    fim, embeddings = PortkeyMistralFIM(**connection), PortkeyMistralEmbeddings(**connection)
    model.invoke(SAID)
    await model.ainvoke(SAID)
    first, second, third = (COPIES[how](each) for each in (model, fim, embeddings))
    assert first.invoke(SAID).text == (await first.ainvoke(SAID)).text == "done"
    assert second.invoke("def f():") == fim.invoke("def f():")
    assert third.embed_query("a") == await third.aembed_query("a")


@pytest.mark.parametrize("how", COPIES)
def test_what_was_bound_goes_with_it(mistral_sandbox_url: str, how: str) -> None:
    tool = {"name": "now", "description": "Tell the time.", "parameters": {"type": "object"}}
    bound = chat(mistral_sandbox_url).bind_tools([tool], tool_choice="any")
    assert COPIES[how](bound).invoke("What time is it?").tool_calls


PLACE = {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize(
    "said",
    [{"include_raw": True}, {"method": "function_calling"}, {"tools": [PLACE]}],
    ids=["beside the message", "by a call", "beside tools"],
)
def test_structured_output_goes_with_it(
    mistral_sandbox_url: str, how: str, said: dict[str, Any]
) -> None:
    schema = {**PLACE, "required": ["city"]}
    structured = chat(mistral_sandbox_url).with_structured_output(schema, **said)
    question = "Where is the Louvre? In Paris."
    assert COPIES[how](structured).invoke(question).keys() == structured.invoke(question).keys()


def test_a_spawned_process_gets_the_object_by_pickle(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    assert model.invoke(SAID).text == "done"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        assert pool.submit(model.invoke, SAID).result().text == "done"


FORKED = """
import asyncio, os, threading
from langchain_portkey_mistral import ChatPortkeyMistral

chat = ChatPortkeyMistral(base_url="{url}", api_key="k")


def works():
    assert chat.invoke("Say exactly: done").text == "done"
    assert asyncio.run(chat.ainvoke("Say exactly: done")).text == "done"
    assert "".join(chunk.text for chunk in chat.stream("Say exactly: done")) == "done"


works()
open_stream = chat.stream("Count: one two three four five six seven")
next(open_stream)
child = os.fork()
if child == 0:
    works()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert len(list(open_stream)) > 1  # the child has not read from the parent's connection
works()
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
@pytest.mark.parametrize("where", ["http", "in process"])
def test_a_forked_process_uses_its_own_connections(mistral_sandbox_url: str, where: str) -> None:
    python(FORKED.format(url=mistral_sandbox_url if where == "http" else "sandbox:"))


# --- threads and loops ---


def test_threads_share_one_object(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    with ThreadPoolExecutor(8) as pool:
        texts = [m.text for m in pool.map(model.invoke, [f"Say exactly: {n}" for n in range(40)])]
    assert texts == [str(number) for number in range(40)]


async def speak(model: ChatPortkeyMistral, number: int) -> str:
    whole = (await model.ainvoke(f"Say exactly: {number}")).text
    streamed = "".join([chunk.text async for chunk in model.astream(f"Say exactly: {number}")])
    return whole if whole == streamed else f"{whole} is not {streamed}"


def test_loops_one_after_another(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    assert [asyncio.run(speak(model, n)) for n in range(4)] == ["0", "1", "2", "3"]


def test_loops_at_once(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)
    together = threading.Barrier(4)

    def on_a_loop(number: int) -> str:
        async def main() -> str:
            together.wait()
            return await speak(model, number)

        return asyncio.run(main())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(on_a_loop, range(4))) == ["0", "1", "2", "3"]


def test_sync_calls_within_a_running_loop(mistral_sandbox_url: str) -> None:
    model = chat(mistral_sandbox_url)

    async def main() -> list[str]:
        return [model.invoke(SAID).text, (await model.ainvoke(SAID)).text]

    assert asyncio.run(main()) == ["done", "done"]
