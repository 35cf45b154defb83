"""The requests that Mistral rejects, with its status, type, code and text, in its order of checks."""

from __future__ import annotations

import json

import pytest

from mistral_calls import KEY, assistant, call, chat, chat_body, post, result, tool, user
from mistral_schemas import conforms
from portkey_mistral.sandbox import Sandbox

CHAT = "/v1/chat/completions"
SYSTEM = {"role": "system", "content": "Be brief."}
IMAGE = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": "https://example.com/a.png"}],
}
ARGS = "invalid_request_invalid_args"
ORDER = "invalid_request_message_order"
CALLS = "invalid_function_call"


@pytest.fixture
def sandbox():
    return Sandbox(clock=lambda: 1_795_392_000)  # 2026-11-23


REFUSED = [
    # model
    ({"model": "gpt-4o"}, "invalid_model", "1500", "Invalid model: gpt-4o"),
    ({"model": "mistral/mistral-small-latest"}, "invalid_model", "1500", "Invalid model: mistral/"),
    ({"model": "open-mistral-7b"}, "invalid_model", "1500", "Invalid model: open-mistral-7b"),
    ({"model": "mistral-large-2411"}, "invalid_model", "1500", "Invalid model: mistral-large-2411"),
    ({"model": "mistral-embed"}, "invalid_model", "1500", "Invalid model: mistral-embed"),
    # shape of the conversation
    ({"messages": []}, ORDER, "3230", "Conversation must have at least one message"),
    ({"messages": [assistant("x", prefix=True)]}, ORDER, "3230", "Expected a single message"),
    ({"messages": [user("x"), assistant("y")]}, ORDER, "3230", "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"),
    ({"messages": [user("x"), assistant("", call()), result(), user("y")]}, ORDER, "3230", "Unexpected role 'user' after role 'tool'"),
    ({"messages": [SYSTEM, result()]}, ORDER, "3230", "Unexpected role 'tool' after role 'system'"),
    ({"messages": [user("x"), assistant("", call()), user("y")]}, ORDER, "3230", "Not the same number of function calls and responses"),
    ({"messages": [user("x"), assistant("y"), result()]}, ORDER, "3230", "Not the same number of function calls and responses"),
    ({"messages": [user("x"), assistant("", call(), call(tool_id="abcdefghj")), result()]}, ORDER, "3230", "Not the same number of function calls and responses"),
    ({"messages": [user("x"), assistant(""), user("y")]}, "invalid_request_assistant_message", "3240", "Assistant message must have either content or tool_calls, but not none."),
    ({"messages": [user("x"), assistant("y", prefix=True), user("z")]}, "invalid_request_assistant_message", "3240", "must be last"),
    # ids of tool calls
    ({"messages": [user("x"), assistant("", call(tool_id="call_1")), result(tool_id="call_1")]}, CALLS, "3280", "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9."),
    ({"messages": [user("x"), assistant("", call(tool_id="null")), result(tool_id="null")]}, CALLS, "3280", "Tool call id has to be defined in serving mode."),
    ({"messages": [user("x"), assistant("", call()), result(tool_id=None)]}, CALLS, "3280", "Tool call id has to be defined."),
    ({"messages": [user("x"), assistant("", call()), result(tool_id="zzzzzzzzz")]}, CALLS, "3280", "Unexpected tool call id"),
    ({"messages": [user("x"), assistant("", call(), call()), result(), result()]}, CALLS, "3280", "Duplicate tool call id"),
    # what the model can do, and sampling
    ({"tool_choice": "any"}, ARGS, "3051", "there are no tools"),
    ({"tools": [tool("f")], "tool_choice": {"function": {"name": "g"}}}, ARGS, "3051", "names g"),
    ({"tools": [tool(f"f{n}") for n in range(129)]}, ARGS, "3051", "Too many tools: 129"),
    ({"tools": [tool("f", a={"type": "str"})]}, ARGS, "3051", '#/properties/a/type: "str" is not a type'),
    ({"tools": [{"function": {"name": "f", "parameters": {"properties": []}}}]}, ARGS, "3051", "#/properties: [] is not an object"),
    ({"tools": [{"function": {"name": "f", "parameters": {"required": "a"}}}]}, ARGS, "3051", "is not an array of strings"),
    ({"model": "codestral-latest", "messages": [IMAGE]}, ARGS, "3051", "Image content is not supported"),
    ({"model": "mistral-large-latest", "n": 2}, ARGS, "3051", "n > 1"),
    ({"n": 2, "prediction": {"content": "x"}}, ARGS, "3051", "n > 1 is not supported with prediction"),
    ({"model": "ministral-8b-latest", "prediction": {"content": "x"}}, ARGS, "3051", "Predicted outputs"),
    ({"top_k": 3}, ARGS, "3051", "top_k sampling is not enabled for this model"),
    ({"prompt_mode": "reasoning"}, ARGS, "3051", "Reasoning prompt mode is not enabled for this model"),
    ({"reasoning_effort": "low"}, ARGS, "3051", "use one of: none, high"),
    ({"model": "ministral-8b-latest", "reasoning_effort": "high"}, ARGS, "3051", "not enabled"),
    ({"temperature": 0, "top_p": 0.5}, ARGS, "3051", "top_p must be 1 when using greedy sampling."),
    ({"response_format": {"type": "json_schema"}}, ARGS, "3051", "needs a json_schema"),
    # room
    ({"max_tokens": 262_144}, ARGS, "3051", "too large for model with 262144 maximum context length"),
    ({"messages": [user("word " * 262_144)]}, ARGS, "3051", "Prompt contains 262149 tokens and 0 draft tokens, too large"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "kind", "code", "text"), REFUSED, ids=lambda each: repr(each)[:60]
)
def test_refusals_in_mistrals_words(sandbox, fields, kind, code, text):
    status, body = post(sandbox, CHAT, {**chat_body("Hello"), **fields})
    assert (status, body["type"], body["code"]) == (400, kind, code)
    assert text in body["message"]
    assert (body["object"], body["param"], body["raw_status_code"]) == ("error", None, 400)
    assert conforms("error.any", body)


TAKEN = [
    [SYSTEM],
    [user("a"), user("b"), SYSTEM],
    [SYSTEM, SYSTEM, user("a"), user("b"), assistant("c"), assistant("d"), user("e")],
    [user("a"), assistant("b", prefix=True)],
    [
        user("a"),
        assistant("", call(), call(tool_id="abcdefghj")),
        result(),
        result(tool_id="abcdefghj"),
    ],
    [user("a"), assistant("text too", call()), result(), assistant("so"), user("b")],
    [user("a"), {"role": "assistant", "content": [], "tool_calls": [call()]}, result()],
    [user(None)],
]


@pytest.mark.parametrize("messages", TAKEN, ids=lambda each: "-".join(m["role"] for m in each))
def test_conversations_that_mistral_takes(sandbox, messages):
    status, body = post(sandbox, CHAT, chat_body(*messages))
    assert status == 200, body


# One body with a fault of every kind; taking away the first leaves the next.
ORDER_OF_CHECKS = [
    (422, {"seed": 1}, "invalid_request_error"),
    (400, {"model": "nobody"}, "invalid_model"),
    (400, {"messages": [user("x"), assistant("", call(tool_id="bad"))]}, ORDER),
    (
        400,
        {"messages": [user("x"), assistant("", call(tool_id="bad")), result(tool_id="bad")]},
        CALLS,
    ),
    (400, {"temperature": 0, "top_p": 0.5}, ARGS),
]


@pytest.mark.parametrize("first", range(len(ORDER_OF_CHECKS)))
def test_checks_come_in_one_order(sandbox, first):
    body = {**chat_body("Hello"), "max_tokens": 10**6}
    for _, fields, _ in reversed(ORDER_OF_CHECKS[first:]):
        body |= fields
    status, kind = ORDER_OF_CHECKS[first][0], ORDER_OF_CHECKS[first][2]
    got, answer = post(sandbox, CHAT, body)
    assert (got, answer["type"]) == (status, kind)


def test_a_422_lists_every_error_with_its_location(sandbox):
    messages = [
        user("x"),
        {"role": "user", "content": "y", "name": "bob"},
        {"role": "developer", "content": "z"},
    ]
    status, body = chat(sandbox, *messages, temperature=2, top_p="much", seed=3)
    assert status == 422
    assert (body["type"], body["code"], body["raw_status_code"]) == (
        "invalid_request_error",
        None,
        422,
    )
    items = {item["type"]: item for item in body["message"]["detail"] if item["loc"][-1] != "seed"}
    assert items["extra_forbidden"]["loc"] == ["body", "messages", 1, "user", "name"]
    assert items["union_tag_invalid"]["loc"] == ["body", "messages", 2]
    assert items["less_than_equal"]["ctx"] == {"le": 1.5}
    assert items["less_than_equal"]["msg"] == "Input should be less than or equal to 1.5"
    assert items["float_parsing"]["input"] == "much"
    assert not any("url" in item for item in body["message"]["detail"])
    assert conforms("error.any", body)


SLUGS = [
    ({"messages": None}, "list_type", ["body", "messages"]),
    ({"max_tokens": "ten"}, "int_parsing", ["body", "max_tokens"]),
    ({"max_tokens": "10"}, "int_type", ["body", "max_tokens"]),
    ({"top_p": 0}, "greater_than", ["body", "top_p"]),
    ({"n": 0}, "greater_than_equal", ["body", "n"]),
    ({"reasoning_effort": "extreme"}, "enum", ["body", "reasoning_effort"]),
    ({"messages": [{"content": "x"}]}, "union_tag_not_found", ["body", "messages", 0]),
    ({"messages": [user(3)]}, "string_type", ["body", "messages", 0, "user", "content", "str"]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "slug", "place"), SLUGS, ids=lambda each: repr(each)[:40])
def test_errors_have_pydantics_types(sandbox, fields, slug, place):
    status, body = post(sandbox, CHAT, {**chat_body("Hello"), **fields})
    assert status == 422
    assert (slug, place) in [(item["type"], item["loc"]) for item in body["message"]["detail"]]


def test_a_missing_field_and_a_body_that_is_no_json(sandbox):
    status, body = post(sandbox, CHAT, {"messages": [user("x")]})
    assert (status, body["message"]["detail"][0]["loc"]) == (422, ["body", "model"])
    assert body["message"]["detail"][0]["msg"] == "Field required"
    status, body = post(sandbox, CHAT, b"{nope")
    assert (status, body["message"]["detail"][0]["type"]) == (422, "json_invalid")


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer wrong-key", "Bearer sk-invalid-1", "key"],
)
def test_a_wrong_key_is_401_before_the_body_is_read(sandbox, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    assert post(sandbox, CHAT, b"{nope", headers) == (401, {"detail": "Unauthorized"})


def test_unknown_paths_and_wrong_methods(sandbox):
    assert post(sandbox, "/v1/nothing", {}) == (404, {"detail": "Not Found"})
    reply = sandbox.handle("GET", CHAT, KEY, b"")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert json.loads(reply.read()) == {"detail": "Method Not Allowed"}


def test_the_clock_decides_what_is_retired():
    before = Sandbox(clock=lambda: 1_700_000_000)
    assert (
        post(before, CHAT, chat_body("Hello", model="open-mistral-7b"))[1]["type"]
        == "invalid_model"
    )
    early = Sandbox(clock=lambda: 1_767_225_600)  # 2026-01-01
    status, _ = post(early, CHAT, chat_body("Hello", model="mistral-large-2411"))
    assert status == 200


def test_a_deprecated_model_says_when_it_ends():
    spring = Sandbox(clock=lambda: 1_775_000_000)  # 2026-03-31
    reply = spring.handle(
        "POST", CHAT, KEY, json.dumps(chat_body("Hi", model="mistral-large-2411")).encode()
    )
    assert reply.headers["x-model-deprecation-timestamp"] == "2026-05-31T00:00:00Z"


@pytest.mark.parametrize("kind", ["web_search", "web_search_premium", "code_interpreter"])
def test_tools_of_agents_are_refused_in_chat(sandbox, kind):
    status, body = chat(sandbox, "Hi", tools=[{"type": kind}])
    assert (status, body["code"]) == (400, "3051")
    assert kind in body["message"]


@pytest.mark.parametrize(
    "tool", [{"type": "image_generation"}, {"type": "document_library", "library_ids": ["a"]}]
)
def test_tools_that_chat_runs_are_accepted(sandbox, tool):
    assert chat(sandbox, "Hi", tools=[tool])[0] == 200


@pytest.mark.parametrize(
    "schema",
    [
        b'{"type": "integer", "minimum": 1e999}',
        b'{"type": "string", "minLength": 1e999}',
        b'{"type": "array", "minItems": 1e308}',
        b'{"type": "number", "multipleOf": 1e-320, "minimum": 1e300}',
        b'{"type": "integer", "const": 1e400}',
        b'{"enum": [1e999]}',
        b"{" + b'"items": {' * 150 + b"}" * 150 + b"}",
    ],
)
def test_a_schema_with_odd_numbers_is_answered_or_refused(sandbox, schema):
    head = (
        b'{"model": "mistral-small-latest", "messages": [{"role": "user", "content": "1e999 12"}], '
    )
    formatted = (
        head
        + b'"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": '
        + schema
        + b"}}}"
    )
    tooled = (
        head
        + b'"tool_choice": "any", "tools": [{"function": {"name": "f", "parameters": '
        + schema
        + b"}}]}"
    )
    for body in (formatted, tooled):
        response = sandbox.handle("POST", "/v1/chat/completions", KEY, body)
        assert response.status in (200, 400, 422)
        assert json.loads(response.read())
