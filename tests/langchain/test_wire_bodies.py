"""Request bodies, recorded in `wire_bodies.json` and valid by Mistral's own schemas.

To record an intended change, run `PYTHONPATH=tests/support python tests/langchain/test_wire_bodies.py`, and
review the difference with the change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic import BaseModel

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from mistral_schemas import conforms
from scripted import answer, network
from spellings import BLOCKS, PDF_URL, PNG_URL

RECORD = Path(__file__).with_name("wire_bodies.json")
TEXT = {"type": "text", "text": "Here."}
IMAGE = {"type": "image_url", "image_url": {"url": PNG_URL}}
PDF = {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_URL}}


def calling(*ids: str, content: Any = "", **fields: Any) -> AIMessage:
    calls = [{"name": "look", "args": {"at": id_}, "id": id_} for id_ in ids]
    return AIMessage(content, tool_calls=calls, **fields)


def result(content: Any, id_: str, **fields: Any) -> ToolMessage:
    return ToolMessage(content, tool_call_id=id_, **fields)


HISTORIES: dict[str, list[BaseMessage]] = {
    "ids of OpenAI, Anthropic and a uuid": [
        HumanMessage("Look."),
        calling("call_Abc123", "toolu_01XYZ", "5f0c2c9e-6a0f-4f0a-8f0d-3b1f9c0a7e11"),
        result("1", "call_Abc123"),
        result("2", "toolu_01XYZ"),
        result("3", "5f0c2c9e-6a0f-4f0a-8f0d-3b1f9c0a7e11"),
    ],
    "an id of Mistral's form stays": [HumanMessage("Look."), calling("abcDEF123"), result("1", "abcDEF123")],
    "user after tool": [HumanMessage("Look."), calling("a"), result("1", "a"), HumanMessage("And?")],
    "results in another order": [
        HumanMessage("Look."), calling("a", "b"), result("2", "b"), result("1", "a"),
    ],
    "a result that is missing": [
        HumanMessage("Look."), calling("a", "b"), result("1", "a"), HumanMessage("And?"),
    ],
    "a result that failed": [HumanMessage("Look."), calling("a"), result("No.", "a", status="error")],
    "text beside calls": [HumanMessage("Look."), calling("a", content="I look."), result("1", "a")],
    "system in the middle": [HumanMessage("Hi."), AIMessage("Hello."), SystemMessage("Be brief."), HumanMessage("Go.")],
    "several systems": [SystemMessage("Be brief."), SystemMessage("Be kind."), HumanMessage("Go.")],
    "developer": [ChatMessage("Be brief.", role="developer"), HumanMessage("Go.")],
    "repeated roles": [
        HumanMessage("One."), HumanMessage("Two."), AIMessage("A."), AIMessage("B."), HumanMessage("Three."),
    ],
    "empty turns": [HumanMessage("Hi."), AIMessage(""), HumanMessage("Are you there?")],
    "an assistant first": [AIMessage("Hello, I am here."), HumanMessage("Hi.")],
    "an assistant last": [HumanMessage("Count."), AIMessage("One, two,")],
    "a prefix": [HumanMessage("Count."), AIMessage("One,", additional_kwargs={"prefix": True})],
    "a user's name": [HumanMessage("Hi.", name="ada")],
    "images and documents in a tool message": [
        HumanMessage("Look."), calling("a"), result([TEXT, IMAGE, PDF], "a"),
    ],
    "Anthropic's history": [
        SystemMessage([TEXT | {"cache_control": {"type": "ephemeral"}}]),
        HumanMessage([TEXT | {"cache_control": {"type": "ephemeral"}}]),
        AIMessage([
            {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
            {"type": "redacted_thinking", "data": "x"},
            TEXT,
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "x"}},
        ]),
        HumanMessage([
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [TEXT, IMAGE]},
            TEXT,
        ]),
    ],
    "OpenAI's history": [
        ChatMessage("Be brief.", role="developer"),
        HumanMessage("Hi."),
        AIMessage(
            [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "id": "rs_1"},
                {"type": "output_text", "text": "Here."},
                {"type": "function_call", "call_id": "call_1", "id": "fc_1", "name": "look", "arguments": '{"at":"x"}'},
            ],
            response_metadata={"model_provider": "openai"},
        ),
        result("1", "call_1"),
    ],
    "our own thinking and citation": [
        HumanMessage("Hi."),
        AIMessage(
            [
                {"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": "sig"}},
                TEXT | {"annotations": [{"type": "citation", "extras": {"reference_ids": [1]}}]},
                TEXT,
            ],
            response_metadata={"model_provider": "portkey-mistral", "output_version": "v1"},
        ),
        HumanMessage("Go on."),
    ],
    "calls that could not be read": [
        HumanMessage("Look."),
        AIMessage("", invalid_tool_calls=[{"name": "look", "args": "{at", "id": "a", "error": "?"}]),
        result("That was no JSON.", "a"),
    ],
}  # fmt: skip


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str | None = None


class TypedJoke(TypedDict):
    """A joke."""

    setup: str


def look(at: str, times: int = 1) -> str:
    """Look at something."""
    return at


Call = Callable[[ChatPortkeyMistral], Any]
TOOL: Mapping[str, Any] = {
    "name": "see",
    "description": "See.",
    "input_schema": {"type": "object"},
}
BINDINGS: dict[str, Call] = {
    "tools": lambda chat: chat.bind_tools([look, Joke, TypedJoke, TOOL]),
    "tools, strict": lambda chat: chat.bind_tools([look], strict=True),
    "tools, one at a time": lambda chat: chat.bind_tools([look], parallel_tool_calls=False),
    "tools, none": lambda chat: chat.bind_tools([]),
    "tools of Mistral": lambda chat: chat.bind_tools([{"type": "web_search"}, look]),
    "tools and a schema": lambda chat: chat.with_structured_output(Joke, tools=[look]).first,
    **{
        f"choice {choice!r}": lambda chat, choice=choice: chat.bind_tools([look], tool_choice=choice)
        for choice in (None, "auto", "none", "any", "required", True, "look", {"type": "any"})
    },
    **{
        f"{schema.__name__} by {method}, strict {strict}": lambda chat, s=schema, m=method, strict=strict: (
            chat.with_structured_output(s, method=m, strict=strict).first
        )
        for schema in (Joke, TypedJoke)
        for method, strict in (
            ("json_schema", None), ("json_schema", False), ("function_calling", None),
            ("function_calling", True), ("json_mode", None),
        )
    },
}  # fmt: skip
FIELDS: Mapping[str, Any] = {
    "temperature": 0.3, "top_p": 0.5, "max_tokens": 7, "min_tokens": 2, "stop": ["you"], "random_seed": 7,
    "presence_penalty": 0.1, "frequency_penalty": 0.1, "n": 2, "safe_prompt": True, "logprobs": True,
    "top_logprobs": 3, "reasoning_effort": "high", "prompt_mode": "reasoning", "prediction": "x",
    "parallel_tool_calls": False, "prompt_cache_key": "a", "service_tier": "auto",
    "request_metadata": {"a": "b"}, "response_format": {"type": "json_object"},
    "guardrails": [{"block_on_error": True}],
}  # fmt: skip
PROMPT = [HumanMessage("Go.")]
# LangChain's core cannot trace or normalise these two, with any model.
BROKEN_IN_CORE = ("v1 image data of unsaid type", "v0 text file")
SENDABLE = [name for name in BLOCKS if name not in BROKEN_IN_CORE]
AROUND: Mapping[str, Callable[[Any], list[BaseMessage]]] = {
    "system": lambda block: [SystemMessage([block]), *PROMPT],
    "human": lambda block: [HumanMessage([block])],
    "ai": lambda block: [*PROMPT, AIMessage([block]), *PROMPT],
    "tool": lambda block: [*PROMPT, calling("abcDEF123"), result([block], "abcDEF123")],
}


def sent(messages: list[BaseMessage], bind: Call = lambda chat: chat, **fields: Any) -> Any:
    """Return the body of one call. No model of the catalog supports all of this, so the id is unknown."""
    wire = network(answer("ok"))
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    bind(ChatPortkeyMistral(model="a-model-of-tomorrow", **connection, **fields)).invoke(messages)
    (body,) = wire.bodies
    return body


def sent_by_other_classes() -> dict[str, Any]:
    wire = network(answer("ok"), answer("ok"))
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    fim = PortkeyMistralFIM(**connection, temperature=0, max_tokens=9, stop="\n\n", random_seed=1)
    fim.invoke("def f():", suffix="f()")
    wire.replies = iter([_vectors()])
    embeddings = PortkeyMistralEmbeddings(
        **connection, model="codestral-embed", output_dimension=2, output_dtype="int8"
    )
    embeddings.embed_documents(["a", "b"])
    return {"fim": wire.bodies[0], "embeddings": wire.bodies[1]}


def _vectors() -> Any:
    data = [{"object": "embedding", "index": index, "embedding": [1, 2]} for index in range(2)]
    usage = {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2}
    reply = answer("")
    body = {"id": "1", "object": "list", "data": data, "model": "codestral-embed", "usage": usage}
    return type(reply)(200, json=body)


def bodies() -> dict[str, Any]:
    """Return every body by the name of its case."""
    blocks = {f"block: {name}": sent([HumanMessage([BLOCKS[name][0]])]) for name in SENDABLE}
    histories = {f"history: {name}": sent(messages) for name, messages in HISTORIES.items()}
    bindings = {f"binding: {name}": sent(PROMPT, bind) for name, bind in BINDINGS.items()}
    fields = {f"field: {name}": sent(PROMPT, **{name: value}) for name, value in FIELDS.items()}
    return blocks | histories | bindings | fields | sent_by_other_classes()


RECORDED: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
# For block types that Mistral may add: the schemas do not know this one.
FUTURE = "wrapped new block"
ENTRIES = {"fim": "fim.request", "embeddings": "embeddings.request"}


def test_bodies_are_as_recorded() -> None:
    current = bodies()
    assert list(current) == list(RECORDED)
    assert {case: body for case, body in current.items() if body != RECORDED[case]} == {}


def test_recorded_bodies_are_valid() -> None:
    for case, body in RECORDED.items():
        if FUTURE not in case:
            assert conforms(ENTRIES.get(case, "chat.request"), body), case


@pytest.mark.parametrize("role", AROUND)
def test_a_block_gives_a_valid_body_in_any_message(role: str) -> None:
    for name in SENDABLE:
        if name != FUTURE:
            assert conforms("chat.request", sent(AROUND[role](BLOCKS[name][0]))), name


if __name__ == "__main__":
    RECORD.write_text(json.dumps(bodies(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
