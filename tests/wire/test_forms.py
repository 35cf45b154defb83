"""Events that repeat an earlier one are read quickly, and to the same effect as all others."""

import copy
import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._wire.stream import StreamDecoder, StreamFault
from portkey_mistral.responses import Delta

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class Careful(StreamDecoder):
    """Reads every event for itself."""

    __slots__ = ()

    def _learn(self, *_):
        pass


def event(*choices, ascii_only=False, separators=(",", ":"), **more):
    body = {"id": "c1", "created": 7, "model": "m", "choices": list(choices)} | more
    text = json.dumps(body, ensure_ascii=ascii_only, separators=separators)
    return b"data: " + text.encode() + b"\n\n"


def choice(content, index=0, finish=None, **delta):
    return {"index": index, "delta": {"content": content, **delta}, "finish_reason": finish}


def told(decoder, *data):
    """Return all that a decoder makes of a stream."""
    deltas, fault = [], None
    try:
        for piece in data:
            deltas += decoder.feed(piece)
        decoder.finish()
    except StreamFault as raised:
        fault = raised
    return deltas, [json.dumps(delta.raw) for delta in deltas], repr(fault), decoder.committed


def same(*data):
    quick, careful = told(StreamDecoder(), *data), told(Careful(), *data)
    assert quick == careful
    return quick[0]


TEXTS = st.one_of(
    st.sampled_from(
        [
            " word",
            "",
            '"',
            "\\",
            "\n",
            '"},"finish_reason":null}]}',
            "\u00a0",
            "漢🦙",
            "\x7f",
            "data: ",
        ]
    ),
    st.text(st.characters(codec="utf-8"), max_size=6),
)
EVENTS = st.one_of(
    st.builds(lambda text: event(choice(text)), TEXTS),
    st.builds(lambda text: event(choice(text)), TEXTS),
    st.builds(
        lambda text, p: event(choice(text), p=p), TEXTS, st.sampled_from(["abc", "x1", "é", ""])
    ),
    st.builds(lambda text: event(choice(text), ascii_only=True), TEXTS),
    st.builds(lambda text: event(choice(text), separators=(", ", ": ")), TEXTS),
    st.builds(lambda text: event(choice(text), created=8), TEXTS),
    st.builds(lambda text: event(choice(text, index=1)), TEXTS),
    st.builds(lambda text: event(choice(text, role="assistant")), TEXTS),
    st.builds(lambda text: event({"index": 0, "message": {"content": text}}), TEXTS),
    st.builds(lambda text: event(choice(text) | {"logprobs": None}), TEXTS),
    st.builds(lambda text: event(choice(text), error=None, id=text), TEXTS),
    st.builds(lambda text: event(choice(text, finish="stop"), usage=USAGE), TEXTS),
    st.builds(lambda text: event(choice([{"type": "text", "text": text}])), TEXTS),
    st.sampled_from(
        [
            b": ping\n\n",
            event(choice(" a")).replace(b"\n\n", b" \n\n"),
            b"data: [DONE]\n\n",
            event(usage=USAGE),
            event(choice(5)),
            event(error={"message": "late"}),
            b'event: x\r\ndata: {"choices":[{"delta":{"content":"a"}}]}\r\n\r\n',
            b'data: {"choices":[{"delta":\ndata: {"content":"a"}}]}\n\n',
            b'data: {"choices":[],"x":{"content":"a"}}\n\n',
        ]
    ),
)
RUNS = st.builds(lambda event, times: event * times, EVENTS, st.integers(1, 3))


@given(st.lists(st.one_of(EVENTS, RUNS), max_size=12), st.lists(st.integers(1, 60), max_size=6))
def test_any_stream_is_read_to_the_same_effect(events, sizes):
    stream, pieces, at = b"".join(events), [], 0
    for size in sizes:
        pieces.append(stream[at : at + size])
        at += size
    same(*pieces, stream[at:])


@given(
    st.lists(TEXTS, min_size=3, max_size=6),
    st.sampled_from([{}, {"p": "abc"}, {"obfuscation": "x1Y"}, {"p": "abc", "usage": None}]),
    st.integers(0),
    st.sampled_from(
        [b'"', b"\\", b"{", b"}", b",", b":", b"\x00", b"\n", b"\x7f", b"\xff", b"", b"a"]
    ),
)
def test_any_damage_is_told_to_the_same_effect(texts, more, place, damage):
    *sound, last = [event(choice(text), **more) for text in (" a", " b", *texts)]
    place %= len(last)
    same(*sound, last[:place] + damage + last[place + 1 :], event(choice("", finish="stop")))


def mistral(*texts):
    return [
        event(choice(text), p="abcdefghij"[: 1 + at % 10])
        for at, text in enumerate(texts, len(texts))
    ]


def openai(*texts):
    return [
        event(choice(text) | {"logprobs": None}, usage=None, obfuscation="aZ3"[at % 3 :])
        for at, text in enumerate(texts)
    ]


def spaced(*texts):
    return [event(choice(text, role="assistant"), separators=(", ", ": ")) for text in texts]


def read(form, *events):
    form.read((each.removesuffix(b"\n\n") for each in events), deltas := [])
    return deltas


@pytest.mark.parametrize("server", [mistral, openai, spaced])
def test_the_streams_of_known_servers_are_read_quickly(server):
    decoder = StreamDecoder()
    texts = ["One", " two", " “three”", '\n"four"', " 五🦙"]
    events = server(*texts)
    assert [delta.text for delta in decoder.feed(b"".join(events[:2]))] == texts[:2]
    assert decoder._form is not None
    assert [delta.text for delta in read(decoder._form, *events)] == texts
    assert [delta.text for delta in same(*events)] == texts


@pytest.mark.parametrize(
    "unlike",
    [
        {"p": "a", "x": [1]},
        {"meta": {"a": 1}},
        {"usage": USAGE},
        {"error": "no"},
    ],
)
def test_an_event_with_more_than_text_has_no_form(unlike):
    decoder = StreamDecoder()
    told(decoder, *[event(choice(text), **unlike) for text in (" a", " b", " c")])
    assert decoder._form is None


def test_an_event_of_another_shape_has_no_form():
    decoder = StreamDecoder()
    told(decoder, *[event({"message": {"content": text}}) for text in (" a", " b", " c")])
    assert decoder._form is None


@pytest.mark.parametrize(("server", "end"), [(mistral, b'"}'), (spaced, b"}]}")])
def test_an_event_that_only_begins_like_others_does_not_have_their_form(server, end):
    decoder = StreamDecoder()
    *events, last = server(" a", " b", " c")
    decoder.feed(b"".join(events))
    form, last = decoder._form, last.removesuffix(b"\n\n")
    assert [delta.text for delta in read(form, last)] == [" c"]
    for other in (
        last + b" ",
        last.removesuffix(end),
        last[: len(form.head)],
        last.replace(b"data", b"Data"),
        last.replace(b" c", b"\xff"),
        last.replace(b" c", b"\t"),
    ):
        assert read(form, other) == []


def test_a_stream_without_a_form_is_not_searched_for_ever():
    decoder = StreamDecoder()
    told(decoder, *[event(choice(" word"), id=f"c{at}") for at in range(40)])
    told(decoder, *[event(choice(text)) for text in (" a", " b", " c")])
    assert decoder._form is None


def test_the_form_follows_what_changes():
    decoder = StreamDecoder()
    for second in range(40):
        told(decoder, *[event(choice(text), created=second) for text in (" a", " b", " c")])
        assert decoder._form.event["created"] == second


def test_events_share_nothing():
    deltas = same(*mistral(" a", " b", " c", " d", " e"))
    before = copy.deepcopy(deltas)
    for at, delta in enumerate(deltas):
        delta.raw["choices"][0]["delta"]["seen"] = True
        delta.raw["choices"].append(None)
        delta.raw.clear()
        assert deltas[at + 1 :] == before[at + 1 :]


def test_what_the_caller_changes_gets_into_no_later_event():
    decoder = StreamDecoder()
    *first, last = mistral(" a", " b", " c", " d")
    for delta in decoder.feed(b"".join(first)):
        delta.raw["choices"][0]["delta"]["seen"] = True
        delta.raw["seen"] = True
    (delta,) = decoder.feed(last)
    assert delta.raw == json.loads(last.removeprefix(b"data: "))


@pytest.mark.parametrize("at", [0, 3], ids=["careful", "quick"])
@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, replace, lambda delta: pickle.loads(pickle.dumps(delta))]
)
def test_a_delta_is_a_value(at, twin):
    delta = same(*mistral(" a", " b", " c", " d"))[at]
    assert twin(delta) == delta
    assert repr(twin(delta)) == repr(delta)
    assert Delta(0, delta.text, id="c1", model="m", raw=dict(delta.raw)) == delta
    assert replace(delta, raw={"x": 1}).raw == {"x": 1}
