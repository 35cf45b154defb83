"""The chat and completion methods over HTTP: what is sent, and what comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage, TextBlock
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from portkey_mistral.exceptions import StreamInterruptedError
from portkey_mistral.sandbox import Fault
from waiting import until, until_async

CHAT = ("chat", "achat", "stream_chat", "astream_chat")
COMPLETE = ("complete", "acomplete", "stream_complete", "astream_complete")
STREAMS = ("stream_chat", "astream_chat", "stream_complete", "astream_complete")
ALL = (*CHAT, *COMPLETE)

TEXT = "Où est l'été ? 東京 🌞 „ja“"
THOUGHT_CHUNKS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True},
    {"type": "text", "text": "42"},
]


class Words(BaseModel):
    words: list[str]


def text_of(item) -> str | None:
    return item.text if hasattr(item, "text") else item.message.content


CONTENTS = (
    (TEXT, TEXT),
    ("", ""),
    (None, ""),
    ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
    (THOUGHT_CHUNKS, "42"),
)


@pytest.mark.parametrize("method", ALL)
async def test_every_method_gives_text_and_usage(llm, mistral_sandbox, ask, method):
    for content, expected in CONTENTS:
        mistral_sandbox.reset()
        mistral_sandbox.reply(content)
        mistral_sandbox.inject(Fault(piece_bytes=1))

        items = await ask(llm, method, "Say it.")

        assert text_of(items[-1]) == expected
        if method in STREAMS:
            assert "".join(item.delta for item in items) == expected
        extra = items[-1].additional_kwargs
        assert extra["finish_reason"] == "stop"
        assert extra["prompt_tokens"] == items[-1].raw["usage"]["prompt_tokens"] > 0
        assert extra["call_info"]["attempts"][-1]["status"] == 200
        assert len(mistral_sandbox.requests) == 1


@pytest.mark.parametrize("method", CHAT)
async def test_text_is_one_block_however_it_arrives(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply(TEXT)
    items = await ask(llm, method, "Say it.")
    assert items[-1].message.blocks == [TextBlock(text=TEXT)]


@pytest.mark.parametrize("method", ALL)
async def test_text_is_sent_unchanged(llm, ask, bodies, method):
    await ask(llm, method, TEXT)
    assert bodies()[0]["messages"] == [{"role": "user", "content": TEXT}]


@pytest.mark.parametrize("method", ALL)
async def test_fields_that_are_not_set_are_not_sent(llm, ask, bodies, method):
    await ask(llm, method, "Hi")
    assert bodies()[0].keys() <= {"model", "messages", "stream"}


@pytest.mark.parametrize("method", ALL)
async def test_fields_of_the_model_and_of_the_call_are_sent(make_llm, ask, bodies, method):
    llm = make_llm(temperature=0.3, max_tokens=50, stop=["END"], seed=3)
    await ask(llm, method, "Hi", temperature=0.1, max_tokens=None, presence_penalty=0.5)
    sent = bodies()[0]
    assert (sent["temperature"], sent["presence_penalty"]) == (0.1, 0.5)
    assert (sent["stop"], sent["random_seed"]) == (["END"], 3)
    assert "max_tokens" not in sent


@pytest.mark.parametrize("method", STREAMS)
async def test_only_the_last_item_of_a_stream_is_empty(llm, mistral_sandbox, ask, method):
    for usage in ("finish", "alone"):
        mistral_sandbox.reply("one two three")
        mistral_sandbox.inject(Fault(usage=usage))
        *items, last = await ask(llm, method, "Count.")
        assert all(item.delta for item in items)
        assert last.delta == ""
        tokens = last.raw["usage"]["completion_tokens"]
        assert tokens == last.additional_kwargs["completion_tokens"] > 0


@pytest.mark.parametrize("method", ["stream_chat", "astream_chat"])
async def test_thinking_streams_apart_and_goes_back_in_the_next_turn(
    llm, mistral_sandbox, ask, bodies, method
):
    mistral_sandbox.reply("It is 42.", thinking="Six times seven.")
    items = await ask(llm, method, "What is it?")

    thoughts = [item.additional_kwargs.get("thinking_delta", "") for item in items]
    assert "".join(thoughts) == "Six times seven."
    assert "".join(item.delta for item in items) == "It is 42."
    answer = items[-1].message
    assert [block.block_type for block in answer.blocks] == ["thinking", "text"]

    question = ChatMessage(role="user", content="What is it?")
    await ask(llm, method, [question, answer, ChatMessage(role="user", content="Sure?")])
    resent = bodies()[1]["messages"][1]["content"]
    assert [chunk["type"] for chunk in resent] == ["thinking", "text"]


@pytest.mark.parametrize("method", CHAT)
async def test_a_history_is_not_changed(llm, ask, method):
    history = [
        ChatMessage(role="developer", content="Be brief."),
        ChatMessage(role="user", content="Hi"),
        ChatMessage(role="assistant", content=""),
        ChatMessage(role="user", content="Hello?"),
        ChatMessage(role="system", content="Answer now."),
    ]
    before = [message.model_copy(deep=True) for message in history]
    await ask(llm, method, history)
    assert history == before


@pytest.mark.parametrize("method", ALL)
async def test_all_choices_are_kept(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply("one", times=None)
    items = await ask(llm, method, "Say it.", n=3)
    assert text_of(items[-1]) == "one"
    alternatives = items[-1].additional_kwargs["alternatives"]
    assert len(alternatives) == 2
    assert all("one" in text for text in alternatives)


async def test_logprobs_come_with_the_answer(llm, mistral_sandbox):
    mistral_sandbox.reply("Hi there")
    answer = llm.complete("Say it.", logprobs=True, top_logprobs=1)
    assert "".join(token[0].token for token in answer.logprobs) == "Hi there"


@pytest.mark.parametrize("method", STREAMS)
async def test_a_cut_stream_raises(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply("one two three four")
    mistral_sandbox.inject(Fault(cut_after=3))
    with pytest.raises(StreamInterruptedError) as error:
        await ask(llm, method, "Count.")
    assert error.value.partial.text == "one two"


def test_closing_a_stream_early_closes_the_connection(llm, mistral_sandbox):
    mistral_sandbox.reply("one two three four five six")
    mistral_sandbox.inject(Fault(stall_after=3))
    items = llm.stream_chat([ChatMessage(role="user", content="Count.")])
    next(items)
    items.close()
    until(lambda: mistral_sandbox.requests[0].state == "abandoned")


LEFT = {
    "chat": lambda llm: llm.astream_chat([ChatMessage(role="user", content="Count.")]),
    "complete": lambda llm: llm.astream_complete("Count."),
    "tools": lambda llm: llm.astream_chat_with_tools([], user_msg="Count."),
    "middle": lambda llm: llm.astream_fill_in_middle("def f(", model="codestral-latest"),
    "class": lambda llm: llm.astream_structured_predict(Words, PromptTemplate("Count.")),
}


@pytest.fixture
def stalled(mistral_sandbox):
    mistral_sandbox.reply('{"words": ["one", "two", "three", "four"]}')
    mistral_sandbox.inject(Fault(stall_after=3))


@pytest.mark.usefixtures("stalled")
@pytest.mark.parametrize("ask", LEFT.values(), ids=LEFT)
async def test_leaving_an_async_stream_closes_the_connection(llm, mistral_sandbox, ask):
    items = await ask(llm)
    await anext(items)
    await items.aclose()
    await until_async(lambda: mistral_sandbox.requests[0].state == "abandoned")


TRANSPORTS = {
    "in process": lambda _: {"base_url": "sandbox:"},
    "http": lambda url: {"base_url": url},
    # httpx closes a connection in several turns of the loop.
    "httpx": lambda url: {"base_url": url, "http_async_client": httpx.AsyncClient()},
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # nobody closes the client of the test's own
@pytest.mark.parametrize("explicitly", [False, True])
@pytest.mark.parametrize("fields", TRANSPORTS.values(), ids=TRANSPORTS)
def test_leaving_an_async_stream_as_the_last_thing_is_silent(
    make_llm, mistral_sandbox, mistral_sandbox_url, caplog, fields, explicitly
):
    async def leave(ask) -> None:
        items = await ask(make_llm(**fields(mistral_sandbox_url)))
        async for _ in items:
            break
        if explicitly:
            await items.aclose()

    for ask in LEFT.values():
        mistral_sandbox.reply('{"words": ["one", "two", "three", "four"]}')
        mistral_sandbox.inject(Fault(stall_after=3))
        asyncio.run(leave(ask))
    until(lambda: {exchange.state for exchange in mistral_sandbox.requests} == {"abandoned"})
    assert len(mistral_sandbox.requests) == len(LEFT)
    assert [record for record in caplog.records if record.name == "asyncio"] == []


NOTEBOOK = """
import asyncio, gc, logging
import nest_asyncio
from llama_index.core.async_utils import asyncio_run
from llamaindex_portkey_mistral import PortkeyMistral
from portkey_mistral.sandbox.server import running

async def leave(llm):
    items = await llm.astream_complete("one two three four five six")
    async for _ in items:
        return "left"

async def cell(llm):
    assert llm.complete("Hi").text == asyncio_run(llm.acomplete("Hi")).text
    assert llm.complete("Hi").text == asyncio.run(llm.acomplete("Hi")).text
    assert await leave(llm) == asyncio.run(leave(llm)) == asyncio_run(leave(llm)) == "left"

logging.basicConfig(level=logging.WARNING)
nest_asyncio.apply()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
with running() as url:
    for base_url in ("sandbox:", url + "/v1", url + "/v1"):
        loop.run_until_complete(cell(PortkeyMistral(base_url=base_url, api_key="k")))
# asyncio complains of these when they are destroyed, mostly as the kernel ends.
print([each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()])
"""


def test_a_notebook_with_nested_loops_is_silent():
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


async def test_cancelling_a_stream_closes_the_connection(llm, mistral_sandbox, ask):
    mistral_sandbox.reply("one two three four five six")
    mistral_sandbox.inject(Fault(stall_after=3))
    task = asyncio.create_task(ask(llm, "astream_chat", "Count."))
    await until_async(lambda: mistral_sandbox.in_flight == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_async(lambda: mistral_sandbox.requests[0].state == "abandoned")


def test_one_object_serves_many_loops_and_threads(llm):
    def run() -> str:
        return asyncio.run(llm.acomplete("Hi")).text

    texts = [run(), run(), run()]
    threads = [threading.Thread(target=lambda: texts.append(run())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 7
    assert len(set(texts)) == 1
