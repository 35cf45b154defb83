"""The work of each workload. Every task returns how many units it saw, so that none is skipped or merged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from contenders import MODEL, Contender

PROMPT = "Say in one paragraph how a routing core keeps its connections."
SENTENCE = (
    "A router that keeps its connections open sends each text to whoever has the time for it, waits for no"
    " more than one answer at a time, and puts them in order"
)


# --- LangChain --------------------------------------------------------------------------------------


def invoke(model: Any) -> int:
    return int(bool(model.invoke(PROMPT).content))


def invoke_with_callback(model: Any) -> int:
    return int(bool(model.invoke(PROMPT, config={"callbacks": [_listener()]}).content))


def invoke_history(model: Any, *, count: int) -> int:
    return int(bool(model.invoke(history(count)).content))


async def ainvoke_together(model: Any, *, calls: int) -> int:
    answers = await asyncio.gather(*(model.ainvoke(PROMPT) for _ in range(calls)))
    return sum(bool(answer.content) for answer in answers)


def batch(model: Any, *, calls: int, threads: int) -> int:
    answers = model.batch([PROMPT] * calls, config={"max_concurrency": threads})
    return sum(bool(answer.content) for answer in answers)


def stream(model: Any, config: Any = None) -> int:
    texts = usages = 0
    for chunk in model.stream(PROMPT, config=config):
        texts += bool(chunk.content)
        usages += bool(chunk.usage_metadata)
    assert usages, "a stream without usage"
    return texts


def stream_with_callback(model: Any) -> int:
    listener = _listener()
    texts = stream(model, {"callbacks": [listener]})
    assert listener.tokens >= texts
    return texts


async def astream(model: Any) -> int:
    texts = usages = 0
    async for chunk in model.astream(PROMPT):
        texts += bool(chunk.content)
        usages += bool(chunk.usage_metadata)
    assert usages, "a stream without usage"
    return texts


async def astream_events(model: Any) -> int:
    events = model.astream_events(PROMPT, version="v2")
    chunks = [event["data"]["chunk"] async for event in events if "chunk" in event["data"]]
    return sum(bool(chunk.content) for chunk in chunks)


@cache
def _listener() -> Any:
    from langchain_core.callbacks import BaseCallbackHandler

    class Listener(BaseCallbackHandler):
        tokens = 0

        def on_llm_new_token(self, *_: Any, **__: Any) -> None:
            self.tokens += 1

    return Listener()


@cache
def history(count: int) -> list[Any]:
    """A conversation of so many messages, with a tool called in every turn of four, and a question at its end."""
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

    turns, first = divmod(count - 1, 4)
    messages: list[Any] = [SystemMessage("You know the weather.")] if first % 2 else []
    if first >= 2:
        messages += [HumanMessage("Hello!"), AIMessage("Hello! How can I help?")]
    for turn in range(turns):
        call = {
            "name": "tool_0",
            "args": {"city": "Paris"},
            "id": f"call{turn:05d}",
            "type": "tool_call",
        }
        messages += [
            HumanMessage("What is the weather in Paris, and what should I wear?"),
            AIMessage("", tool_calls=[call]),
            ToolMessage('{"temperature": 21, "sky": "clear"}', tool_call_id=call["id"]),
            AIMessage("It is 21 degrees and clear; a light jacket will do."),
        ]
    return [*messages, HumanMessage("And tomorrow?")]


def tools(count: int) -> list[Any]:
    from langchain_core.tools import StructuredTool

    def forecast(city: str, days: int = 1, units: list[str] | None = None) -> str:
        """Return the forecast for a city."""
        return f"{city}, {days}, {units}: clear"

    return [
        StructuredTool.from_function(forecast, name=f"tool_{number}") for number in range(count)
    ]


def with_tools(model: Any, *, count: int) -> Any:
    return model.bind_tools(tools(count))


def with_schema(model: Any) -> Any:
    schema = {
        "title": "Report",
        "description": "A report.",
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"type": "string"}}},
        "required": ["items"],
    }
    return model.with_structured_output(schema, method="json_schema")


def stream_object(structured: Any) -> int:
    *_, last = structured.stream(PROMPT)
    return int(len(last["items"]) > 1)


def agent(model: Any) -> Any:
    from langchain.agents import create_agent

    return create_agent(model, tools(3))


def _asked() -> dict[str, Any]:
    return {"messages": [("user", PROMPT)]}


def _answers(messages: list[Any]) -> int:
    return sum(message.type == "ai" for message in messages)


def run_agent(graph: Any) -> int:
    return _answers(graph.invoke(_asked())["messages"])


async def arun_agent(graph: Any) -> int:
    return _answers((await graph.ainvoke(_asked()))["messages"])


def stream_agent(graph: Any) -> int:
    ids = {
        metadata["langgraph_step"]
        for _, metadata in graph.stream(_asked(), stream_mode="messages")
        if metadata["langgraph_node"] == "model"
    }
    return len(ids)


# --- LlamaIndex -------------------------------------------------------------------------------------


@cache
def chat_messages() -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role="user", content=PROMPT)]


def chat(llm: Any) -> int:
    return int(bool(llm.chat(chat_messages()).message.content))


def stream_chat(llm: Any) -> int:
    texts, last = 0, None
    for last in llm.stream_chat(chat_messages()):
        texts += bool(last.delta)
    return texts


def function_agent(llm: Any) -> Any:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.tools import FunctionTool

    def forecast(city: str, days: int = 1) -> str:
        """Return the forecast for a city."""
        return f"{city}, {days}: clear"

    named = [FunctionTool.from_defaults(forecast, name=f"tool_{number}") for number in range(3)]
    return FunctionAgent(tools=named, llm=llm)


async def run_function_agent(made: Any) -> int:
    from llama_index.core.agent.workflow import AgentOutput

    handler = made.run(PROMPT)
    calls = [event async for event in handler.stream_events() if isinstance(event, AgentOutput)]
    await handler
    return len(calls)


# --- without a framework ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """A call, and how its connections are closed."""

    ask: Callable[[], str | None]
    close: Callable[[], None]

    def __call__(self) -> str | None:
        return self.ask()


def caller(contender: Contender, url: str) -> Caller:
    """The same call by the core, by an SDK, or by httpx with nothing around it."""
    made = contender.make(url)
    return Caller(_asking(contender.name, made), getattr(made, "close", lambda: None))


def _asking(name: str, made: Any) -> Callable[[], str | None]:
    wire_messages: Any = [{"role": "user", "content": PROMPT}]
    if name == "httpx":
        body = {"model": MODEL, "messages": wire_messages}
        return lambda: _text(made.post("/chat/completions", json=body).raise_for_status().json())
    if name == "openai":
        return lambda: (
            made.chat.completions.create(model=MODEL, messages=wire_messages)
            .choices[0]
            .message.content
        )
    if name == "mistralai":
        return lambda: (
            made.chat.complete(model=MODEL, messages=wire_messages).choices[0].message.content
        )
    from portkey_mistral import ChatRequest, Message

    return lambda: made.chat(ChatRequest(model=MODEL, messages=[Message.user(PROMPT)])).text


def _text(body: Any) -> str:
    return body["choices"][0]["message"]["content"]


def call(ask: Callable[[], str | None]) -> int:
    return int(bool(ask()))


def embed(model: Any, *, texts: int) -> int:
    numbered = [f"{SENTENCE} {number}" for number in range(texts)]
    vectors = model.embed_documents(numbered)
    assert {len(vector) for vector in vectors} == {1024}
    return len(vectors)


def construct(make: Callable[[], Any]) -> int:
    return int(make() is not None)
