"""Fill-in-the-middle with Codestral, in LangChain."""

from __future__ import annotations

from rich.text import Text

from langchain_portkey_mistral import PortkeyMistralFIM
from portkey_mistral.demo.stage import Arguments, Stage

BEFORE = "def fibonacci(n: int) -> int:\n    "
AFTER = "\n\nprint(fibonacci(10))\n"


def answer(connection: Arguments) -> str:
    codestral = PortkeyMistralFIM(model="codestral-latest", **connection)
    return codestral.invoke(BEFORE, suffix=AFTER)


def play(stage: Stage) -> None:
    stage.code(answer)
    middle = answer(stage.connection).strip("\n")
    code = Text.assemble((BEFORE, "dim"), (middle, "bold green"), (AFTER, "dim"))
    stage.say("file", code)
