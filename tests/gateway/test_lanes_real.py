"""What reaches the target through the real gateway, parameter by parameter, on each lane."""

from __future__ import annotations

import dataclasses
import json

import pytest

import upstream as scripted
from kinds import KINDS, STREAMED, ask
from mistral_schemas import parameters
from parity import placed
from portkey_mistral import (
    APIStatusError,
    BadRequestError,
    CallOptions,
    ChatRequest,
    Client,
    ConfigurationError,
    EmbeddingRequest,
    FIMRequest,
    GuardrailDeniedError,
    ImagePart,
    Message,
    ModerationRequest,
    ParameterLossError,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
)
from upstream import UpstreamReply

pytestmark = pytest.mark.gateway

LANES = ("auto", "unified", "proxy")
ERROR = json.dumps({"object": "error", "message": "No.", "type": "oops"}).encode()
REFUSED = UpstreamReply(400, ERROR)
HELLO = [Message.user("Hello!")]
WIRE_HELLO = [{"role": "user", "content": "Hello!"}]
GUARD = {"default.contains": {"operator": "none", "words": ["Hello"]}}


@pytest.fixture(scope="module")
def upstream():
    with scripted.running() as running:
        yield running


def leaf(host="a", **more):
    return {"provider": "mistral-ai", "api_key": f"key-{host}", "custom_host": host, **more}


def fallback(*targets, **more):
    return {"strategy": {"mode": "fallback"}, "targets": list(targets), **more}


@pytest.fixture
def through(portkey_gateway_url, upstream):
    """Return a client that calls targets `a`, `b` ... of the scripted upstream through the gateway."""
    upstream.script("lanes", {})

    def make(config=None, *, script=None, **fields):
        upstream.script("lanes", script or {})
        config = placed(
            leaf() if config is None else config, lambda host: upstream.host("lanes", host)
        )
        return Client(
            gateway_url=portkey_gateway_url, portkey_config=config, max_retries=0, **fields
        )

    return make


@pytest.fixture
def came(upstream):
    """Take the requests that came upstream."""
    return lambda: upstream.take("lanes")


def parameters_of(hit):
    """Return a body without values that equal leaving them out."""
    return {name: value for name, value in hit.body.items() if value is not None}


# --- every parameter on every lane ------------------------------------------------------------------

TOOL = Tool("weather", "Tell it.", {"type": "object", "properties": {"city": {"type": "string"}}})
WIRE_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell it.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
STRICT_TOOL = Tool("now", strict=True)
WIRE_STRICT_TOOL = {
    "type": "function",
    "function": {
        "name": "now",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "strict": True,
    },
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CLOSED = SCHEMA | {"additionalProperties": False}  # what strict mode needs
WITH_TOOLS = ({"tools": [TOOL]}, {"tools": [WIRE_TOOL]})

# Name of the parameter; what the user sets; and what Mistral calls it, where that is another value.
CHAT = [
    ("temperature", 0.0),
    ("temperature", 0.7),
    ("temperature", 1.0),
    ("temperature", 1.2),
    ("temperature", 1.5),
    ("top_p", 0.0),
    ("top_p", 0.9),
    ("top_p", 1.0),
    ("max_tokens", 1),
    ("max_tokens", 0),
    ("max_tokens", 4096),
    ("min_tokens", 3),
    ("stop", "end"),
    ("stop", ["a", "b"]),
    ("random_seed", 0),
    ("random_seed", 7),
    ("presence_penalty", 0.5),
    ("frequency_penalty", -0.5),
    ("repetition_penalty", 1.1),
    ("top_k", 5),
    ("n", 2),
    ("logprobs", True),
    ("top_logprobs", 3),
    ("safe_prompt", True),
    ("safe_prompt", False),
    ("prompt_mode", "reasoning"),
    ("reasoning_effort", "high"),
    ("reasoning_effort", "none"),
    ("prompt_cache_key", "k"),
    ("service_tier", "auto"),
    ("metadata", {"a": 1}),
    ("guardrails", [{"block_on_error": True}]),
    ("prediction", "so", {"type": "content", "content": "so"}),
    ("prediction", {"type": "content", "content": "so"}),
    ("response_format", ResponseFormat("json_object"), {"type": "json_object"}),
    (
        "response_format",
        ResponseFormat("json_schema", "A", SCHEMA, strict=True),
        {"type": "json_schema", "json_schema": {"name": "A", "schema": CLOSED, "strict": True}},
    ),
    ("tools", [TOOL], [WIRE_TOOL]),
    ("tools", [{"type": "document_library", "library_ids": ["a"]}]),
    ("tools", [TOOL, STRICT_TOOL], [WIRE_TOOL, WIRE_STRICT_TOOL]),
    ("tool_choice", ToolChoice("auto"), "auto", WITH_TOOLS),
    ("tool_choice", ToolChoice("none"), "none", WITH_TOOLS),
    ("tool_choice", ToolChoice("any"), "any", WITH_TOOLS),
    (
        "tool_choice",
        ToolChoice(function="weather"),
        {"type": "function", "function": {"name": "weather"}},
        WITH_TOOLS,
    ),
    ("parallel_tool_calls", False, False, WITH_TOOLS),
    ("parallel_tool_calls", True, True, WITH_TOOLS),
    # What has no field of its own yet.
    ("prompt_logprobs", 1),
    ("top_prompt_logprobs", 2),
    ("invented_tomorrow", {"a": [1]}),
]
FIM = [
    ("suffix", "}"),
    ("temperature", 1.2),
    ("top_p", 0.5),
    ("max_tokens", 7),
    ("min_tokens", 2),
    ("stop", ["a"]),
    ("random_seed", 7),
    ("metadata", {"a": 1}),
    ("prompt_cache_key", "k"),
    ("invented_tomorrow", True),
]
EMBED = [
    ("output_dimension", 512),
    ("output_dtype", "int8"),
    ("output_dtype", "ubinary"),
    ("encoding_format", "base64"),
    ("metadata", {"a": 1}),
    ("invented_tomorrow", True),
]
# Not passed on by the unified lane, but not lost, because these are Mistral's defaults.
DEFAULTS = [
    ("n", 1),
    ("presence_penalty", 0.0),
    ("frequency_penalty", 0.0),
    ("logprobs", False),
    ("response_format", ResponseFormat("text"), {"type": "text"}),
    ("guardrails", []),
]


def named(row):
    return f"{row[0]}={row[2] if len(row) > 2 else row[1]}"


def read(row):
    """Complete a row: name, value, value on the wire, and what else is set, here and on the wire."""
    name, value, *rest = row
    wire = rest[0] if rest else value
    also, wire_also = rest[1] if len(rest) > 1 else ({}, {})
    return name, value, wire, also, wire_also


def request_of(kind, name, value, also, **base):
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**base, **also, **({name: value} if name in known else {"extra": {name: value}}))


def deliver(call, came, name):
    """Make a call to a target that refuses. Returns its body; None if it was refused before sending."""
    with pytest.raises((BadRequestError, ParameterLossError)) as caught:
        call()
    hits = came()
    if isinstance(caught.value, ParameterLossError):
        assert caught.value.parameters == (name,)
        assert hits == []
        return None
    (hit,) = hits
    return parameters_of(hit)


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("row", CHAT, ids=named)
def test_chat_parameter(through, came, row, lane):
    name, value, wire, also, wire_also = read(row)
    client = through(script={"a": [REFUSED]}, gateway_lane=lane)
    request = request_of(
        ChatRequest, name, value, also, model="mistral-small-latest", messages=HELLO
    )
    body = deliver(lambda: client.chat(request), came, name)
    expected = {"model": "mistral-small-latest", "messages": WIRE_HELLO, **wire_also, name: wire}
    assert body == expected or (body is None and lane == "unified")


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("row", DEFAULTS, ids=named)
def test_a_default_may_be_left_out(through, came, row, lane):
    name, value, wire, *_ = read(row)
    client = through(script={"a": [REFUSED]}, gateway_lane=lane)
    request = request_of(ChatRequest, name, value, {}, model="mistral-small-latest", messages=HELLO)
    body = deliver(lambda: client.chat(request), came, name)
    assert body.pop(name, wire) == wire
    assert body == {"model": "mistral-small-latest", "messages": WIRE_HELLO}


@pytest.mark.parametrize("lane", LANES)
def test_stream(through, came, lane):
    client = through(gateway_lane=lane)
    request = ChatRequest(model="mistral-small-latest", messages=HELLO)
    assert "".join(delta.text for delta in client.stream(request)) == "a"
    (hit,) = came()
    assert parameters_of(hit) == {
        "model": "mistral-small-latest",
        "messages": WIRE_HELLO,
        "stream": True,
    }


@pytest.mark.parametrize("lane", ["auto", "proxy"])
@pytest.mark.parametrize("row", FIM, ids=named)
def test_fim_parameter(through, came, row, lane):
    name, value, wire, also, _ = read(row)
    client = through(script={"a": [REFUSED]}, gateway_lane=lane)
    request = request_of(FIMRequest, name, value, also, model="codestral-latest", prompt="def f(")
    body = deliver(lambda: client.fim(request), came, name)
    assert body == {"model": "codestral-latest", "prompt": "def f(", name: wire}


@pytest.mark.parametrize("lane", ["auto", "proxy"])
def test_fim_stream(through, came, lane):
    client = through(gateway_lane=lane)
    request = FIMRequest(model="codestral-latest", prompt="def f(")
    assert "".join(delta.text for delta in client.stream(request)) == "a"
    (hit,) = came()
    assert parameters_of(hit) == {"model": "codestral-latest", "prompt": "def f(", "stream": True}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("row", EMBED, ids=named)
def test_embedding_parameter(through, came, row, lane):
    name, value, wire, also, _ = read(row)
    model = "codestral-embed" if name.startswith("output") else "mistral-embed"
    client = through(script={"a": [REFUSED]}, gateway_lane=lane)
    request = request_of(EmbeddingRequest, name, value, also, model=model, inputs=["a", "b"])
    body = deliver(lambda: client.embed(request), came, name)
    expected = {"model": model, "input": ["a", "b"], name: wire}
    assert body == expected or (body is None and lane == "unified")


def test_moderation_and_models(through, came):
    client = through(script={"a": [REFUSED]})
    model = "mistral-moderation-latest"
    for request in (
        ModerationRequest(model=model, inputs=["a"]),
        ModerationRequest(model=model, messages=HELLO),
    ):
        with pytest.raises(BadRequestError):
            client.moderate(request)
    with pytest.raises(BadRequestError):
        client.models()
    hits = [(hit.method, hit.path, hit.body, hit.key) for hit in came()]
    assert hits == [
        ("POST", "/moderations", {"model": model, "input": ["a"]}, "key-a"),
        ("POST", "/chat/moderations", {"model": model, "input": WIRE_HELLO}, "key-a"),
        ("GET", "/models", None, "key-a"),
    ]


def test_every_field_of_a_request_is_in_the_tables():
    """So that a parameter that is added here later is tried on every lane, too."""
    for kind, table, others in (
        (ChatRequest, CHAT, {"model", "messages", "name_messages", "extra"}),
        (FIMRequest, FIM, {"model", "prompt", "extra"}),
        (EmbeddingRequest, EMBED, {"model", "inputs", "extra"}),
    ):
        assert {field.name for field in dataclasses.fields(kind)} - others <= {r[0] for r in table}


@pytest.mark.parametrize(
    ("entry", "table", "others"),
    [
        # These have tests of their own above and below.
        ("chat.request", CHAT, {"model", "messages", "stream"}),
        ("fim.request", FIM, {"model", "prompt", "stream"}),
        ("embeddings.request", EMBED, {"model", "input"}),
    ],
)
def test_every_parameter_that_mistral_publishes_is_in_the_tables(entry, table, others):
    """The schemas are not part of this repository; they are only checked if they are next to it."""
    assert parameters(entry) - others <= {row[0] for row in table}


MESSAGES = [
    {"role": "system", "content": "Be short."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Grüße aus 東京 🌞"},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
        ],
    },
    {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [
            {
                "id": "abcDEF123",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
            }
        ],
    },
    {"role": "tool", "content": "Sun.", "tool_call_id": "abcDEF123", "name": "weather"},
    {"role": "assistant", "content": "It is", "prefix": True},
]


@pytest.mark.parametrize("lane", LANES)
def test_messages_of_every_kind(through, came, lane):
    client = through(script={"a": [REFUSED]}, gateway_lane=lane)
    messages = [
        Message.system("Be short."),
        Message.user([TextPart("Grüße aus 東京 🌞"), ImagePart("https://a.example/b.png")]),
        Message.assistant(
            "I look.", tool_calls=(ToolCall("abcDEF123", "weather", '{"city": "Paris"}'),)
        ),
        Message.tool("Sun.", tool_call_id="abcDEF123", name="weather"),
        Message("assistant", "It is", prefix=True),
    ]
    request = ChatRequest(model="mistral-small-latest", messages=messages)
    body = deliver(lambda: client.chat(request), came, "messages")
    assert body["messages"] == MESSAGES


# --- without a config -------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    "row", [("temperature", 0.5), ("random_seed", 7), ("stop", ["a"])], ids=named
)
def test_without_a_config(portkey_gateway_url, upstream, came, row, lane):
    upstream.script("lanes", {"a": [REFUSED]})
    client = Client(
        gateway_url=portkey_gateway_url,
        api_key="key-a",
        base_url=upstream.host("lanes", "a"),
        gateway_lane=lane,
        max_retries=0,
    )
    name, value = row
    request = ChatRequest(model="mistral-small-latest", messages=HELLO, **{name: value})
    body = deliver(lambda: client.chat(request), came, name)
    assert body == {
        "model": "mistral-small-latest",
        "messages": WIRE_HELLO,
        name: value,
    } or (body is None and lane == "unified")


# --- Mistral and OpenAI in one config ---------------------------------------------------------------

GPT = {**leaf("b"), "provider": "openai", "override_params": {"model": "gpt-4o-mini"}}
KEPT = {
    "response_format": {"type": "json_object"},
    "stop": ["end"],
    "presence_penalty": 0.5,
    "frequency_penalty": 0.25,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_mixed_targets_get_the_same_parameters(through, came, streamed):
    client = through(fallback(leaf("a"), GPT), script={"a": [UpstreamReply(503, ERROR)]})
    request = ChatRequest(
        model="mistral-small-latest",
        messages=HELLO,
        random_seed=7,
        safe_prompt=True,
        **{**KEPT, "response_format": ResponseFormat("json_object")},
    )
    if streamed:
        with client.stream(request) as stream:
            text, info = "".join(delta.text for delta in stream), stream.info
    else:
        answer = client.chat(request)
        text, info = answer.text, answer.info
    mistral, openai = came()
    both = {"messages": WIRE_HELLO, **KEPT} | ({"stream": True} if streamed else {})
    assert parameters_of(mistral) == {
        **both, "model": "mistral-small-latest", "random_seed": 7, "safe_prompt": True,
    }  # fmt: skip
    usage = {"stream_options": {"include_usage": True}} if streamed else {}
    assert parameters_of(openai) == {**both, **usage, "model": "gpt-4o-mini", "seed": 7}
    assert [mistral.key, openai.key] == ["key-a", "key-b"]
    assert text == "b"
    assert info.lane == "proxy"
    assert info.option_path == "config.targets[1]"
    assert info.lost == ("safe_prompt",)


# --- conditions -------------------------------------------------------------------------------------

CONDITIONS = [
    ("params.model", "mistral-small-latest", {}),
    ("params.temperature", 0.5, {"temperature": 0.5}),
    ("params.max_tokens", 7, {"max_tokens": 7}),
    ("params.max_completion_tokens", 7, {"max_tokens": 7}),
    ("params.random_seed", 7, {"random_seed": 7}),
    ("params.seed", 7, {"random_seed": 7}),
    ("params.safe_prompt", True, {"safe_prompt": True}),
    ("params.stop", "end", {"stop": "end"}),
    ("params.tool_choice", "any", {"tools": [TOOL], "tool_choice": ToolChoice("any")}),
    ("params.tool_choice", "required", {"tools": [TOOL], "tool_choice": ToolChoice("any")}),
    ("params.user", "u", {}),
    ("metadata.tier", "gold", {}),
    ("url.pathname", "/v1/chat/completions", {}),
    ("url.pathname", "/v1/chat/completions", {"stop": "end"}),
]


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(("key", "value", "fields"), CONDITIONS, ids=lambda part: str(part)[:30])
def test_a_condition_picks_the_same_target_on_every_lane(
    through, came, upstream, key, value, fields, lane
):
    """The same as without a gateway; or the lane is refused, because the gateway would not see the key."""
    config = {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {key: value}, "then": "holds"}],
            "default": "else",
        },
        "targets": [leaf("a", name="holds"), leaf("b", name="else")],
    }
    request = ChatRequest(model="mistral-small-latest", messages=HELLO, **fields)
    options = CallOptions(portkey_metadata={"tier": "gold"})
    upstream.script("lanes", {})
    located = placed(config, lambda host: upstream.host("lanes", host))
    Client(portkey_config=located).chat(request, options)
    (direct,) = came()
    client = through(config, gateway_lane=lane)
    try:
        client.chat(request, options)
    except (ParameterLossError, ConfigurationError):
        assert came() == []
    else:
        assert [hit.key for hit in came()] == [direct.key]


# --- guardrails -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["auto", "unified"])
def test_a_guardrail_that_denies(through, came, lane):
    client = through(leaf(input_guardrails=[{**GUARD, "deny": True}]), gateway_lane=lane)
    with pytest.raises(GuardrailDeniedError) as denied:
        client.chat(ChatRequest(model="mistral-small-latest", messages=HELLO))
    assert denied.value.status_code == 446
    with pytest.raises(ParameterLossError, match="stop"):
        client.chat(ChatRequest(model="mistral-small-latest", messages=HELLO, stop="end"))
    assert came() == []


def test_guardrails_do_not_run_on_the_proxy_lane_that_was_asked_for(through, came):
    client = through(leaf(input_guardrails=[{**GUARD, "deny": True}]), gateway_lane="proxy")
    answer = client.chat(ChatRequest(model="mistral-small-latest", messages=HELLO, stop="end"))
    assert answer.text == "a"
    assert len(came()) == 1


def test_a_guardrail_that_only_warns_is_a_success(through, came):
    client = through(leaf(input_guardrails=[GUARD]))
    answer = client.chat(ChatRequest(model="mistral-small-latest", messages=HELLO))
    assert answer.text == "a"
    assert [attempt.status for attempt in answer.info.attempts] == [246]
    assert len(came()) == 1


# --- a Portkey key in front of the open-source gateway ----------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED], ids=repr)
def test_what_the_open_source_gateway_dropped_behind_a_portkey_key_is_named(kind, through, came):
    """A key of the environment makes it look like the enterprise gateway, which carries response_format."""
    client = through(portkey_api_key="pk")
    answer = kind.run(client, ask(response_format=ResponseFormat("json_object")), None)
    (hit,) = came()
    assert "response_format" not in hit.body
    assert answer.info.lost == ("response_format",)
    proxied = through(portkey_api_key="pk", gateway_lane="proxy")
    kind.run(proxied, ask(response_format=ResponseFormat("json_object")), None)
    assert came()[0].body["response_format"] == {"type": "json_object"}


# --- what a gateway cannot do -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (
            {
                "strategy": {"mode": "loadbalance", "failover": True},
                "targets": [leaf("a"), leaf("b")],
            },
            "failover",
        ),
        ({**fallback(leaf("a")), "strategy": {"mode": "fallback", "skip": ["context"]}}, "skip"),
    ],
    ids=["failover", "skip"],
)
def test_keys_of_direct_mode_are_rejected_by_name(through, config, key):
    with pytest.raises(ConfigurationError, match=rf"config\.strategy\.{key}"):
        through(config)


def test_the_largest_config(through, came):
    """The gateway takes what is let through; what is not tells how large it is."""

    def client(size):
        return through(leaf(override_params={"metadata": {"note": "x" * size}}))

    request = ChatRequest(model="mistral-small-latest", messages=HELLO)
    assert client(13_900).chat(request).text == "a"
    assert len(came()) == 1
    with pytest.raises(ConfigurationError, match=r"is 1[67]\d\d\d bytes"):
        client(16_500).chat(request)
    assert came() == []


# --- what came back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["unified", "proxy"])
def test_an_error_in_a_good_answer(through, lane):
    reply = UpstreamReply(200, b'{"error": {"message": "No.", "type": "oops"}}')
    client = through(script={"a": [reply]}, gateway_lane=lane)
    with pytest.raises(APIStatusError, match=r"No\."):
        client.chat(ChatRequest(model="mistral-small-latest", messages=HELLO))


@pytest.mark.parametrize("lane", ["unified", "proxy"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_how_a_call_went(through, lane, streamed):
    expected = (("mistral-correlation-id", "m1"), ("x-ratelimit-remaining-requests", "9"))
    script = {
        "a": [UpstreamReply(500, ERROR)],
        "b": [UpstreamReply(500, ERROR), UpstreamReply(headers=expected)],
    }
    config = fallback(leaf("a"), leaf("b", retry={"attempts": 1}))
    client = through(config, script=script, gateway_lane=lane, trace_id="t1")
    request = ChatRequest(model="mistral-small-latest", messages=HELLO)
    if streamed:
        with client.stream(request) as stream:
            list(stream)
            info = stream.info
    else:
        info = client.chat(request).info
    assert (info.mode, info.lane, info.provider) == ("gateway", lane, "mistral-ai")
    assert (info.option_path, info.retry_count) == ("config.targets[1]", 1)
    assert (info.cache_status, info.trace_id, info.request_id) == ("DISABLED", "t1", "m1")
    assert info.rate_limits["x-ratelimit-remaining-requests"] == "9"
