"""A conversation in the terminal: answers are streamed to standard output, everything else goes to standard error."""

from __future__ import annotations

import contextlib
import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from portkey_mistral.cli.call_summary import summary
from portkey_mistral.cli.console import console, counted, note, printable, usd, write_text
from portkey_mistral.exceptions import InvalidRequestError, PortkeyMistralError
from portkey_mistral.messages import Message, ThinkingPart, ToolCall
from portkey_mistral.prices import NOT_BILLED, Cost, total_cost
from portkey_mistral.requests import ChatRequest
from portkey_mistral.responses import TRUNCATED

if TYPE_CHECKING:
    from portkey_mistral.cli.tools_file import ToolsFile
    from portkey_mistral.client import Client
    from portkey_mistral.responses import ChatResponse, Delta

__all__ = ["Chat", "converse", "is_terminal", "piped_input"]

_MAX_ROUNDS = 10
_MAX_SHOWN = 500
"""Characters of a tool's result that are shown; the model gets all of them."""
_HELP = """\
/model NAME  switch to another model
/reset       start the conversation again
/help        show this help
/exit        end the conversation (also Ctrl+D)
A line that ends with \\ continues on the next line. Ctrl+C stops an answer."""


class Chat:
    """A conversation with a model, which may call the functions of a tools file.

    `request` has the model and the parameters, and the system message if there is one.
    """

    def __init__(self, client: Client, request: ChatRequest, tools: ToolsFile | None) -> None:
        self.model = request.model
        self._client, self._tools = client, tools
        self._request = replace(request, tools=() if tools is None else tools.tools)
        self._messages: list[Message] = list(request.messages)
        self._costs: list[Cost | None] = []

    @property
    def cost(self) -> Cost | None:
        """What all calls so far cost together."""
        return total_cost(self._costs) if self._costs else NOT_BILLED

    @property
    def calls(self) -> int:
        return len(self._costs)

    def reset(self) -> None:
        """Forget all but the system message."""
        self._messages = list(self._request.messages)

    def ask(self, question: str) -> None:
        """Print the answer; the model's tools are run until it has one. After an error the question is forgotten.

        Raises:
            PortkeyMistralError: a call failed.
            InvalidRequestError: the model still calls tools after 10 rounds.
        """
        kept = list(self._messages)
        self._messages.append(Message.user(question))
        try:
            self._answer()
        except BaseException:
            self._messages = kept
            raise

    def _answer(self) -> None:
        for _ in range(_MAX_ROUNDS):
            response = self._stream()
            message = response.message
            self._messages.append(message)
            if not message.tool_calls or self._tools is None:
                return
            truncated = response.finish_reason in TRUNCATED
            self._messages += [
                self._run(call, self._tools, truncated=truncated) for call in message.tool_calls
            ]
        raise InvalidRequestError(f"The model still calls tools after {_MAX_ROUNDS} rounds.")

    def _stream(self) -> ChatResponse:
        request = replace(self._request, model=self.model, messages=tuple(self._messages))
        writer = _Writer()
        with self._client.stream(request) as stream:
            try:
                for delta in stream:
                    writer.show(delta)
            finally:
                writer.end()
                # What was received of a stopped answer was billed too.
                self._costs.append(stream.info.cost)
            response = stream.response()
        note(summary(response))
        if response.finish_reason in TRUNCATED:
            note("The answer was cut off at the token limit; raise it with --max-tokens.", "yellow")
        return response

    @staticmethod
    def _run(call: ToolCall, tools: ToolsFile, *, truncated: bool) -> Message:
        result = tools.run(call, truncated=truncated)
        note(f"{call.name}({call.arguments}) -> {_shortened(result)}", "cyan")
        return Message.tool(result, tool_call_id=call.id or "", name=call.name)


class _Writer:
    """Writes an answer as it arrives. A terminal gets no control characters, and thoughts in grey."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._at_start = True

    def show(self, delta: Delta) -> None:
        if self._is_terminal:
            for part in delta.parts:
                if isinstance(part, ThinkingPart):
                    console().print(printable(part.text), style="dim", end="", markup=False)
                    self._at_start = False
        if delta.text:
            write_text(delta.text)
            self._at_start = delta.text.endswith("\n")

    def end(self) -> None:
        """End the last line, also of an answer that was stopped."""
        if not self._at_start:
            write_text("\n")


def piped_input() -> str:
    """Return what was piped to the command; nothing if standard input is a terminal."""
    return "" if sys.stdin is None or is_terminal() else sys.stdin.read()


def is_terminal() -> bool:
    """Whether the user can type questions."""
    return sys.stdin is not None and sys.stdin.isatty()


def converse(chat: Chat) -> None:
    """Read questions from the terminal, and answer them, until the user ends the conversation."""
    with contextlib.suppress(ImportError):  # Windows has none
        # With it, input() lets the user edit lines, and recall earlier ones.
        importlib.import_module("readline")
    note(f"{chat.model} answers. /help shows the commands, Ctrl+D ends.")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while (line := _read()) not in ("/exit", "/quit"):
            if line.startswith("/"):
                _command(chat, line)
            elif line:
                _ask(chat, line)
    note(f"\n{counted(chat.calls, 'call')}, {usd(chat.cost)}")


def _ask(chat: Chat, question: str) -> None:
    try:
        chat.ask(question)
    except KeyboardInterrupt:
        note("Stopped. The question and its answer are not part of the conversation.", "yellow")
    except PortkeyMistralError as error:
        note(f"{type(error).__name__} {error.message}", "red")


def _command(chat: Chat, line: str) -> None:
    name, _, value = line.partition(" ")
    if name == "/model" and value:
        chat.model = value.strip()
        note(f"{chat.model} answers.")
    elif name == "/reset":
        chat.reset()
        note("The conversation starts again.")
    else:
        note(_HELP)


def _read() -> str:
    lines = [_line("> ")]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1][:-1]
        lines.append(_line(". "))
    return "\n".join(lines).strip()


def _line(prompt: str) -> str:
    if not sys.stdout.isatty():  # input() would write it into the output
        sys.stderr.write(prompt)
        sys.stderr.flush()
        return input()
    return input(prompt)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}... ({len(text):,} characters)"
