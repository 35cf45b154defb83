from dataclasses import replace

import pytest

from portkey_mistral._wire.mistral import encode_request
from portkey_mistral._wire.repeated_prefix import (
    RepeatedPrefixTrimmer,
    assumed_prefix,
    without_prefix,
)
from portkey_mistral.messages import Message, TextPart, ThinkingPart
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from portkey_mistral.responses import ChatResponse, Choice, Delta, ToolCallDelta, Usage

ASK = {"role": "user", "content": "q"}

REPEATS = [
    ("I think", "I think so", " so"),
    ("I think", "so", "so"),
    ("I think", "I", "I"),
    ("I think", "I thank you", "I thank you"),
    ("I think", "I think", ""),
    ("ha", "ha ha", " ha"),
    ("ha", "", ""),
]


@pytest.mark.parametrize(("prefix_", "text", "new"), REPEATS)
def test_a_repeated_prefix_is_removed_wherever_the_deltas_are_cut(prefix_, text, new):
    for cut in range(len(text) + 1):
        trimmer = RepeatedPrefixTrimmer(prefix_)
        deltas = [Delta(text=text[:cut]), Delta(text=text[cut:]), Delta(finish_reason="stop")]
        given = [each for delta in deltas if (each := trimmer.trim(delta)) is not None]
        assert "".join(each.text for each in given) == new
        assert given[-1].finish_reason == "stop"


def test_each_choice_repeats_the_prefix_for_itself():
    trimmer = RepeatedPrefixTrimmer("I think")
    deltas = [
        Delta(0, "I thi"),
        Delta(1, "No."),
        Delta(0, "nk so"),
        Delta(-1, usage=Usage(1, 1, 2)),
    ]
    given = [each for delta in deltas if (each := trimmer.trim(delta)) is not None]
    assert [(each.choice, each.text) for each in given] == [(1, "No."), (0, " so"), (-1, "")]


def test_what_was_held_back_comes_before_a_tool_call_or_a_thought():
    call = ToolCallDelta(0, "a", "f", "{}")
    for other in (Delta(tool_calls=(call,)), Delta(parts=(ThinkingPart("hm"),))):
        trimmer = RepeatedPrefixTrimmer("I think")
        assert trimmer.trim(Delta(text="I th")) is None
        assert trimmer.trim(other) == replace(other, text="I th")
        assert trimmer.trim(Delta(text="I think")).text == "I think"


def test_only_a_prefix_that_was_not_marked_is_an_assumed_one():
    def assumed(*messages, **fields):
        request = ChatRequest(model="m", messages=messages, **fields)
        return assumed_prefix(request, encode_request(request, stream=False))

    question, answer = Message.user("q"), Message.assistant("I think")
    assert assumed(question, answer) == "I think"
    parts = (TextPart("I "), TextPart("think"))
    assert assumed(question, replace(answer, content=parts)) == "I think"
    assert assumed(question) == ""
    assert assumed(question, replace(answer, prefix=True)) == ""
    assert assumed(question, answer, response_format=ResponseFormat("json_object")) == ""
    assert assumed(question, answer, tool_choice=ToolChoice("auto"), tools=[Tool("f")]) == "I think"
    assert assumed(question, answer, tool_choice=ToolChoice("any"), tools=[Tool("f")]) == ""
    assert assumed_prefix(None, {}) == ""
    assert assumed_prefix(EmbeddingRequest(model="m", inputs=["a"]), {}) == ""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("I think so", " so"),
        ("so", "so"),
        ((TextPart("I think so"), TextPart("!")), (TextPart(" so"), TextPart("!"))),
        ((ThinkingPart("hm"), TextPart("so")), (ThinkingPart("hm"), TextPart("so"))),
    ],
)
def test_a_repeated_prefix_is_removed_from_whole_responses(content, expected):
    choices = tuple(Choice(at, Message.assistant(content), "stop") for at in range(2))
    trimmed = without_prefix(ChatResponse("id", "m", choices, None), "I think")
    assert [choice.message.content for choice in trimmed.choices] == [expected] * 2
