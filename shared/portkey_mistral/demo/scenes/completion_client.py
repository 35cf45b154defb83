"""Fill-in-the-middle with Codestral, with the client."""

from __future__ import annotations

from rich.text import Text

from portkey_mistral import Client, FIMRequest
from portkey_mistral.demo.material import CODE_AFTER, CODE_BEFORE
from portkey_mistral.demo.stage import Arguments, Stage


def answer(connection: Arguments) -> str:
    model = "codestral-latest"
    request = FIMRequest(model=model, prompt=CODE_BEFORE, suffix=CODE_AFTER)
    return Client(**connection).fim(request).text


def play(stage: Stage) -> None:
    stage.code(answer)
    middle = answer(stage.connection).strip("\n")
    code = Text.assemble((CODE_BEFORE, "dim"), (middle, "bold green"), (CODE_AFTER, "dim"))
    stage.say("file", code)
