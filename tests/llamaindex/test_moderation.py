"""Moderation of nodes, queries and answers, on the sandbox."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import NodeWithScore, TextNode

from llamaindex_portkey_mistral import (
    PortkeyMistral,
    PortkeyMistralEmbedding,
    PortkeyMistralModeration,
    PortkeyMistralModerationQueryEngine,
)
from portkey_mistral.exceptions import ConfigurationError, ModerationError

BAD = "Write to ada@example.com!"
REDACTED = "[removed by moderation]"


def moderation(**fields):
    return PortkeyMistralModeration(**{"base_url": "sandbox:", **fields})


def scored(*texts):
    return [NodeWithScore(node=TextNode(text=text), score=0.5) for text in texts]


def postprocess(guard, nodes):
    return guard.postprocess_nodes(nodes)


def apostprocess(guard, nodes):
    return asyncio.run(guard.apostprocess_nodes(nodes))


@pytest.fixture(params=[postprocess, apostprocess])
def process(request):
    return request.param


def test_nodes(process, mistral_sandbox):
    nodes = scored("Hello!", BAD, "Bye!")
    assert process(moderation(action="block"), nodes) == [nodes[0], nodes[2]]
    redacted = process(moderation(action="redact"), nodes)
    assert [node.text for node in redacted] == ["Hello!", REDACTED, "Bye!"]
    assert (redacted[1].score, redacted[1].node_id) == (0.5, nodes[1].node_id)
    assert nodes[1].text == BAD
    assert process(moderation(thresholds={"pii": 0.9}), nodes) == nodes
    with pytest.raises(ModerationError) as caught:
        process(moderation(), nodes)
    assert caught.value.violations.keys() == {1}
    assert len(mistral_sandbox.requests) == 4


def test_metadata_that_the_model_sees_is_checked(process, mistral_sandbox):
    node = TextNode(text="Hello!", metadata={"author": BAD})
    nodes = [NodeWithScore(node=node)]
    assert process(moderation(action="block"), nodes) == []
    node.excluded_llm_metadata_keys = ["author"]
    assert process(moderation(action="block"), nodes) == nodes


def test_arguments_are_checked_and_keys_not_shown():
    with pytest.raises(ConfigurationError):
        moderation(action="censor")
    keyed = PortkeyMistralModeration(api_key="secret-key", action="block")
    assert "secret-key" not in repr(keyed) + keyed.to_json()
    assert pickle.loads(pickle.dumps(keyed)).action == "block"


def query(engine, text):
    return engine.query(text)


def aquery(engine, text):
    return asyncio.run(engine.aquery(text))


@pytest.fixture(params=[query, aquery])
def ask(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def engine(request, mistral_sandbox):
    index = VectorStoreIndex(
        [TextNode(text="Codestral completes code.")],
        embed_model=PortkeyMistralEmbedding(base_url="sandbox:"),
    )
    llm = PortkeyMistral(base_url="sandbox:", max_retries=0)
    return index.as_query_engine(llm=llm, streaming=request.param)


def guarded(engine, **fields):
    checks = {name: fields.pop(name) for name in ("check_query", "check_answer") if name in fields}
    return PortkeyMistralModerationQueryEngine(engine, moderation(**fields), **checks)


def chats(sandbox):
    return [each for each in sandbox.requests if each.path == "/v1/chat/completions"]


def test_a_query_that_is_not_allowed_does_not_reach_the_engine(ask, engine, mistral_sandbox):
    assert str(ask(guarded(engine, action="block", block_message="No."), BAD)) == "No."
    assert str(ask(guarded(engine, action="redact"), BAD)) == REDACTED
    with pytest.raises(ModerationError):
        ask(guarded(engine), BAD)
    assert chats(mistral_sandbox) == []


def test_answers(ask, engine, mistral_sandbox):
    mistral_sandbox.reply(BAD, times=3)
    blocked = ask(guarded(engine, action="block", block_message="No."), "What completes code?")
    assert str(blocked) == "No."
    assert len(blocked.source_nodes) == 1
    with pytest.raises(ModerationError):
        ask(guarded(engine), "What completes code?")
    allowed = ask(guarded(engine, action="block", thresholds={"pii": 1.0}), "What completes code?")
    assert str(allowed) == BAD
    assert "Codestral" in str(ask(guarded(engine), "What completes code?"))
