"""Our closed request models accept and reject the same bodies as Mistral's published schemas.

The schemas are no part of this repository. Where they lie beside it they are asked as well; our own
verdicts are tested either way.
"""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistral_schemas import published
from portkey_mistral.sandbox.endpoints.request import parse
from portkey_mistral.sandbox.errors import RefusalError
from portkey_mistral.sandbox.request_models import (
    ChatModerationRequest,
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
)

MODELS = {
    "chat.request": ChatRequest,
    "fim.request": FIMRequest,
    "embeddings.request": EmbeddingRequest,
    "moderations.request": ModerationRequest,
    "chat.moderations.request": ChatModerationRequest,
}


def faults(entry, body):
    """Return the items of our refusal, none where the body is taken."""
    try:
        parse(MODELS[entry], json.dumps(body).encode())
    except RefusalError as refusal:
        return refusal.body["message"]["detail"]
    return []


def accepts(entry, body):
    found = faults(entry, body)
    assert all(item["loc"][0] == "body" for item in found)
    return not found


def agree(entry, body):
    """Return our verdict, after asking the published schema for its own where it is at hand."""
    ours = accepts(entry, body)
    validator = published(entry)
    if validator is not None:
        assert validator.is_valid(body) == ours, body
    return ours


def chat(**fields):
    return {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}


def talk(*messages):
    return chat(messages=list(messages))


def content(*chunks, role="user"):
    return talk({"role": role, "content": list(chunks)})


def calling(**fields):
    return talk(
        {
            "role": "assistant",
            "tool_calls": [{"function": {"name": "f", "arguments": "{}"}, **fields}],
        }
    )


def tooled(tool, **fields):
    return chat(tools=[tool], **fields)


FUNCTION = {"name": "f", "parameters": {}}
TEXT = {"type": "text", "text": "x"}

GOOD = [
    chat(),
    chat(messages=[]),
    *(chat(temperature=value) for value in (0, 0.0, 1, 1.5, None)),
    *(chat(top_p=value) for value in (0.01, 1, None)),
    *(chat(max_tokens=value) for value in (0, 10, 10.0, None)),
    *(chat(stop=value) for value in ("a", ["a", "b"], [], None)),
    chat(random_seed=0, min_tokens=1, n=1, presence_penalty=-2, frequency_penalty=2),
    chat(random_seed=None, n=None, presence_penalty=None, frequency_penalty=None, tools=None),
    chat(repetition_penalty=1.1, top_k=5, logprobs=True, top_logprobs=2, safe_prompt=True),
    chat(prompt_logprobs=False, top_prompt_logprobs=0, metadata={"a": [1, {"b": None}]}),
    chat(response_format={}),
    chat(response_format={"type": "json_object"}),
    chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}),
    chat(response_format={"type": "json_schema", "json_schema": None}),
    chat(reasoning_effort="max", prompt_mode="reasoning", service_tier="auto", prompt_cache_key="k"),
    chat(reasoning_effort=None, prompt_mode=None, service_tier=None, prompt_cache_key=None),
    chat(prediction={"type": "content", "content": "x"}),
    chat(prediction={}),
    chat(guardrails=[{"moderation_llm_v2": {"action": "block", "unknown": 1}, "also": "open"}]),
    chat(guardrails=[{"moderation_llm_v1": {"custom_category_thresholds": {"pii": 0.2, "law": None}}}]),
    chat(parallel_tool_calls=False, stream=True),
    *(chat(tool_choice=value) for value in ("auto", "none", "any", "required")),
    chat(tool_choice={"type": "function", "function": {"name": "f"}}),
    chat(tool_choice={"function": {"name": "f"}}),
    chat(tools=[]),
    tooled({"function": FUNCTION}),
    tooled({"type": "function", "function": {**FUNCTION, "description": "d", "strict": True}}),
    tooled({"type": "web_search"}),
    tooled({"type": "web_search_premium", "tool_configuration": {"include": ["a"]}}),
    tooled({"type": "code_interpreter", "tool_configuration": None}),
    tooled({"type": "image_generation"}),
    tooled({"type": "document_library", "library_ids": ["a"]}),
    tooled({"type": "connector", "connector_id": "c", "authorization": {"type": "api-key", "value": "v"}}),
    talk({"role": "system", "content": "x"}, {"role": "user", "content": None}),
    talk({"role": "assistant"}),
    talk({"role": "assistant", "content": None, "tool_calls": None, "prefix": True}),
    talk({"role": "tool", "content": "x", "tool_call_id": None, "name": "f"}),
    calling(),
    calling(id="abc", type="function", index=3),
    talk({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}),
    content(TEXT, {"type": "image_url", "image_url": "https://x/y.png"}),
    content({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}),
    content({"type": "document_url", "document_url": "https://x", "document_name": None}),
    content({"type": "file", "file_id": "9b2f1b8e-0b5c-4d9e-8a73-3f1b2c4d5e6f"}),
    content({"type": "reference", "reference_ids": [1, "two"]}),
    content({"type": "input_audio", "input_audio": "AAAA"}),
    content({"type": "thinking", "thinking": [TEXT], "closed": False, "signature": None}),
    content({"type": "thinking", "thinking": []}, role="system"),
    content({"type": "thinking", "thinking": [{"tool": "web_search", "title": "t"}]}),
    content({"type": "resource", "uri": "u", "content": TEXT}),
    content({"type": "resource_link", "uri": "u", "metadata": {"a": 1, "b": "c", "d": True}}),
]  # fmt: skip

BAD = [
    {},
    {"model": "m"},
    {"messages": []},
    chat(model=None),
    chat(model=3),
    chat(messages="hello"),
    *(chat(temperature=value) for value in (-0.1, 1.6, "0.5", True, [])),
    *(chat(top_p=value) for value in (0, 1.1, "1")),
    *(chat(max_tokens=value) for value in (-1, 1.5, "10", True)),
    *(chat(stop=value) for value in (1, [1], {})),
    *(chat(n=value) for value in (0, "1")),
    *(chat(presence_penalty=value) for value in (-2.1, 2.1, "x")),
    *(chat(stream=value) for value in (None, "true", 1)),
    *(chat(reasoning_effort=value) for value in ("extreme", "", 3)),
    *(chat(service_tier=value) for value in ("flex", 1)),
    *(chat(**{name: value}) for name, value in [
        ("seed", 1), ("user", "u"), ("store", True), ("stream_options", {}), ("max_completion_tokens", 5),
        ("logit_bias", {}), ("functions", []), ("function_call", "auto"), ("modalities", ["text"]),
    ]),
    chat(random_seed=-1),
    chat(random_seed=1.5),
    chat(safe_prompt=None),
    chat(parallel_tool_calls=None),
    chat(tool_choice="always"),
    chat(tool_choice={"type": "function"}),
    chat(tool_choice={"function": {"name": "f", "extra": 1}}),
    chat(response_format=None),
    chat(response_format={"type": "yaml"}),
    chat(response_format={"type": "json_schema", "json_schema": {"name": "a"}}),
    chat(response_format={"type": "json_schema", "json_schema": {"schema": {}}}),
    chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "x": 1}}),
    chat(prediction={"type": "text"}),
    chat(metadata="x"),
    chat(metadata=[]),
    chat(prompt_mode="fast"),
    chat(guardrails={}),
    chat(guardrails=[{"moderation_llm_v2": {"action": "warn"}}]),
    tooled({"type": "function"}),
    tooled({"type": "function", "function": {"name": "f"}}),
    tooled({"type": "function", "function": {"name": "has space", "parameters": {}}}),
    tooled({"type": "function", "function": {"name": "f" * 65, "parameters": {}}}),
    tooled({"type": "function", "function": {**FUNCTION, "strict": None}}),
    tooled({"type": "function", "function": FUNCTION, "cache_control": {}}),
    tooled({"type": "mystery"}),
    tooled({"type": None, "function": FUNCTION}),
    tooled({"type": "document_library", "library_ids": []}),
    tooled({"type": "connector"}),
    tooled({"type": "connector", "connector_id": "c", "authorization": {"value": "v"}}),
    tooled("f"),
    talk({"content": "x"}),
    talk({"role": "developer", "content": "x"}),
    talk({"role": "user"}),
    talk({"role": "user", "content": "x", "name": "bob"}),
    talk({"role": "user", "content": 3}),
    talk({"role": "system", "content": None}),
    talk({"role": "system", "content": "x", "name": "bob"}),
    talk({"role": "assistant", "content": "x", "refusal": None}),
    talk({"role": "assistant", "content": "x", "reasoning_content": "y"}),
    talk({"role": "assistant", "prefix": None}),
    talk({"role": "tool", "tool_call_id": "a"}),
    talk({"role": "tool", "content": "x", "status": "error"}),
    talk("hello"),
    calling(id=None),
    calling(type="tool"),
    calling(extra=1),
    talk({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}),
    talk({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]}),
    content({"text": "x"}),
    content({"type": "text"}),
    content({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
    content({"type": "input_text", "text": "x"}),
    content({"type": "image_url", "image_url": {"url": "u", "detail": "huge"}}),
    content({"type": "image_url"}),
    content({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}),
    content({"type": "file", "file_id": "not-a-uuid"}),
    content({"type": "thinking", "thinking": "hm"}),
    content({"type": "image_url", "image_url": "u"}, role="system"),
    content({"type": "resource_link", "uri": "u", "metadata": {"a": []}}),
    content("x"),
]  # fmt: skip

OTHERS = [
    ("fim.request", {"model": "m", "prompt": "p"}, True),
    ("fim.request", {"model": "m", "prompt": "p", "suffix": None, "stop": ["x"], "min_tokens": 0}, True),
    ("fim.request", {"prompt": "p"}, False),
    ("fim.request", {"model": "m", "prompt": None}, False),
    ("fim.request", {"model": "m", "prompt": "p", "n": 2}, False),
    ("fim.request", {"model": "m", "prompt": "p", "tools": []}, False),
    ("embeddings.request", {"model": "m", "input": "x"}, True),
    ("embeddings.request", {"model": "m", "input": ["x", ""], "output_dimension": 8}, True),
    ("embeddings.request", {"model": "m", "input": [], "output_dtype": "ubinary"}, True),
    ("embeddings.request", {"model": "m", "input": "x", "encoding_format": "base64"}, True),
    ("embeddings.request", {"model": "m", "inputs": "x"}, False),
    ("embeddings.request", {"model": "m", "input": [1]}, False),
    ("embeddings.request", {"model": "m", "input": None}, False),
    ("embeddings.request", {"model": "m", "input": "x", "output_dimension": 0}, False),
    ("embeddings.request", {"model": "m", "input": "x", "output_dtype": "int4"}, False),
    ("embeddings.request", {"model": "m", "input": "x", "dimensions": 8}, False),
    ("moderations.request", {"model": "m", "input": ["x"], "metadata": None}, True),
    ("moderations.request", {"model": "m"}, False),
    ("moderations.request", {"model": "m", "input": {"a": 1}}, False),
    ("chat.moderations.request", {"model": "m", "input": [{"role": "user", "content": "x"}]}, True),
    ("chat.moderations.request", {"model": "m", "input": [[{"role": "user", "content": "x"}]]}, True),
    ("chat.moderations.request", {"model": "m", "input": "x"}, False),
    ("chat.moderations.request", {"model": "m", "input": [], "metadata": {}}, False),
]  # fmt: skip


@pytest.mark.parametrize("body", GOOD, ids=repr)
def test_good_chat_bodies_are_taken(body):
    assert agree("chat.request", body)


@pytest.mark.parametrize("body", BAD, ids=repr)
def test_bad_chat_bodies_are_refused(body):
    assert not agree("chat.request", body)


@pytest.mark.parametrize(("entry", "body", "good"), OTHERS, ids=repr)
def test_other_endpoints(entry, body, good):
    assert agree(entry, body) is good


# Bodies that nobody thought of: a good one with one place changed, taken away or added.

JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.sampled_from(["", "text", "auto", "high", "function", "user", "assistant", "null"]),
    st.just([]),
    st.just({}),
    st.just([TEXT]),
    st.just({"type": "text", "text": "x"}),
)


def places(value, path=()):
    yield path
    match value:
        case dict():
            for key, each in value.items():
                yield from places(each, (*path, key))
        case list():
            for index, each in enumerate(value):
                yield from places(each, (*path, index))


@st.composite
def mutated(draw):
    body = copy.deepcopy(draw(st.sampled_from(GOOD)))
    path = draw(st.sampled_from(list(places(body))))
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    match draw(st.sampled_from(["change", "remove", "add"])):
        case "change" if path:
            holder[path[-1]] = draw(JSON_VALUES)
        case "remove" if path:
            del holder[path[-1]]
        case _ if isinstance(holder, dict):
            holder[draw(st.sampled_from(["name", "type", "index", "seed", "content", "x"]))] = draw(
                JSON_VALUES
            )
        case _:
            holder.append(draw(JSON_VALUES))
    return body


@given(mutated())
def test_changed_bodies_get_the_same_verdict(body):
    assert agree("chat.request", body) in {True, False}
