"""What tracing tools, with their own packages, record of calls through both frameworks.

What a tool does not read from any model, or not from classes that it does not know, is in `NOT_READ`, and named in
docs/telemetry.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ModelRateLimitError
from llama_index.core.tools import FunctionTool

from langchain_portkey_mistral import ChatPortkeyMistral
from llamaindex_portkey_mistral import PortkeyMistral
from portkey_mistral.exceptions import RateLimitError
from scripted import MODEL, Network, answer, call, network, stream
from tracing_tools import LANGCHAIN_TOOLS, LLAMAINDEX_TOOLS, Recorded

pytestmark = [
    pytest.mark.tracing_tools,
    # The tools' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

KEY = "sk-the-key-that-nobody-may-see"
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 20},
}
ARGUMENTS = '{"model": "codestral"}'
FIELDS = {
    "model": "mistral-small-latest",
    "api_key": KEY,
    "temperature": 0.5,
    "max_tokens": 99,
    "top_p": 0.9,
    "max_retries": 0,
    "portkey_config": {"provider": "mistral-ai", "api_key": KEY},
    "default_headers": {"x-token": KEY},
}
EXPECTED = Recorded(
    provider="mistral_ai",
    model="mistral-small-latest",
    response_model=MODEL,
    temperature=0.5,
    max_tokens=99,
    top_p=0.9,
    input_tokens=100,
    output_tokens=50,
    cached_tokens=60,
    reasoning_tokens=20,
    tool_call=f"price {ARGUMENTS}",
    finish_reason="tool_calls",
)

# Names of Mistral: OpenTelemetry's, and LangChain's.
PROVIDERS = {"openinference": "mistralai", "langfuse": "mistralai", "langsmith": "mistralai"}
FINISH_REASONS = {"openllmetry": "tool_call"}

NOT_READ: Mapping[str, set[str]] = {
    "langchain opentelemetry": {"tool_call"},  # content, which it exports only if asked to
    "langchain openllmetry": {"reasoning_tokens"},
    "langchain openllmetry stream": {"response_model"},
    "langchain openinference stream": {"response_model"},
    "langchain langfuse": {"finish_reason"},
    "langchain langfuse stream": {"response_model"},
    "llamaindex openllmetry": {"provider", "max_tokens", "top_p", "reasoning_tokens"},
    "llamaindex openinference": {
        "provider", "response_model", "temperature", "max_tokens", "top_p"
    },
}  # fmt: skip


def price(model: str) -> str:
    """Return the price of a model."""
    return f"{model}: unknown"


def tool_call_network(*, streams: bool) -> Network:
    if streams:
        delta = {"tool_calls": [call(0, ARGUMENTS, "abcdefghi", "price")]}
        return network(stream(delta, finish="tool_calls", tokens=USAGE))
    called = {"id": "abcdefghi", "function": {"name": "price", "arguments": ARGUMENTS}}
    return network(answer("", called, finish="tool_calls", usage=USAGE))


def assert_recorded(recorded: Recorded, framework: str, tool: str, kind: str) -> None:
    expected = replace(
        EXPECTED,
        provider=PROVIDERS.get(tool, EXPECTED.provider),
        finish_reason=FINISH_REASONS.get(tool, EXPECTED.finish_reason),
    )
    not_read = NOT_READ.get(f"{framework} {tool}", set())
    not_read = not_read | NOT_READ.get(f"{framework} {tool} {kind}", set())
    shown, wanted = asdict(recorded), asdict(expected)
    assert {name: shown[name] for name in wanted if name not in not_read} == {
        name: value for name, value in wanted.items() if name not in not_read
    }


# --- LangChain


async def drain(chunks: Any) -> None:
    async for _ in chunks:
        pass


LANGCHAIN: Mapping[str, tuple[str, Callable[..., object]]] = {
    "invoke": ("whole", lambda model, config: model.invoke("Go", config)),
    "ainvoke": ("whole", lambda model, config: asyncio.run(model.ainvoke("Go", config))),
    "stream": ("stream", lambda model, config: list(model.stream("Go", config))),
    "astream": ("stream", lambda model, config: asyncio.run(drain(model.astream("Go", config)))),
}


@pytest.mark.parametrize("method", LANGCHAIN)
@pytest.mark.parametrize("tool", LANGCHAIN_TOOLS)
def test_langchain(tool: str, method: str) -> None:
    kind, run = LANGCHAIN[method]
    with LANGCHAIN_TOOLS[tool]() as session:
        wire = tool_call_network(streams=kind == "stream")
        run(
            ChatPortkeyMistral(**FIELDS, **wire.clients).bind_tools([price]),
            {"callbacks": list(session.callbacks)},
        )
        recorded, text = session.recorded(), session.text()
    assert_recorded(recorded, "langchain", tool, kind)
    assert KEY not in text


@pytest.mark.parametrize("method", ["invoke", "astream"])
@pytest.mark.parametrize("tool", LANGCHAIN_TOOLS)
def test_langchain_errors(tool: str, method: str) -> None:
    _, run = LANGCHAIN[method]
    with LANGCHAIN_TOOLS[tool]() as session:
        wire = network(httpx.Response(429, json={"message": f"Too many requests of {KEY}"}))
        model = ChatPortkeyMistral(**FIELDS, **wire.clients)
        with pytest.raises(ModelRateLimitError):
            run(model, {"callbacks": list(session.callbacks)})
        recorded, text = session.recorded(), session.text()
    assert recorded.error is not None
    assert "RateLimitError" in recorded.error or "429" in recorded.error
    assert recorded.model == "mistral-small-latest"
    assert KEY not in text


# --- LlamaIndex


TOOLS = [FunctionTool.from_defaults(price)]


async def llama_stream(llm: PortkeyMistral) -> None:
    await drain(await llm.astream_chat_with_tools(TOOLS, "Go"))


LLAMAINDEX: Mapping[str, tuple[str, Callable[[PortkeyMistral], object]]] = {
    "chat": ("whole", lambda llm: llm.chat_with_tools(TOOLS, "Go")),
    "achat": ("whole", lambda llm: asyncio.run(llm.achat_with_tools(TOOLS, "Go"))),
    "stream_chat": ("stream", lambda llm: list(llm.stream_chat_with_tools(TOOLS, "Go"))),
    "astream_chat": ("stream", lambda llm: asyncio.run(llama_stream(llm))),
}


@pytest.mark.parametrize("method", LLAMAINDEX)
@pytest.mark.parametrize("tool", LLAMAINDEX_TOOLS)
def test_llamaindex(tool: str, method: str) -> None:
    kind, run = LLAMAINDEX[method]
    with LLAMAINDEX_TOOLS[tool]() as session:
        run(PortkeyMistral(**FIELDS, **tool_call_network(streams=kind == "stream").clients))
        recorded, text = session.recorded(), session.text()
    assert_recorded(recorded, "llamaindex", tool, kind)
    assert KEY not in text


@pytest.mark.parametrize("method", ["chat", "astream_chat"])
def test_llamaindex_errors(method: str) -> None:
    """OpenLLMetry never ends the span of a call that failed."""
    with LLAMAINDEX_TOOLS["openinference"]() as session:
        wire = network(httpx.Response(429, json={"message": f"Too many requests of {KEY}"}))
        with pytest.raises(RateLimitError):
            LLAMAINDEX[method][1](PortkeyMistral(**FIELDS, **wire.clients))
        recorded, text = session.recorded(), session.text()
    assert recorded.error == "RateLimitError"
    assert KEY not in text
