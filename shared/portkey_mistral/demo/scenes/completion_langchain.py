"""Fill-in-the-middle with Codestral, in LangChain."""

from __future__ import annotations

from rich.text import Text

from langchain_portkey_mistral import PortkeyMistralFIM
from portkey_mistral.demo.material import CODE_AFTER, CODE_BEFORE
from portkey_mistral.demo.stage import Arguments, Stage


def answer(connection: Arguments) -> str:
    codestral = PortkeyMistralFIM(model="codestral-latest", **connection)
    return codestral.invoke(CODE_BEFORE, suffix=CODE_AFTER)


def play(stage: Stage) -> None:
    stage.code(answer)
    middle = answer(stage.connection).strip("\n")
    code = Text.assemble((CODE_BEFORE, "dim"), (middle, "bold green"), (CODE_AFTER, "dim"))
    stage.say("file", code)
