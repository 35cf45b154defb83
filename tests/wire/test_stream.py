import json

import pytest

from linear import assert_linear
from portkey_mistral._wire.malformed import InBandError, MalformedEvent, StreamCut, StreamFault
from portkey_mistral._wire.responses import decode_chat
from portkey_mistral._wire.stream import StreamDecoder, deltas_of_response
from portkey_mistral.accumulator import Assembler
from portkey_mistral.messages import ReferencePart, TextPart, ThinkingPart, ToolCall, UnknownPart
from portkey_mistral.responses import Usage

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def event(*choices, **more):
    body = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "mistral-small-latest",
        "choices": list(choices),
        **more,
    }
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def choice(index=0, finish=None, **delta):
    return {"index": index, "delta": delta, "finish_reason": finish}


def fragment(id_="null", name="", arguments="", index=0):
    return {"id": id_, "function": {"name": name, "arguments": arguments}, "index": index}


ROLE = event(choice(role="assistant", content=""))
END = event(choice(content="", finish="stop"), usage=USAGE)


def decode(*data):
    decoder, assembler, deltas = StreamDecoder(), Assembler(), []
    for piece in data:
        deltas += decoder.feed(piece)
    decoder.finish()
    for delta in deltas:
        assembler.add(delta)
    return deltas, assembler.response()


def answer(*data):
    return decode(*data)[1]


def test_text():
    deltas, whole = decode(
        ROLE, event(choice(content="Grü"), p="abc"), event(choice(content="ße")), END, DONE
    )
    assert [delta.text for delta in deltas] == ["", "Grü", "ße", ""]
    assert [delta.finish_reason for delta in deltas] == [None, None, None, "stop"]
    assert [delta.usage for delta in deltas] == [None, None, None, Usage(3, 2, 5)]
    assert {delta.id for delta in deltas} == {"c1"}
    assert deltas[1].raw["p"] == "abc"
    assert (whole.text, whole.finish_reason, whole.created) == ("Grüße", "stop", 7)
    assert whole.usage == Usage(3, 2, 5)


def test_every_split_of_the_bytes_gives_the_same_deltas():
    stream = (
        b"\xef\xbb\xbf: hi\r\n\r\n"
        + ROLE
        + event(choice(content="漢🦙é")).replace(b"\n\n", b"\r\n\r\n")
        + event(choice(tool_calls=[fragment("abcDEF123", "f", '{"a":')]))
        + event(choice(tool_calls=[fragment(arguments='"ü"}')]))
        + event(choice(content="", finish="tool_calls"))
        + event(usage=USAGE)
        + DONE
    )
    expected = decode(stream)
    assert expected[1].message.tool_calls == (ToolCall("abcDEF123", "f", '{"a":"ü"}'),)
    for cut in range(len(stream) + 1):
        assert decode(stream[:cut], stream[cut:]) == expected
    assert decode(*(bytes([byte]) for byte in stream)) == expected


def test_the_last_text_may_come_with_the_finish():
    whole = answer(ROLE, event(choice(content="all of it", finish="length"), usage=USAGE))
    assert (whole.text, whole.finish_reason) == ("all of it", "length")


def test_done_ends_a_stream():
    decoder = StreamDecoder()
    assert not decoder.done
    deltas = decoder.feed(event(choice(content="a")) + END + DONE + event(choice(content="more")))
    assert decoder.done
    assert "".join(delta.text for delta in deltas) == "a"
    assert decoder.feed(event(choice(content="and more"))) == []
    decoder.finish()


def test_done_does_not_make_a_response_complete():
    decoder = StreamDecoder()
    decoder.feed(event(choice(content="half")) + DONE)
    with pytest.raises(StreamCut):
        decoder.finish()


def test_no_done_is_needed():
    assert answer(ROLE, event(choice(content="a")), END).text == "a"


def test_usage_alone_after_the_finish():
    deltas, whole = decode(
        ROLE, event(choice(content="a", finish="stop")), event(usage=USAGE), DONE
    )
    assert [(d.choice, d.usage) for d in deltas[-2:]] == [(0, None), (-1, Usage(3, 2, 5))]
    assert whole.usage == Usage(3, 2, 5)


def test_usage_sent_twice_is_given_once():
    deltas, _ = decode(ROLE, END, event(usage=USAGE), DONE)
    assert [delta.usage for delta in deltas] == [None, Usage(3, 2, 5)]


def test_usage_sent_before_the_finish_is_given_with_it():
    deltas, _ = decode(event(choice(content="a"), usage=USAGE), event(choice(finish="stop")))
    assert [delta.usage for delta in deltas] == [None, Usage(3, 2, 5)]


def test_usage_null_is_none():
    deltas, _ = decode(event(choice(content="a"), usage=None), END)
    assert deltas[0].usage is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 2}}, {"cached_tokens": 2}),
        ({"num_cached_tokens": 2}, {"cached_tokens": 2}),
        ({"completion_tokens_details": {"reasoning_tokens": 1}}, {"reasoning_tokens": 1}),
        ({"prompt_audio_seconds": 4}, {"prompt_audio_seconds": 4}),
        ({"prompt_tokens_details": {"audio_tokens": 2}}, {"prompt_audio_tokens": 2}),
        ({"completion_tokens_details": {"audio_tokens": 1}}, {"completion_audio_tokens": 1}),
        ({"prompt_audio_seconds": {}}, {}),
        ({"service_tier": "priority"}, {"service_tier": "priority"}),
    ],
)
def test_usage_details(more, expected):
    whole = answer(event(choice(content="a", finish="stop"), usage=USAGE | more))
    assert whole.usage == Usage(3, 2, 5, **expected)


def called(*raw_deltas):
    events = [event(choice(tool_calls=list(raw))) for raw in raw_deltas]
    deltas, whole = decode(ROLE, *events, event(choice(content="", finish="tool_calls")), DONE)
    pieces = [piece for delta in deltas for piece in delta.tool_calls]
    for index in {piece.index for piece in pieces}:
        mine = [piece for piece in pieces if piece.index == index]
        assert sum(piece.id is not None for piece in mine) == 1
        assert sum(piece.name is not None for piece in mine) == 1
    return whole.message.tool_calls


def test_tool_calls_whole_calls_in_one_event():
    raw = [fragment("aaaaaaaaa", "f", "{}", 0), fragment("bbbbbbbbb", "g", '{"x":1}', 1)]
    assert called(raw) == (
        ToolCall("aaaaaaaaa", "f", "{}"),
        ToolCall("bbbbbbbbb", "g", '{"x":1}'),
    )


@pytest.mark.parametrize("id_", ["null", "", None])
def test_tool_calls_fragments(id_):
    assert called(
        [fragment("aaaaaaaaa", "f", "")],
        [fragment(id_, "", '{"a":')],
        [fragment(id_, "", "1}")],
    ) == (ToolCall("aaaaaaaaa", "f", '{"a":1}'),)


def test_tool_calls_an_id_that_comes_late():
    assert called([fragment("null", "f", "{")], [fragment("aaaaaaaaa", "", "}")]) == (
        ToolCall("aaaaaaaaa", "f", "{}"),
    )


def test_tool_calls_ids_that_switch_in_the_middle_of_a_call():
    assert called(
        [fragment("first", "f", '{"a":')],
        [fragment("second", "", "1")],
        [fragment("third", "f", "}")],
    ) == (ToolCall("first", "f", '{"a":1}'),)


def test_tool_calls_two_calls_under_one_index():
    assert called(
        [fragment("aaaaaaaaa", "f", '{"a":1}')], [fragment("bbbbbbbbb", "f", '{"a":2}')]
    ) == (ToolCall("aaaaaaaaa", "f", '{"a":1}'), ToolCall("bbbbbbbbb", "f", '{"a":2}'))


@pytest.mark.parametrize("first", ['{"a":"}\\\\"}', '{"a":[{"b":"{\\""}]}'])
def test_tool_calls_a_second_call_begins_where_the_first_is_complete(first):
    """It is recognised by brackets outside of strings, wherever the pieces are cut."""
    whole = json.loads(first)
    for cut in range(1, len(first)):
        calls = called(
            [fragment("aaaaaaaaa", "f", first[:cut])],
            [fragment("switched", "f", first[cut:])],
            [fragment("bbbbbbbbb", "f", "{}")],
        )
        assert [json.loads(call.arguments) for call in calls] == [whole, {}]


def test_tool_calls_with_ids_that_switch_take_time_in_proportion_to_their_length():
    def feed(pieces):
        decoder = StreamDecoder()
        decoder.feed(event(choice(tool_calls=[fragment("first", "f", '{"a":"')])))
        data = event(choice(tool_calls=[fragment("other", "f", "x" * 50)]))
        for _ in range(pieces):
            decoder.feed(data)

    assert_linear(feed, 300)


def test_tool_calls_interleaved_fragments():
    assert called(
        [fragment("aaaaaaaaa", "f", "", 0), fragment("bbbbbbbbb", "g", "", 1)],
        [fragment(arguments="{", index=1), fragment(arguments="[", index=0)],
        [fragment(arguments="}", index=1)],
        [fragment(arguments="]", index=0)],
    ) == (ToolCall("aaaaaaaaa", "f", "[]"), ToolCall("bbbbbbbbb", "g", "{}"))


def test_tool_calls_no_index():
    first, more = fragment("aaaaaaaaa", "f", "{"), fragment(arguments="}")
    second = fragment("bbbbbbbbb", "g", "{}")
    for raw in (first, more, second):
        del raw["index"]
    assert called([first], [more], [second]) == (
        ToolCall("aaaaaaaaa", "f", "{}"),
        ToolCall("bbbbbbbbb", "g", "{}"),
    )


def test_tool_calls_with_one_id_get_two():
    first, second = called([fragment("abc", "f", '{"a":1}'), fragment("abc", "f", "{}", index=1)])
    assert (first.id, first.arguments) == ("abc", '{"a":1}')
    assert len(second.id) == 9
    assert second.arguments == "{}"


def test_tool_calls_no_id_at_all():
    (one,) = called([fragment("null", "f", "{}")])
    assert len(one.id) == 9
    assert one.id.isalnum()
    assert called([fragment("null", "f", "{}")]) == (one,)


@pytest.mark.parametrize("pieces", [[""], ["null"], ["nu", "ll"], ["", " null\n"], [" "], [None]])
def test_tool_calls_no_arguments_are_an_empty_object(pieces):
    """Models write `null` where a function has no parameters."""
    first, *rest = pieces
    fragments = [[fragment("aaaaaaaaa", "f", first)], *([fragment("", "", p)] for p in rest)]
    assert called(*fragments)[0].arguments == "{}"


@pytest.mark.parametrize(
    "pieces", [["nu"], ["nu", "m"], ["null", "x"], ["null" + " " * 20], ["n", "{}"]]
)
def test_tool_calls_what_only_begins_like_null_is_kept(pieces):
    first, *rest = pieces
    fragments = [[fragment("aaaaaaaaa", "f", first)], *([fragment("", "", p)] for p in rest)]
    assert called(*fragments)[0].arguments == "".join(pieces)


@pytest.mark.parametrize("arguments", ["null", ""])
def test_tool_calls_a_call_without_arguments_is_followed_by_another(arguments):
    first = fragment("aaaaaaaaa", "f", arguments)
    second = fragment("bbbbbbbbb", "g", arguments)
    assert [call.name for call in called([first], [second])] == ["f", "g"]


def test_tool_calls_arguments_as_an_object():
    assert called([fragment("aaaaaaaaa", "f", {"a": "é"})])[0].arguments == '{"a":"é"}'


def test_tool_calls_text_beside_a_call_is_kept():
    whole = answer(
        event(choice(content="Let me look.", tool_calls=[fragment("aaaaaaaaa", "f", "{}")])),
        event(choice(finish="tool_calls")),
    )
    assert whole.text == "Let me look."
    assert len(whole.message.tool_calls) == 1


def thought(text, **more):
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **more}


def test_thinking_one_chunk_per_token_then_text():
    deltas, whole = decode(
        ROLE,
        event(choice(content=[thought("We ")])),
        event(choice(content=[thought("see", closed=True), {"type": "text", "text": "Yes"}])),
        event(choice(content=", so.")),
        END,
    )
    assert whole.message.content == (ThinkingPart("We see"), TextPart("Yes, so."))
    assert whole.text == "".join(delta.text for delta in deltas) == "Yes, so."
    assert deltas[1].parts == (ThinkingPart("We "),)


def test_thinking_beside_a_list_comes_first():
    cited = [{"type": "reference", "reference_ids": [1]}]
    whole = answer(event(choice(content=cited, reasoning="hm", finish="stop")))
    assert whole.message.content == (ThinkingPart("hm"), ReferencePart((1,)))


def test_thinking_citations():
    cited = [{"type": "text", "text": "A"}, {"type": "reference", "reference_ids": [1, "x"]}]
    whole = answer(event(choice(content=cited)), event(choice(content="B")), END)
    assert whole.message.content == (
        TextPart("A"),
        ReferencePart((1, "x")),
        TextPart("B"),
    )


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_beside_the_content_as_other_servers_send_it(name):
    whole = answer(event(choice(content=None, **{name: "hm"})), event(choice(content="so")), END)
    assert whole.message.content == (ThinkingPart("hm"), TextPart("so"))


def test_a_refusal_in_pieces_is_given_whole_with_the_finish():
    first = event(choice(role="assistant", content="", refusal=None))
    pieces = [event(choice(refusal=text)) for text in ("I ", "can't.")]
    deltas, whole = decode(first, *pieces, event(choice(finish="stop")), DONE)
    refused = UnknownPart({"type": "refusal", "refusal": "I can't."})
    assert [delta.parts for delta in deltas] == [(), (), (), (refused,)]
    assert whole.message.content == (refused,)


def test_a_refusal_follows_the_text():
    events = [event(choice(content="Well.")), event(choice(refusal="No."))]
    whole = answer(*events, event(choice(content="", finish="stop")))
    assert whole.message.content == (
        TextPart("Well."),
        UnknownPart({"type": "refusal", "refusal": "No."}),
    )


def test_several_choices():
    deltas, whole = decode(
        event(choice(0, content="a"), choice(1, content="x")),
        event(choice(1, content="y", finish="stop")),
        event(choice(0, content="b", finish="length"), usage=USAGE),
    )
    assert [(d.choice, d.text) for d in deltas] == [(0, "a"), (1, "x"), (1, "y"), (0, "b")]
    assert [(c.message.text, c.finish_reason) for c in whole.choices] == [
        ("ab", "length"),
        ("xy", "stop"),
    ]


def test_logprobs_are_joined():
    tokens = [{"token": token, "logprob": -0.5} for token in "ab"]
    first = choice(content="a") | {"logprobs": {"content": tokens[:1]}}
    second = choice(content="b", finish="stop") | {"logprobs": {"content": tokens[1:]}}
    assert answer(event(first), event(second)).choices[0].logprobs == {"content": tokens}


ENVELOPE = {"object": "error", "message": "overloaded", "type": "internal_error", "code": "3000"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (ENVELOPE, 500, "overloaded"),
        ({**ENVELOPE, "raw_status_code": 503}, 503, "overloaded"),
        ({"error": {"message": "slow down", "code": 429}}, 429, "slow down"),
        ({"error": "gone"}, 500, "gone"),
        ({"detail": "Unauthorized"}, 500, "Unauthorized"),
        ({"message": "m", "type": "rate_limited", "code": "1300"}, 429, "m"),
        ({"choices": [], "error": {"message": "late"}}, 500, "late"),
    ],
)
def test_fault_an_error_event(body, status, message):
    decoder = StreamDecoder()
    decoder.feed(ROLE)
    with pytest.raises(InBandError, match=message) as raised:
        decoder.feed(b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n")
    assert (raised.value.status, raised.value.body) == (status, body)


def test_fault_an_error_event_with_what_is_not_json():
    decoder = StreamDecoder()
    with pytest.raises(InBandError, match="slow"):
        decoder.feed(b'data: {"error": {"message": "slow", "code": 429, "a": NaN}}\n\n')


def test_fault_finish_reason_error():
    decoder = StreamDecoder()
    with pytest.raises(InBandError, match="finish_reason 'error'"):
        decoder.feed(event(choice(content="", finish="error")))


def test_fault_deltas_of_the_same_bytes_are_not_lost():
    decoder = StreamDecoder()
    error = b"data: " + json.dumps(ENVELOPE).encode() + b"\n\n"
    deltas = decoder.feed(event(choice(content="part")) + error)
    assert [delta.text for delta in deltas] == ["part"]
    assert isinstance(decoder.fault, InBandError)
    with pytest.raises(InBandError):
        decoder.feed(END)
    with pytest.raises(InBandError):
        decoder.finish()


def test_fault_text_beside_a_finish_reason_error_is_not_lost():
    decoder = StreamDecoder()
    (delta,) = decoder.feed(event(choice(content="part", finish="error")))
    assert (delta.text, delta.finish_reason) == ("part", None)
    with pytest.raises(InBandError):
        decoder.finish()


@pytest.mark.parametrize(
    "data",
    [
        b"data: {not json}\n\n",
        b"data: 1\n\n",
        b'data: {"choices": {"0": 1}}\n\n',
        b'data: {"choices": [1]}\n\n',
        event(choice(content=5)),
        event(choice(content=[5])),
        event(choice(tool_calls="f")),
        event(choice(tool_calls=[{"id": "x"}])),
        event(choice(tool_calls=[{**fragment("aaaaaaaaa", "f"), "index": []}])),
        event(choice(content="a") | {"logprobs": [1]}),
        event(choice(content="a") | {"logprobs": {"content": 5}}),
    ],
)
def test_fault_an_event_that_cannot_be_read(data):
    with pytest.raises(MalformedEvent):
        StreamDecoder().feed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        DONE,
        ROLE,
        ROLE + DONE,
        ROLE + event(choice(content="half")),
        ROLE + event(choice(content="half")) + END[:-1],
        event(choice(0, content="a", finish="stop"), choice(1, content="b")),
        event(usage=USAGE),
    ],
)
def test_fault_a_stream_that_is_cut(data):
    decoder = StreamDecoder()
    decoder.feed(data)
    with pytest.raises(StreamCut):
        decoder.finish()


TEXTS = ["The cat sat.", "Où étiez-vous, Łódź ?", "Да 🎉 北京 👩‍👩‍👧 🇫🇷 é́"]


def broken(data):
    """Return the text that was given before the fault, and the fault."""
    decoder, deltas = StreamDecoder(), []
    with pytest.raises(StreamFault) as caught:
        deltas += decoder.feed(data)
        decoder.finish()
    return "".join(delta.text for delta in deltas), caught.value


@pytest.mark.parametrize("text", TEXTS)
def test_fault_a_cut_at_any_byte_is_detected(text):
    pieces = text.split(" ")
    events = [event(choice(content=piece)) for piece in pieces]
    stream = ROLE + b"".join(events) + END
    for cut in range(len(stream)):
        whole = sum(cut >= len(ROLE + b"".join(events[: at + 1])) for at in range(len(events)))
        given, fault = broken(stream[:cut])
        assert given == "".join(pieces[:whole])
        assert isinstance(fault, StreamCut)
    for end in range(len(DONE) + 1):
        assert answer(stream + DONE[:end]).text == "".join(pieces)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("byte", [b"\x00", b"\x1f", b"\xff"])
def test_fault_garbage_at_any_byte_is_detected(text, byte):
    pieces = text.split(" ")
    events = [ROLE, *(event(choice(content=piece)) for piece in pieces), END]
    for at, faulty in enumerate(events):
        for at_byte in range(len(b"data: "), len(faulty) - len(b"\n\n")):
            damaged = faulty[:at_byte] + byte + faulty[at_byte + 1 :]
            given, _ = broken(b"".join([*events[:at], damaged, *events[at + 1 :], DONE]))
            assert given == "".join(pieces[: max(at - 1, 0)])


def test_fault_no_key_gets_into_an_error():
    decoder = StreamDecoder(["sk-secret"])
    body = {"error": {"message": "key sk-secret is bad"}}
    with pytest.raises(InBandError) as raised:
        decoder.feed(b"data: " + json.dumps(body).encode() + b"\n\n")
    assert "sk-secret" not in str(raised.value) + str(raised.value.body)


def test_fault_a_lone_half_of_a_pair_is_read():
    data = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a\\ud83e"},"finish_reason":"stop"}]}\n\n'
    assert answer(data).text == "a�"


def test_fault_usage_that_is_no_number_counts_as_absent():
    whole = answer(event(choice(content="a", finish="stop"), usage={"prompt_tokens": "3"}))
    assert whole.usage == Usage()


WHOLE = {
    "id": "c1",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "all",
                "tool_calls": [fragment("aaaaaaaaa", "f", "{}")],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": USAGE,
}


def test_plain_json_becomes_deltas():
    (delta,) = deltas_of_response(decode_chat(WHOLE))
    assert (delta.text, delta.finish_reason, delta.usage) == (
        "all",
        "tool_calls",
        Usage(3, 2, 5),
    )
    assert delta.tool_calls[0].id == "aaaaaaaaa"


@pytest.mark.parametrize(
    ("body", "fault", "message"),
    [(WHOLE, StreamCut, "plain JSON body"), (ENVELOPE, InBandError, "overloaded")],
)
def test_plain_json_in_a_stream_is_detected(body, fault, message):
    decoder = StreamDecoder()
    decoder.feed(json.dumps(body).encode())
    with pytest.raises(fault, match=message):
        decoder.finish()


# --- verdicts of guardrails -------------------------------------------------------------------------


def hooks(when, *ids):
    results = [{"id": id_, "verdict": False, "checks": []} for id_ in ids]
    return b"data: " + json.dumps({"hook_results": {f"{when}_request_hooks": results}}).encode() + b"\n\n"  # fmt: skip


def verdicts(*data):
    decoder = StreamDecoder()
    for piece in data:
        if decoder.done:
            decoder.feed_trailer(piece)
        else:
            decoder.feed(piece)
    decoder.finish()
    return [(verdict.id, verdict.side) for verdict in decoder.guardrails]


BEFORE, AFTER = hooks("before", "pg-a"), hooks("after", "pg-b", "pg-c")
IN, OUT = [("pg-a", "input")], [("pg-b", "output"), ("pg-c", "output")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([ROLE, END, DONE], []),
        ([BEFORE, ROLE, END, DONE], IN),
        ([BEFORE, ROLE, END], IN),
        ([ROLE, END, AFTER, DONE], OUT),
        ([ROLE, END, DONE, AFTER], OUT),
        ([BEFORE, ROLE, END, DONE, AFTER], IN + OUT),
        ([ROLE, END, DONE, b": still checking\n\n", AFTER, DONE], OUT),
        ([ROLE, END, DONE, b"data: no JSON\n\n", AFTER], OUT),
        ([ROLE, END, DONE, AFTER.rstrip()], []),
    ],
)
def test_verdicts_of_guardrails_in_any_place_and_any_split(events, expected):
    whole = b"".join(events)
    assert verdicts(whole) == expected
    assert verdicts(*events) == expected
    assert verdicts(*(whole[at : at + 1] for at in range(len(whole)))) == expected


def test_verdicts_add_nothing_to_the_answer():
    assert decode(BEFORE, ROLE, END, DONE, AFTER) == decode(ROLE, END, DONE)


@pytest.mark.parametrize("junk", [b"data: {}\n\n", b"data: " + b"x" * 200, b'data: {"error": {"message": "no"}}\n\n'])  # fmt: skip
def test_nothing_after_the_end_breaks_a_stream(junk):
    decoder = StreamDecoder(max_event_bytes=100)
    decoder.feed(END + DONE + junk)
    decoder.feed_trailer(junk)
    decoder.feed_trailer(junk)
    decoder.finish()
    assert decoder.guardrails == ()
