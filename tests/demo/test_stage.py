"""What the scenes draw with."""

from __future__ import annotations

from rich.console import Console

from portkey_mistral.demo.stage import SANDBOX, Stage, body_of


def sample(question: str) -> str:
    words = question.split()
    return " ".join(words)


async def sample_async(
    question: str,
    connection: dict[str, str],
) -> None:
    if question:
        raise ValueError(connection)


class Sample:
    name: str = "x"


def test_body_of_leaves_the_signature_out() -> None:
    assert body_of(sample) == 'words = question.split()\nreturn " ".join(words)'
    assert body_of(sample_async) == "if question:\n    raise ValueError(connection)"
    assert body_of(Sample) == 'class Sample:\n    name: str = "x"'


def test_a_text_that_is_being_written_keeps_to_the_width() -> None:
    stage = Stage(Console(width=30, color_system=None, force_terminal=False), SANDBOX)
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    with stage.console.capture() as capture:
        column = 0
        for word in words:
            column = stage.write(f"{word} ", column)
    lines = capture.get().splitlines()
    assert len(lines) > 1
    assert max(len(line.rstrip()) for line in lines) <= 30
    assert all(line.startswith(" " * 12) for line in lines)
    assert capture.get().split() == words


def test_line_breaks_of_the_text_are_kept() -> None:
    stage = Stage(Console(width=60, color_system=None, force_terminal=False), SANDBOX)
    with stage.console.capture() as capture:
        column = stage.write("one\n\ntwo", 0)
    assert column == len("two")
    assert [line.strip() for line in capture.get().splitlines()] == ["one", "", "two"]
