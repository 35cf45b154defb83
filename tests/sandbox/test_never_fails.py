"""Whatever is sent gets an answer or an error of Mistral's, never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from json_schemas import SCHEMAS, VALUES
from linear import assert_linear
from mistral_calls import KEY, tool, user
from portkey_mistral.sandbox import Sandbox

TEXTS = st.sampled_from(
    ["", "Hi", "What is 2 + 3?", "name: x, age: 3", "Use the tool.\n{", "Context:\n", "🎈" * 30]
)
MESSAGES = st.lists(
    TEXTS.map(user)
    | TEXTS.map(lambda text: {"role": "system", "content": text})
    | TEXTS.map(lambda text: {"role": "user", "content": [{"type": "text", "text": text}]})
    | st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"]), "content": VALUES}
    ),
    min_size=1,
    max_size=3,
)
TOOLS = st.lists(
    SCHEMAS.map(lambda schema: {"function": {"name": "f", "parameters": schema}})
    | st.just(tool("add", "Add.", a={"type": "integer"})),
    max_size=2,
)
CHAT = st.fixed_dictionaries(
    {"model": st.sampled_from(["mistral-small-latest", "mistral-large-4", "x"]), "messages": MESSAGES},
    optional={
        "tools": TOOLS,
        "tool_choice": st.sampled_from(["any", "auto", "none", {"function": {"name": "f"}}]),
        "response_format": SCHEMAS.map(
            lambda schema: {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        ) | st.just({"type": "json_object"}),
        "n": st.integers(1, 3), "stream": st.booleans(), "stop": VALUES, "max_tokens": VALUES,
        "logprobs": st.booleans(), "metadata": VALUES, "prediction": VALUES, "guardrails": VALUES,
    },
)  # fmt: skip
OTHERS = st.fixed_dictionaries(
    {"model": st.sampled_from(["codestral-latest", "mistral-embed", "mistral-moderation-latest", "gpt-4o"])},
    optional=dict.fromkeys(("prompt", "suffix", "input", "messages", "output_dimension", "stop", "n"), VALUES | TEXTS),
)  # fmt: skip
PATHS = st.sampled_from(
    ["/v1/fim/completions", "/v1/embeddings", "/v1/moderations", "/v1/chat/moderations", "/v1/models",
     "/openai/v1/chat/completions", "/openai/v1/embeddings", "/openai/v1/models", "/v1/models/", "/v1/x", "", "/v1/models/é"]
)  # fmt: skip


def answered(method: str, path: str, body: bytes) -> int:
    response = Sandbox().handle(method, path, KEY, body)
    assert isinstance(response.read(), bytes)
    return response.status


@given(CHAT, st.booleans())
def test_chat(body, openai):
    path = "/openai/v1/chat/completions" if openai else "/v1/chat/completions"
    assert answered("POST", path, json.dumps(body).encode()) in (200, 400, 403, 422)


@given(st.sampled_from(["POST", "GET", "PUT"]), PATHS, OTHERS.map(json.dumps) | st.text(max_size=9))
def test_every_endpoint(method, path, body):
    assert answered(method, path, body.encode()) in (200, 400, 404, 405, 422)


def _doubling(keyword: str) -> dict[str, Any]:
    """A schema of a hundred lines that allows a trillion combinations."""
    links = {f"a{at}": {keyword: [{"$ref": f"#/$defs/a{at + 1}"}] * 2} for at in range(40)}
    return {"$defs": links | {"a40": {"type": "string"}}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
@pytest.mark.parametrize("kind", ["schema", "tool"])
def test_a_schema_with_too_many_combinations_is_rejected(
    keyword: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portkey_mistral.sandbox.json_schema.effort._MAX_STEPS", 1000)
    schema = _doubling(keyword)
    body: dict[str, Any] = {"model": "mistral-small-latest", "messages": [user("Hi")]}
    if kind == "tool":
        body["tools"] = [{"function": {"name": "f", "parameters": schema}}]
        body["tool_choice"] = "any"
    else:
        form = {"name": "a", "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    assert answered("POST", "/v1/chat/completions", json.dumps(body).encode()) == 400


NOTE = " ".join(f"Note {at} of 2020-01-{at % 28 + 1:02d} is about Ada." for at in range(500))


@pytest.mark.parametrize(
    ("count", "status"), [(100, 200), pytest.param(20_000, 400, marks=pytest.mark.full)]
)
@pytest.mark.parametrize("kind", ["integer", "string", "boolean"])
def test_a_schema_of_many_properties_is_filled_or_rejected_in_time(
    kind: str, count: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portkey_mistral.sandbox.json_schema.effort._MAX_STEPS", 50_000)
    properties = {f"p{at}": {"type": kind} for at in range(count)}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    body = {"model": "mistral-small-latest", "messages": [user(NOTE)], "response_format": form}
    assert answered("POST", "/v1/chat/completions", json.dumps(body).encode()) == status


@pytest.mark.parametrize(
    "repeated", ["\n", " \n", "1", "<context>", "context ", "-----\n"], ids=repr
)
@pytest.mark.parametrize("role", ["user", "system"])
@pytest.mark.parametrize("kind", ["text", "schema"])
def test_the_time_is_linear_in_the_prompt(repeated: str, role: str, kind: str) -> None:
    body: dict[str, Any] = {"model": "mistral-small-latest"}
    if kind == "schema":
        properties = {"tags": {"type": "array", "items": {"type": "string"}}}
        schema = {"type": "object", "properties": properties, "required": ["tags"]}
        form = {"name": "a", "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}

    def answer(size: int) -> None:
        text = f"Hi {repeated * (size // len(repeated))}?"
        messages = [{"role": role, "content": text}, user("Why?")]
        assert (
            answered(
                "POST", "/v1/chat/completions", json.dumps({**body, "messages": messages}).encode()
            )
            == 200
        )

    assert_linear(answer, 2000)


@pytest.mark.parametrize(
    "path", ["chat/completions", "fim/completions", "embeddings", "moderations"]
)
@pytest.mark.parametrize("body", [b"\xff", "{}".encode("utf-16"), b"", b"[" * 100_000], ids=repr)
def test_a_body_that_is_no_json_is_rejected(path: str, body: bytes) -> None:
    assert answered("POST", f"/v1/{path}", body) == 422


@pytest.mark.parametrize(
    "keyword", ["minimum", "maximum", "exclusiveMinimum", "multipleOf", "const", "minLength"]
)
@pytest.mark.parametrize("kind", ["integer", "number", "string"])
@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1" + "0" * 400, "1e400", "1e-320", "NaN"])
def test_a_number_beyond_the_range_of_floats_is_answered_or_rejected(
    keyword: str, kind: str, number: str
) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": kind, keyword: "@"}},
        "required": ["a"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    body = {
        "model": "mistral-small-latest",
        "messages": [user("5 apples")],
        "response_format": form,
    }
    text = json.dumps(body).replace('"@"', number)
    assert answered("POST", "/v1/chat/completions", text.encode()) in (200, 400, 422)
