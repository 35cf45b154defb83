"""A pydantic object filled by the model, in LangChain."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.pretty import Pretty

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.demo.stage import Arguments, Stage

TEXT = (
    "Codestral is generally available. It has a context window of 131072 tokens and costs 0.3 USD "
    "for a million input tokens and 0.9 USD for a million output tokens."
)


class Card(BaseModel):
    """What a text says about a model."""

    name: str
    context_window: int = Field(description="in tokens")
    input_price: float = Field(description="USD a million input tokens")
    output_price: float = Field(description="USD a million output tokens")


def answer(connection: Arguments) -> object:
    model = ChatPortkeyMistral(temperature=0, **connection)
    return model.with_structured_output(Card).invoke(TEXT)


def play(stage: Stage) -> None:
    stage.code(Card)
    stage.code(answer)
    stage.ask(TEXT)
    stage.say("object", Pretty(answer(stage.connection), expand_all=True))
