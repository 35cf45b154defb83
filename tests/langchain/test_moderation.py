"""Moderation in chains and agents, on the sandbox."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralModeration
from langchain_portkey_mistral.middleware import PortkeyMistralModerationMiddleware
from portkey_mistral.exceptions import ConfigurationError, ModerationError

BAD = "Write to ada@example.com!"
REDACTED = "[removed by moderation]"
MODEL = ChatPortkeyMistral(base_url="sandbox:", max_retries=0)


def invoke(runnable, given):
    return runnable.invoke(given)


def ainvoke(runnable, given):
    return asyncio.run(runnable.ainvoke(given))


@pytest.fixture(params=[invoke, ainvoke])
def run(request):
    return request.param


def moderation(**fields):
    return PortkeyMistralModeration(**{"base_url": "sandbox:", **fields})


@pytest.mark.parametrize("given", ["Hello!", HumanMessage("Hello!"), [HumanMessage("Hello!")]])
def test_what_is_allowed_passes(run, mistral_sandbox, given):
    assert run(moderation(), given) is given


def test_what_is_not_allowed(run, mistral_sandbox):
    assert run(moderation(action="redact"), BAD) == REDACTED
    assert run(moderation(action="block", block_message="No."), BAD) == "No."
    messages = [HumanMessage("Hello!", id="1"), HumanMessage(BAD, id="2")]
    first, second = run(moderation(action="redact"), messages)
    assert (first.content, second.content, second.id) == ("Hello!", REDACTED, "2")
    with pytest.raises(ModerationError, match="pii") as caught:
        run(moderation(), BAD)
    assert isinstance(caught.value, ModelInvalidRequestError)
    assert "example.com" not in str(caught.value)


def test_in_a_chain(run, mistral_sandbox):
    chain = ChatPromptTemplate.from_messages([("human", "{text}")]) | moderation() | MODEL
    assert isinstance(run(chain, {"text": "Hello!"}), AIMessage)
    with pytest.raises(ModerationError):
        run(chain, {"text": BAD})
    assert [request.path for request in mistral_sandbox.requests].count("/v1/chat/completions") == 1


def test_bad_input_and_arguments(run):
    with pytest.raises(TypeError, match="got int"):
        run(moderation(), 3)
    with pytest.raises(ConfigurationError):
        moderation(action="censor")
    with pytest.raises(ConfigurationError):
        moderation(thresholds={"pii": 2})
    keyed = PortkeyMistralModeration(api_key="secret-key")
    assert "secret-key" not in repr(keyed)
    assert pickle.loads(pickle.dumps(keyed)).thresholds == {}


CALLS = []


@tool
def send(text: str) -> str:
    """Send a text."""
    CALLS.append(text)
    return "My number is 123-45-6789." if text == "ask" else "sent"


def agent(**fields):
    CALLS.clear()
    checks = {
        name: fields.pop(name)
        for name in ("before_model", "after_model", "before_tool")
        if name in fields
    }
    guard = PortkeyMistralModerationMiddleware(moderation(**fields), **checks)
    return create_agent(MODEL, [send], middleware=[guard])


def contents(state):
    return [message.content for message in state["messages"]]


def conversation(text):
    return {"messages": [HumanMessage(text)]}


def test_before_the_model(run, mistral_sandbox):
    assert contents(run(agent(action="block", block_message="No."), conversation(BAD))) == [
        REDACTED,
        "No.",
    ]
    mistral_sandbox.reply("Hi.")
    assert contents(run(agent(action="redact"), conversation(BAD))) == [REDACTED, "Hi."]
    with pytest.raises(ModerationError):
        run(agent(), conversation(BAD))
    chats = [r for r in mistral_sandbox.requests if r.path == "/v1/chat/completions"]
    assert len(chats) == 1
    assert chats[0].body["messages"][-1]["content"] == REDACTED


def test_a_blocked_message_is_not_sent_with_the_next_turn(run, mistral_sandbox):
    guard = PortkeyMistralModerationMiddleware(moderation(action="block", block_message="No."))
    guarded = create_agent(MODEL, middleware=[guard], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    for text in (BAD, "Hello!"):
        run(guarded.with_config(thread), conversation(text))
    (chat,) = [r for r in mistral_sandbox.requests if r.path == "/v1/chat/completions"]
    assert [each["content"] for each in chat.body["messages"]] == [REDACTED, "No.", "Hello!"]


class Letter(BaseModel):
    """A letter."""

    text: str


@pytest.mark.parametrize("action", ["block", "redact", "raise"])
@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_a_structured_response_is_part_of_the_answer(run, mistral_sandbox, action, strategy):
    def answered(text, **fields):
        if strategy is ToolStrategy:
            mistral_sandbox.reply("", calls=[{"name": "Letter", "arguments": {"text": text}}])
        else:
            mistral_sandbox.reply(Letter(text=text).model_dump_json())
        checks = moderation(action=action, block_message="No.")
        guard = PortkeyMistralModerationMiddleware(checks, **fields)
        made = create_agent(MODEL, middleware=[guard], response_format=strategy(Letter))
        return run(made, conversation("Hi"))

    assert answered("Hello!")["structured_response"] == Letter(text="Hello!")
    assert answered(BAD, after_model=False)["structured_response"] == Letter(text=BAD)
    if action == "raise":
        with pytest.raises(ModerationError):
            answered(BAD)
        return
    state = answered(BAD)
    assert state.get("structured_response") is None
    assert contents(state) == ["Hi", "No." if action == "block" else REDACTED]
    assert not state["messages"][-1].tool_calls


def test_text_beside_a_structured_response_is_redacted_alone(run, mistral_sandbox):
    call = {"name": "Letter", "arguments": {"text": "Hello!"}}
    mistral_sandbox.reply(BAD, calls=[call])
    guard = PortkeyMistralModerationMiddleware(moderation(action="redact"))
    made = create_agent(MODEL, middleware=[guard], response_format=ToolStrategy(Letter))
    state = run(made, conversation("Hi"))
    assert state["structured_response"] == Letter(text="Hello!")
    assert contents(state)[1] == REDACTED


def test_after_the_model(run, mistral_sandbox):
    mistral_sandbox.reply(BAD, times=4)
    assert contents(run(agent(action="block", block_message="No."), conversation("Hi")))[1:] == [
        "No."
    ]
    assert contents(run(agent(action="redact"), conversation("Hi")))[1:] == [REDACTED]
    with pytest.raises(ModerationError):
        run(agent(), conversation("Hi"))
    assert contents(run(agent(after_model=False), conversation("Hi")))[1:] == [BAD]


def test_an_answer_with_calls_is_blocked_without_making_them(run, mistral_sandbox):
    mistral_sandbox.reply(BAD, calls=[{"name": "send", "arguments": {"text": "x"}}])
    state = run(agent(action="block", block_message="No."), conversation("Hi"))
    assert contents(state) == ["Hi", "No."]
    assert not state["messages"][-1].tool_calls
    assert CALLS == []


@pytest.mark.parametrize("action", ["block", "redact"])
def test_before_a_tool(run, mistral_sandbox, action):
    mistral_sandbox.reply("", calls=[{"name": "send", "arguments": {"text": BAD}}])
    mistral_sandbox.reply("Done.")
    guarded = agent(action=action, block_message="No.")
    (_, _, result, answer) = run(guarded, conversation("Hi"))["messages"]
    assert isinstance(result, ToolMessage)
    assert (result.status, result.content) == ("error", "No." if action == "block" else REDACTED)
    assert answer.content == "Done."
    assert CALLS == []


def test_a_tool_whose_arguments_raise_is_not_called(run, mistral_sandbox):
    mistral_sandbox.reply("", calls=[{"name": "send", "arguments": {"text": BAD}}])
    with pytest.raises(ModerationError):
        run(agent(), conversation("Hi"))
    assert CALLS == []


def test_results_of_tools_are_checked_before_the_model(run, mistral_sandbox):
    mistral_sandbox.reply("", calls=[{"name": "send", "arguments": {"text": "ask"}}])
    mistral_sandbox.reply("Done.")
    state = run(agent(action="redact"), conversation("Hi"))
    assert contents(state) == ["Hi", "", REDACTED, "Done."]
    assert CALLS == ["ask"]
