from array import array
from base64 import b64encode

import pytest

from portkey_mistral._wire.decode import (
    MalformedAnswer,
    decode_chat,
    decode_embeddings,
    decode_models,
    decode_moderation,
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
    ]
    first, second, third = decode_chat(
        body({"content": "", "tool_calls": calls})
    ).message.tool_calls
    assert first == ToolCall("abcDEF123", "f", '{"a":1}')
    assert (second.arguments, third.arguments) == ('{"a":"é"}', "{}")
    assert len({second.id, third.id}) == 2
    assert all(len(call.id) == 9 for call in (second, third))


def test_thinking_of_other_servers_and_unknown_members_are_kept():
    message = decode_chat(body({"content": "a", "reasoning_content": "hm", "audio": 1})).message
    assert message.content == (ThinkingPart("hm"), TextPart("a"))
    assert message.extra == {"audio": 1}


def test_a_refusal_beside_the_content_is_kept():
    refused = UnknownPart({"type": "refusal", "refusal": "No."})
    assert decode_chat(body({"content": None, "refusal": "No."})).message.content == (refused,)
    said = decode_chat(body({"content": "a", "refusal": "No."})).message
    assert said.content == (TextPart("a"), refused)
    assert decode_chat(body({"content": "a", "refusal": None})).message.content == "a"


def test_messages_of_tools_that_ran_at_mistral():
    said = [
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
    message = decode_chat(body(None, messages=said)).message
    assert message.text == "It is."
    assert message.extra == {"messages": said}


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
def test_what_is_no_answer(raw):
    with pytest.raises(MalformedAnswer):
        decode_chat(raw)


# --- embeddings


def embeddings(*vectors, **more):
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    return {"id": "e", "object": "list", "model": "mistral-embed", "data": data, **more}


def test_embeddings_come_in_the_order_of_the_inputs():
    raw = embeddings([1.0, 2.0], [3.0, 4.0], usage={"prompt_tokens": 4, "total_tokens": 4})
    raw["data"].reverse()
    assert decode_embeddings(raw, expected=2) == (
        [[1.0, 2.0], [3.0, 4.0]],
        "mistral-embed",
        Usage(4, 0, 4),
    )


def test_embeddings_without_an_index_are_in_order():
    raw = embeddings([1.0], [2.0])
    for row in raw["data"]:
        del row["index"]
    assert decode_embeddings(raw, expected=2)[0] == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("dtype", "code", "values"),
    [
        ("float", "f", [0.5, -1.25]),
        ("int8", "b", [-128, 127]),
        ("uint8", "B", [0, 255]),
        ("binary", "b", [-1, 5]),
        ("ubinary", "B", [255, 0]),
    ],
)
def test_base64(dtype, code, values):
    packed = b64encode(array(code, values).tobytes()).decode()
    assert decode_embeddings(embeddings(packed), expected=1, dtype=dtype)[0] == [values]


def test_a_zero_without_a_point_is_a_float():
    (vector,), *_ = decode_embeddings(embeddings([0, 1, -0.5]), expected=1)
    assert [type(number) for number in vector] == [float] * 3
    assert vector == [0.0, 1.0, -0.5]


def test_packed_vectors_stay_arrays():
    one, two = array("f", [0.5, -1.25]), array("f", [2.0**127, -(2.0**127)])
    body = embeddings(*(b64encode(vector.tobytes()).decode() for vector in (one, two)))
    assert decode_embeddings(body, expected=2, packed=True)[0] == [one, two]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_packed_vectors_are_finite(number, packed):
    body = embeddings(b64encode(array("f", [1.0, number]).tobytes()).decode())
    with pytest.raises(MalformedAnswer, match="not a finite number"):
        decode_embeddings(body, expected=1, packed=packed)


@pytest.mark.parametrize(
    ("raw", "told", "index"),
    [
        (embeddings([1.0]), "asked for 2 embeddings, got 1", None),
        (embeddings([1.0], []), "has 0 numbers", 1),
        (embeddings([1.0, 2.0], [1.0]), "has 1 numbers, the first has 2", 1),
        (embeddings([1.0], [float("nan")]), "not a finite number", 1),
        (embeddings([1.0], [float("inf")]), "not a finite number", 1),
        (embeddings([1.0], [None]), "not a finite number", 1),
        (embeddings([1.0], ["x"]), "not a finite number", 1),
        (embeddings([1.0], None), "is NoneType", 1),
        (embeddings([1.0], "no base64!"), "no base64", 1),
        (embeddings([1.0], "AAAA"), "no base64 of float", 1),
        ({"data": [{"index": 0, "embedding": [1.0]}] * 2}, "twice or out of range", None),
        ({"data": [{"index": 5, "embedding": [1.0]}] * 2}, "twice or out of range", None),
        ({"data": [1, 2]}, "is int", None),
        ({}, "no embeddings", None),
        ("text", "is str", None),
    ],
)
def test_what_are_no_embeddings(raw, told, index):
    with pytest.raises(MalformedAnswer, match=told) as raised:
        decode_embeddings(raw, expected=2)
    assert raised.value.index == index


def test_large_but_finite_numbers_are_fine():
    assert decode_embeddings(embeddings([1.7e308, 1.7e308]), expected=1)[0] == [[1.7e308, 1.7e308]]


# --- the rest


def test_moderation():
    result = {"categories": {"pii": True}, "category_scores": {"pii": 0.9}}
    answer = decode_moderation({"id": "m1", "model": "m", "results": [result]})
    assert (answer.id, answer.model, answer.results) == ("m1", "m", (result,))


@pytest.mark.parametrize("raw", [{}, {"results": [1]}, []])
def test_what_is_no_moderation(raw):
    with pytest.raises(MalformedAnswer):
        decode_moderation(raw)


@pytest.mark.parametrize("wrap", [lambda cards: {"object": "list", "data": cards}, lambda c: c])
def test_models(wrap):
    card = {"id": "mistral-embed", "aliases": []}
    assert decode_models(wrap([card])) == (ModelCard("mistral-embed", card),)


@pytest.mark.parametrize("raw", [{}, "x", {"data": [1]}])
def test_what_is_no_list_of_models(raw):
    with pytest.raises(MalformedAnswer):
        decode_models(raw)
