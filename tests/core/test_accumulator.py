from portkey_mistral.accumulator import Assembler
from portkey_mistral.messages import Message, TextPart, ThinkingPart, ToolCall, UnknownPart
from portkey_mistral.responses import CallInfo, Delta, ToolCallDelta, Usage


def assembled(*deltas):
    assembler = Assembler()
    for delta in deltas:
        assembler.add(delta)
    return assembler


def test_without_deltas():
    assert assembled().messages() == ()
    assert assembled().response().choices == ()


def test_the_answer_so_far():
    assembler = assembled(Delta(text="Hel"))
    assert assembler.messages() == (Message.assistant("Hel"),)
    assembler.add(Delta(text="lo", finish_reason="stop", usage=Usage(1, 2, 3)))
    assert assembler.messages() == (Message.assistant("Hello"),)
    assert assembler.message(0) == Message.assistant("Hello")
    assert assembler.usage == Usage(1, 2, 3)
    info = CallInfo(provider="mistral-ai")
    assert assembler.response(info).info is info


def test_consecutive_parts_of_a_type_are_joined_in_order():
    source = {"type": "reference", "reference_ids": [1]}
    other = UnknownPart({"type": "new"})
    assembler = assembled(
        Delta(parts=(ThinkingPart("a", closed=False),)),
        Delta(parts=(ThinkingPart("b", signature="s", references=(source,)), TextPart(""))),
        Delta(text="1", parts=(TextPart("1"),)),
        Delta(text="2"),
        Delta(parts=(other,)),
        Delta(parts=(other,)),
        Delta(text="3"),
    )
    assert assembler.messages()[0].content == (
        ThinkingPart("ab", signature="s", references=(source,)),
        TextPart("12"),
        other,
        other,
        TextPart("3"),
    )


def test_tool_calls_are_in_the_order_of_their_index():
    assembler = assembled(
        Delta(tool_calls=(ToolCallDelta(1, "b", "g", "{}"), ToolCallDelta(0, "a", "f", "{"))),
        Delta(tool_calls=(ToolCallDelta(0, None, None, "}"),)),
    )
    assert assembler.messages()[0].tool_calls == (
        ToolCall("a", "f", "{}"),
        ToolCall("b", "g", "{}"),
    )


def test_arguments_are_empty_or_missing():
    delta = Delta(tool_calls=(ToolCallDelta(0, "a", "f", ""),))
    for finish_reason, arguments in (("tool_calls", "{}"), ("length", "")):
        (message,) = assembled(delta, Delta(finish_reason=finish_reason)).messages()
        assert message.tool_calls == (ToolCall("a", "f", arguments),)


def test_usage_on_a_delta_of_its_own_makes_no_choice():
    assert assembled(Delta(choice=-1, usage=Usage(1, 1, 2))).messages() == ()
