"""Messages, parts and tool calls."""

import pytest

from portkey_mistral.messages import ToolCall


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"a": [1, "é"]}', {"a": [1, "é"]}),
        (' {"a": 1}\n', {"a": 1}),
        ('{"a": "\\ud83d"}', {"a": "\ufffd"}),
        ("", {}),
        ("null", {}),
        (" null\n", {}),
        ('{"a": "one\n\ttwo"}', {"a": "one\n\ttwo"}),
    ],
)
def test_arguments_are_parsed(arguments, expected):
    assert ToolCall("i", "f", arguments).parse_arguments() == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('{"a": "b', "EOF while parsing a string"),
        ("look it up", "expected value at line 1 column 1"),
        ('{"a": NaN}', "expected value at line 1"),
        ('{"a": NaN, "b": "\\ud83d\n"}', "expected value at line 1"),
        ('{"a": "one\n', "EOF while parsing a string"),
        ('{"a": 1} {"b": 2}', "trailing characters"),
        ("[1]", r"expected a JSON object, got '\['"),
        ('"text"', "expected a JSON object"),
        ("[" * 10_000, "recursion limit"),
    ],
)
def test_arguments_that_are_no_json_object_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        ToolCall("i", "f", arguments).parse_arguments()


def test_a_truncated_answer_without_arguments_lacks_them():
    for arguments in ("", " "):
        with pytest.raises(ValueError, match="cut off before them"):
            ToolCall("i", "f", arguments).parse_arguments(truncated=True)
    assert ToolCall("i", "f", "{}").parse_arguments(truncated=True) == {}
