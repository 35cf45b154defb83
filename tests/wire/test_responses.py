import pytest

from portkey_mistral._wire.responses import (
    MalformedResponse,
    decode_chat,
    decode_models,
    decode_moderation,
    decode_usage,
)
from portkey_mistral.messages import (
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
from portkey_mistral.responses import ModelCard, Usage


def body(message=None, **more):
    choice = {"index": 0, "finish_reason": "stop", "message": message, **more}
    return {"id": "c1", "created": 7, "model": "m", "choices": [choice]}


def test_chat():
    raw = body({"role": "assistant", "content": "Grüße", "tool_calls": None, "prefix": False})
    raw["usage"] = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    answer = decode_chat(raw)
    assert answer.message == Message.assistant("Grüße")
    assert (answer.id, answer.model, answer.created) == ("c1", "m", 7)
    assert (answer.finish_reason, answer.usage) == ("stop", Usage(1, 2, 3))
    assert answer.raw is raw


@pytest.mark.parametrize(
    ("content", "decoded"),
    [
        (None, ""),
        ("", ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": False},
          {"type": "text", "text": "a"}], (ThinkingPart("hm", closed=False), TextPart("a"))),
        ([{"type": "thinking", "thinking": "hm", "signature": "s"}],
         (ThinkingPart("hm", signature="s"),)),
        ([{"type": "thinking", "thinking": [{"type": "reference", "reference_ids": [1]}]}],
         (ThinkingPart("", references=({"type": "reference", "reference_ids": [1]},)),)),
        ([{"type": "reference", "reference_ids": [0, "x"]}], (ReferencePart((0, "x")),)),
        ([{"type": "image_url", "image_url": {"url": "u"}}], (ImagePart("u"),)),
        ([{"type": "document_url", "document_url": "u"}], (DocumentPart("u"),)),
        ([{"type": "file", "file_id": "f"}], (FilePart("f"),)),
        ([{"type": "tomorrow", "x": 1}], (UnknownPart({"type": "tomorrow", "x": 1}),)),
    ],
)  # fmt: skip
def test_content(content, decoded):
    assert decode_chat(body({"content": content})).message.content == decoded


def test_tool_calls():
    calls = [
        {"id": "abcDEF123", "function": {"name": "f", "arguments": '{"a":1}'}, "index": 0},
        {"id": "null", "function": {"name": "g", "arguments": {"a": "é"}}},
        {"function": {"name": "h", "arguments": ""}},
        {"function": {"name": "i", "arguments": " null "}},
        {"function": {"name": "j", "arguments": None}},
    ]
    first, second, *others = decode_chat(
        body({"content": "", "tool_calls": calls})
    ).message.tool_calls
    assert first == ToolCall("abcDEF123", "f", '{"a":1}')
    assert second.arguments == '{"a":"é"}'
    assert [call.arguments for call in others] == ["{}"] * 3
    assert len({call.id for call in (second, *others)}) == 4
    assert all(len(call.id) == 9 for call in (second, *others))


@pytest.mark.parametrize("reason", ["length", "model_length", "max_tokens"])
def test_arguments_of_a_truncated_answer_may_be_missing(reason):
    calls = [{"function": {"name": "f", "arguments": each}} for each in ("", None, "null")]
    message = decode_chat(body({"tool_calls": calls}, finish_reason=reason)).message
    assert [call.arguments for call in message.tool_calls] == ["", "", "{}"]


def test_tool_calls_with_one_id_get_two():
    raw = [
        {"id": "abc", "function": {"name": "f", "arguments": text}} for text in ("{}", '{"a":1}')
    ]
    first, second = decode_chat(body({"content": "", "tool_calls": raw})).message.tool_calls
    assert first == ToolCall("abc", "f", "{}")
    assert len(second.id) == 9
    assert second.arguments == '{"a":1}'


def test_thinking_of_other_servers_and_unknown_members_are_kept():
    message = decode_chat(body({"content": "a", "reasoning_content": "hm", "audio": 1})).message
    assert message.content == (ThinkingPart("hm"), TextPart("a"))
    assert message.extra == {"audio": 1}


def test_a_refusal_beside_the_content_is_kept():
    refused = UnknownPart({"type": "refusal", "refusal": "No."})
    assert decode_chat(body({"content": None, "refusal": "No."})).message.content == (refused,)
    message = decode_chat(body({"content": "a", "refusal": "No."})).message
    assert message.content == (TextPart("a"), refused)
    assert decode_chat(body({"content": "a", "refusal": None})).message.content == "a"


def test_messages_of_tools_that_ran_at_mistral():
    turns = [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "abcDEF123", "function": {"name": "web_search", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "content": "found"},
        {"role": "assistant", "content": [{"type": "text", "text": "It is."}]},
    ]
    message = decode_chat(body(None, messages=turns)).message
    assert message.text == "It is."
    assert message.extra == {"messages": turns}


def test_several_choices_and_logprobs():
    raw = body({"content": "a"}, logprobs={"content": []})
    raw["choices"].append({"message": {"content": "b"}})
    answer = decode_chat(raw)
    assert [(c.index, c.message.text) for c in answer.choices] == [(0, "a"), (1, "b")]
    assert answer.choices[0].logprobs == {"content": []}


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "text",
        {},
        {"choices": []},
        {"choices": [1]},
        body(None),
        body({"content": 1}),
        body({"content": [1]}),
        body({"tool_calls": 1}),
        body({"tool_calls": [{"function": {}}]}),
    ],
)
def test_invalid_chat_responses(raw):
    with pytest.raises(MalformedResponse):
        decode_chat(raw)


def test_moderation():
    result = {"categories": {"pii": True}, "category_scores": {"pii": 0.9}}
    answer = decode_moderation({"id": "m1", "model": "m", "results": [result]})
    assert (answer.id, answer.model, answer.results) == ("m1", "m", (result,))


@pytest.mark.parametrize("raw", [{}, {"results": [1]}, []])
def test_invalid_moderations(raw):
    with pytest.raises(MalformedResponse):
        decode_moderation(raw)


@pytest.mark.parametrize("wrap", [lambda cards: {"object": "list", "data": cards}, lambda c: c])
def test_models(wrap):
    card = {"id": "mistral-embed", "aliases": []}
    assert decode_models(wrap([card])) == (ModelCard("mistral-embed", card),)


@pytest.mark.parametrize("raw", [{}, "x", {"data": [1]}])
def test_invalid_lists_of_models(raw):
    with pytest.raises(MalformedResponse):
        decode_models(raw)


@pytest.mark.parametrize("value", [-5, 10**300, 1.5, True, "7", None, [1]], ids=str)
def test_what_is_no_count_of_tokens_adds_nothing_to_a_budget(value):
    details = {"prompt_tokens_details": {"cached_tokens": value}, "prompt_audio_seconds": value}
    usage = decode_usage({"prompt_tokens": value, "completion_tokens": 2, **details})
    assert usage == Usage(0, 2, 2)
