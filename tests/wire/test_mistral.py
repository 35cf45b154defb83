from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._wire.dialects import encode
from portkey_mistral._wire.mistral import encode_request
from portkey_mistral._wire.parameters import drop_empty
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    FilePart,
    ImagePart,
    Message,
    ReferencePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    UnknownPart,
)
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    ResponseFormat,
    Tool,
    ToolChoice,
)

HI = (Message.user("hi"),)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = Tool("weather", "Tells the weather.", SCHEMA)
SPOKEN = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA},
}


def chat(**fields):
    return ChatRequest(**{"model": "mistral-small-latest", "messages": HI, **fields})


def test_what_was_not_set_is_not_sent(accept):
    body = encode_request(chat(), stream=False)
    accept("chat.request", body)
    assert body == {
        "model": "mistral-small-latest",
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_every_field_of_a_chat(accept):
    given = {
        "temperature": 1.5,
        "top_p": 0.5,
        "max_tokens": 10,
        "min_tokens": 0,
        "random_seed": 0,
        "presence_penalty": -1.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.1,
        "top_k": 5,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "safe_prompt": False,
        "prompt_mode": "reasoning",
        "reasoning_effort": "high",
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "service_tier": "auto",
        "metadata": {"user": 1},
    }
    body = encode_request(
        chat(
            **given,
            stop=("a", "b"),
            tools=(WEATHER,),
            tool_choice=ToolChoice(mode="any"),
            response_format=ResponseFormat("json_object"),
            prediction="as before",
            guardrails=({"block_on_error": True},),
        ),
        stream=True,
    )
    accept("chat.request", body)
    assert given.items() <= body.items()
    rest = {name: value for name, value in body.items() if name not in given}
    assert rest == {
        "model": "mistral-small-latest",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stop": ["a", "b"],
        "tools": [SPOKEN],
        "tool_choice": "any",
        "response_format": {"type": "json_object"},
        "prediction": {"type": "content", "content": "as before"},
        "guardrails": [{"block_on_error": True}],
    }


@pytest.mark.parametrize(
    ("part", "chunk"),
    [
        (TextPart("t"), {"type": "text", "text": "t"}),
        (ImagePart("https://x/y.png"),
         {"type": "image_url", "image_url": {"url": "https://x/y.png"}}),
        (ImagePart("data:image/png;base64,AA", "low"),
         {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}),
        (DocumentPart("https://x/y.pdf"),
         {"type": "document_url", "document_url": "https://x/y.pdf"}),
        (DocumentPart("data:application/pdf;base64,AA", "y.pdf"),
         {"type": "document_url", "document_url": "data:application/pdf;base64,AA",
          "document_name": "y.pdf"}),
        (AudioPart("UklGRg", "wav"), {"type": "input_audio", "input_audio": "UklGRg"}),
        (FilePart("3f0c5a0e-8a44-4d6c-9d0e-111111111111"),
         {"type": "file", "file_id": "3f0c5a0e-8a44-4d6c-9d0e-111111111111"}),
        (ReferencePart((1, "a")), {"type": "reference", "reference_ids": [1, "a"]}),
        (UnknownPart({"type": "resource_link", "uri": "x"}),
         {"type": "resource_link", "uri": "x"}),
    ],
)  # fmt: skip
def test_parts(accept, part, chunk):
    body = encode_request(chat(messages=(Message.user((TextPart("see"), part)),)), stream=False)
    if not isinstance(part, UnknownPart):
        accept("chat.request", body)
    assert body["messages"][0]["content"] == [{"type": "text", "text": "see"}, chunk]


def test_thinking_is_sent_before_the_text(accept):
    source = {"type": "tool_reference", "tool": "web_search", "title": "T"}
    thought = ThinkingPart("hm", closed=False, signature="s", references=(source,))
    reply = Message.assistant((thought, TextPart("so")))
    body = encode_request(chat(messages=(*HI, reply, *HI)), stream=False)
    accept("chat.request", body)
    assert body["messages"][1]["content"] == [
        {
            "type": "thinking",
            "thinking": [{"type": "text", "text": "hm"}, source],
            "closed": False,
            "signature": "s",
        },
        {"type": "text", "text": "so"},
    ]


def test_messages_have_the_members_of_their_role_and_no_others(accept):
    calling = Message(
        "assistant",
        "Let me see.",
        (ToolCall("abcDEF123", "weather", '{"city":"Zürich"}'),),
        extra={"refusal": None, "reasoning_content": "x"},
    )
    seen = Message.tool((TextPart("sun"), ImagePart("https://x/y.png")), tool_call_id="abcDEF123")
    body = encode_request(
        chat(messages=(Message("user", "q", name="Ada"), calling, seen, Message.assistant("It"))),
        stream=False,
    )
    accept("chat.request", body)
    assert body["messages"] == [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "abcDEF123",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Zürich"}'},
                }
            ],
        },
        {
            "role": "tool",
            "content": [
                {"type": "text", "text": "sun"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            ],
            "tool_call_id": "abcDEF123",
        },
        {"role": "assistant", "content": "It", "prefix": True},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(mode="auto"), "auto"),
        (ToolChoice(mode="required"), "required"),
        (ToolChoice(function="weather"), {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tool_choice(accept, choice, sent):
    body = encode_request(chat(tools=(WEATHER,), tool_choice=choice), stream=False)
    accept("chat.request", body)
    assert body["tool_choice"] == sent


def test_strict_tools_and_built_in_tools(accept):
    tools = (Tool("f", strict=True), {"type": "web_search"})
    body = encode_request(chat(tools=tools), stream=False)
    accept("chat.request", body)
    assert body["tools"][0]["function"] == {
        "name": "f",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "strict": True,
    }
    assert body["tools"][1] == {"type": "web_search"}


def test_without_tools_no_tool_fields_are_encoded(accept):
    fields = {"tools": (), "tool_choice": ToolChoice(mode="auto"), "parallel_tool_calls": True}
    body = encode_request(chat(**fields), stream=False)
    accept("chat.request", body)
    assert set(body) == {"model", "messages"}


EXTRAS = st.dictionaries(
    st.sampled_from(["tools", "tool_choice", "parallel_tool_calls", "temperature", "seed", "new"]),
    st.sampled_from([None, [], "auto", "any", 1, {}]),
)


@given(EXTRAS, st.sampled_from([(), (WEATHER,)]), st.booleans())
def test_a_body_contains_no_empty_fields(extra, tools, stream):
    """So it need not be settled again for a target that has none."""
    request = chat(tools=tools, tool_choice=ToolChoice(mode="auto"), stop=[], extra=extra)
    with suppress(InvalidRequestError):
        body = encode_request(request, stream=stream)
        assert list(drop_empty(body).items()) == list(body.items())
        assert encode(body, {}, "mistral", "chat").body == body


@pytest.mark.parametrize("choice", [ToolChoice(mode="any"), ToolChoice(function="f")])
def test_a_required_tool_call_without_tools_is_an_error(choice):
    with pytest.raises(InvalidRequestError, match="no tools are given"):
        encode_request(chat(tool_choice=choice), stream=False)


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (ResponseFormat("text"), {"type": "text"}),
        (ResponseFormat("json_schema", "City", SCHEMA, strict=True, description="d"),
         {"type": "json_schema", "json_schema": {
             "name": "City", "schema": {**SCHEMA, "additionalProperties": False}, "strict": True,
             "description": "d"}}),
        (ResponseFormat("json_schema", schema={"title": "City", "type": "object"}),
         {"type": "json_schema", "json_schema": {
             "name": "City", "schema": {"title": "City", "type": "object"}}}),
        (ResponseFormat("json_schema", schema=SCHEMA),
         {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}),
    ],
)  # fmt: skip
def test_response_format(accept, wanted, sent):
    body = encode_request(chat(response_format=wanted), stream=False)
    accept("chat.request", body)
    assert body["response_format"] == sent


def test_a_json_schema_needs_its_schema():
    with pytest.raises(InvalidRequestError, match="needs a schema"):
        encode_request(chat(response_format=ResponseFormat("json_schema")), stream=False)


def test_extra_fields_go_along_under_mistrals_names():
    extra = {"seed": 7, "new_field": [1], "stream_options": {"include_usage": True}, "gone": None}
    body = encode_request(chat(extra=extra, random_seed=1), stream=False)
    assert set(body) == {"model", "messages", "random_seed", "new_field"}
    assert (body["random_seed"], body["new_field"]) == (7, [1])


def test_streaming_is_no_parameter():
    with pytest.raises(InvalidRequestError, match="call the streaming method"):
        encode_request(chat(extra={"stream": True}), stream=False)


@pytest.mark.parametrize(("stop", "sent"), [("a", "a"), (["a"], ["a"]), ([], None), ("", None)])
def test_stop(stop, sent):
    assert encode_request(chat(stop=stop), stream=False).get("stop") == sent


def test_fim(accept):
    request = FIMRequest(
        model="codestral-latest",
        prompt="def f(",
        suffix="return x",
        max_tokens=5,
        min_tokens=1,
        random_seed=3,
        stop=["\n\n"],
    )
    body = encode_request(request, stream=True)
    accept("fim.request", body)
    assert body == {
        "model": "codestral-latest",
        "prompt": "def f(",
        "suffix": "return x",
        "max_tokens": 5,
        "min_tokens": 1,
        "random_seed": 3,
        "stop": ["\n\n"],
        "stream": True,
    }


def test_embeddings(accept):
    request = EmbeddingRequest(
        model="codestral-embed", inputs=("a", "漢"), output_dimension=8, output_dtype="int8"
    )
    body = encode_request(request, stream=False)
    accept("embeddings.request", body)
    assert body == {
        "model": "codestral-embed",
        "input": ["a", "漢"],
        "output_dimension": 8,
        "output_dtype": "int8",
    }


def test_moderation(accept):
    body = encode_request(ModerationRequest(model="m", inputs=("a", "b")), stream=False)
    accept("moderations.request", body)
    assert body == {"model": "m", "input": ["a", "b"]}
    conversation = (Message.user("q"), Message.assistant("a"))
    body = encode_request(ModerationRequest(model="m", messages=conversation), stream=False)
    accept("chat.moderations.request", body)
    assert body["input"][1] == {"role": "assistant", "content": "a"}


@pytest.mark.parametrize("fields", [{}, {"inputs": ("a",), "messages": HI}])
def test_moderation_takes_one_kind_of_input(fields):
    with pytest.raises(InvalidRequestError, match="either"):
        encode_request(ModerationRequest(model="m", **fields), stream=False)
