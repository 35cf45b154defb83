"""A pydantic object filled by the model, in LangChain."""

from __future__ import annotations

from rich.pretty import Pretty

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.demo.material import FACTS, Card
from portkey_mistral.demo.stage import Arguments, Stage


def answer(connection: Arguments) -> object:
    model = ChatPortkeyMistral(temperature=0, **connection)
    return model.with_structured_output(Card).invoke(FACTS)


def play(stage: Stage) -> None:
    stage.code(Card)
    stage.code(answer)
    stage.ask(FACTS)
    stage.say("object", Pretty(answer(stage.connection), expand_all=True))
