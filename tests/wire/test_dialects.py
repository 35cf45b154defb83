import copy

import pytest

from portkey_mistral._wire.dialects import dialect_of, encode
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError

HI = [{"role": "user", "content": "hi"}]
BODY = {"model": "m", "messages": HI, "temperature": 0.5}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def encode_unchanged(body, dialect, overrides=None, operation="chat"):
    before = copy.deepcopy(body)
    encoded = encode(body, overrides or {}, dialect, operation)
    assert body == before
    return encoded


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, BODY),
        ({"model": "other"}, {**BODY, "model": "other"}),
        ({"seed": 7}, {**BODY, "random_seed": 7}),
        ({"max_completion_tokens": 7}, {**BODY, "max_tokens": 7}),
        ({"safe_mode": True}, {**BODY, "safe_prompt": True}),
        ({"temperature": None}, {"model": "m", "messages": HI}),
        ({"tools": []}, BODY),
        ({"new": {"a": 1}}, {**BODY, "new": {"a": 1}}),
    ],
)
def test_overrides_win_in_mistrals_dialect(overrides, expected):
    assert encode_unchanged(BODY, "mistral", overrides).body == expected
    assert encode_unchanged(BODY, "mistral", overrides).lost == ()


def test_nested_values_are_replaced_and_not_merged():
    body = {**BODY, "response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}
    merged = encode_unchanged(body, "mistral", {"response_format": {"type": "json_object"}}).body
    assert merged["response_format"] == {"type": "json_object"}


def test_an_override_that_takes_the_tools_away_takes_their_choice_along():
    body = {**BODY, "tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": True}
    assert encode_unchanged(body, "mistral", {"tools": None}).body == BODY
    with pytest.raises(InvalidRequestError, match="no tools"):
        encode_unchanged({**body, "tool_choice": "any"}, "mistral", {"tools": []})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"random_seed": 1}, {"seed": 1}),
        ({"max_tokens": 5}, {"max_completion_tokens": 5}),
        ({"metadata": {"a": "b"}, "store": True}, {"metadata": {"a": "b"}, "store": True}),
        ({"tools": [TOOL], "tool_choice": "any"}, {"tools": [TOOL], "tool_choice": "required"}),
        ({"tools": [{"function": TOOL["function"]}]}, {"tools": [TOOL]}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"n": 2, "stop": ["x"], "reasoning_effort": "low"},
         {"n": 2, "stop": ["x"], "reasoning_effort": "low"}),
    ],
)  # fmt: skip
def test_openai_spelling(fields, expected):
    encoded = encode_unchanged({**BODY, **fields}, "openai")
    assert encoded.body == {**BODY, **expected}
    assert encoded.lost == ()


@pytest.mark.parametrize(
    "name",
    ["safe_prompt", "prompt_mode", "min_tokens", "repetition_penalty", "top_k", "guardrails"],
)
def test_parameters_that_openai_lacks_are_named(name):
    encoded = encode_unchanged({**BODY, name: 1}, "openai")
    assert (encoded.body, encoded.lost) == (BODY, (name,))


def test_default_values_are_not_lost():
    assert encode_unchanged({**BODY, "safe_prompt": False}, "openai").lost == ()


def test_the_targets_own_overrides_are_always_sent():
    encoded = encode_unchanged({**BODY, "top_k": 3}, "openai", {"top_k": 5, "random_seed": 2})
    assert (encoded.body, encoded.lost) == ({**BODY, "top_k": 5, "seed": 2}, ())


@pytest.mark.parametrize("more", [{}, {"store": False}])
def test_openai_takes_metadata_only_for_stored_completions(more):
    encoded = encode_unchanged({**BODY, "metadata": {"a": "b"}, **more}, "openai")
    assert (encoded.body, encoded.lost) == ({**BODY, **more}, ("metadata",))


def test_compatible_servers_keep_the_older_names():
    body = {**BODY, "max_tokens": 5, "metadata": {"a": "b"}}
    assert encode_unchanged(body, "openai-compatible").body == body


def test_the_targets_own_spelling_is_kept():
    own = {"max_tokens": 7, "metadata": {"a": "b"}}
    assert encode_unchanged({**BODY, "max_tokens": 5}, "openai", own).body == {**BODY, **own}


@pytest.mark.parametrize(
    ("provider", "host", "expected"),
    [
        ("mistral-ai", None, "mistral"),
        ("mistral-ai", "http://localhost:8000/v1", "mistral"),
        ("openai", None, "openai"),
        ("openai", "https://eu.api.openai.com/v1", "openai"),
        ("openai", "http://localhost:8000/v1", "openai-compatible"),
        ("ollama", "http://localhost:11434/v1", "openai-compatible"),
    ],
)
def test_the_dialect_of_a_target(provider, host, expected):
    assert dialect_of(provider, host) == expected


def test_max_completion_tokens_of_an_openai_target_replaces_max_tokens():
    encoded = encode_unchanged({**BODY, "max_tokens": 9}, "openai", {"max_completion_tokens": 5})
    assert encoded.body == {**BODY, "max_completion_tokens": 5}


def message(role, content, **more):
    return {"role": role, "content": content, **more}


IMAGE = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
TEXT = {"type": "text", "text": "t"}
THOUGHT = {"type": "thinking", "thinking": [TEXT]}
WAV = {"type": "input_audio", "input_audio": "UklGRgAA"}
PDF = {"type": "document_url", "document_url": "data:application/pdf;base64,AA"}


@pytest.mark.parametrize(
    ("given", "expected", "lost"),
    [
        (message("user", [TEXT, IMAGE]), message("user", [TEXT, IMAGE]), ()),
        (message("user", [{"type": "image_url", "image_url": "u"}]),
         message("user", [{"type": "image_url", "image_url": {"url": "u"}}]), ()),
        (message("user", [WAV]),
         message("user", [{"type": "input_audio",
                           "input_audio": {"data": "UklGRgAA", "format": "wav"}}]), ()),
        (message("user", [{"type": "input_audio", "input_audio": "https://x/y.wav"}]),
         message("user", ""), ("messages.input_audio",)),
        (message("user", [PDF | {"document_name": "a.pdf"}]),
         message("user", [{"type": "file", "file": {
             "filename": "a.pdf", "file_data": PDF["document_url"]}}]), ()),
        (message("user", [TEXT, {"type": "document_url", "document_url": "https://x/y.pdf"}]),
         message("user", [TEXT]), ("messages.document_url",)),
        (message("user", [TEXT, {"type": "file", "file_id": "f"}]),
         message("user", [TEXT]), ("messages.file",)),
        (message("assistant", [THOUGHT, TEXT]), message("assistant", [TEXT]),
         ("messages.thinking",)),
        (message("tool", [TEXT, IMAGE], tool_call_id="abcDEF123"),
         message("tool", [TEXT], tool_call_id="abcDEF123"), ("messages.image_url",)),
        (message("assistant", "It", prefix=True), message("assistant", "It"),
         ("messages.prefix",)),
    ],
)  # fmt: skip
def test_messages_for_openai(given, expected, lost):
    encoded = encode_unchanged({"model": "m", "messages": [given]}, "openai")
    assert encoded.body["messages"] == [expected]
    assert encoded.lost == lost


def test_built_in_tools_are_mistrals_own():
    encoded = encode_unchanged({**BODY, "tools": [TOOL, {"type": "web_search"}]}, "openai")
    assert (encoded.body["tools"], encoded.lost) == ([TOOL], ("tools.web_search",))


def test_without_tools_no_tool_fields_are_sent():
    body = {**BODY, "tools": [{"type": "web_search"}], "tool_choice": "auto"}
    encoded = encode_unchanged(body, "openai")
    assert (encoded.body, encoded.lost) == (BODY, ("tools.web_search",))


OPEN = {"type": "object", "properties": {"prices": {"type": "object"}}}
LOOSE = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3, "default": ""}}}
STRICT = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def schemas(schema, *, strict):
    """The two places where a request has a schema."""
    flag = {} if strict is None else {"strict": strict}
    function = {"name": "f", "parameters": schema, **flag}
    json_schema = {"name": "f", "schema": schema, **flag}
    return {
        "tools": [{"type": "function", "function": function}],
        "response_format": {"type": "json_schema", "json_schema": json_schema},
    }


@pytest.mark.parametrize(
    ("schema", "strict", "expected", "lost"),
    [
        (LOOSE, True, schemas(STRICT, strict=True), ("maxLength",)),
        (STRICT, True, schemas(STRICT, strict=True), ()),
        (OPEN, True, schemas(OPEN, strict=False), ("strict",)),
        (LOOSE, False, schemas(LOOSE, strict=False), ()),
        (LOOSE, None, schemas(LOOSE, strict=None), ()),
    ],
)
def test_a_strict_schema_goes_to_openai_in_its_form_or_not_strict(schema, strict, expected, lost):
    encoded = encode_unchanged({**BODY, **schemas(schema, strict=strict)}, "openai")
    assert {name: encoded.body[name] for name in expected} == expected
    fields = ("response_format", "tools")
    assert encoded.lost == tuple(f"{field}.{name}" for field in fields for name in lost)
    mistral = encode_unchanged({**BODY, **schemas(schema, strict=strict)}, "mistral").body
    assert {name: mistral[name] for name in expected} == schemas(schema, strict=strict)


def test_a_strict_schema_of_the_targets_own_is_sent_as_it_is():
    own = schemas(LOOSE, strict=True)
    assert {name: encode_unchanged(BODY, "openai", own).body[name] for name in own} == own


def test_embeddings_for_openai():
    body = {"model": "m", "input": ["a"], "output_dimension": 8, "encoding_format": "float"}
    encoded = encode_unchanged({**body, "output_dtype": "float"}, "openai", operation="embed")
    assert encoded.body == {
        "model": "m",
        "input": ["a"],
        "dimensions": 8,
        "encoding_format": "float",
    }
    assert encoded.lost == ()
    assert encode_unchanged({**body, "output_dtype": "int8"}, "openai", operation="embed").lost == (
        "output_dtype",
    )


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("fim", {"model": "m", "prompt": "p"}),
        ("moderate", {"model": "m", "input": HI}),
        ("classify", {"model": "m", "input": ["a"]}),
        ("ocr", {"model": "m", "document": {}}),
    ],
)
def test_what_openai_does_not_offer(operation, body):
    with pytest.raises(ConfigurationError, match="'mistral-ai'"):
        encode_unchanged(body, "openai", operation=operation)
