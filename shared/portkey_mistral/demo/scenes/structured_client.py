"""A pydantic object filled by the model, with the client."""

from __future__ import annotations

from rich.pretty import Pretty

from portkey_mistral import ChatRequest, Client, Message, ResponseFormat
from portkey_mistral.demo.material import FACTS, Card
from portkey_mistral.demo.stage import Arguments, Stage


def answer(connection: Arguments) -> Card:
    schema = Card.model_json_schema()
    request = ChatRequest(
        model="mistral-small-latest",
        messages=[Message.user(FACTS)],
        response_format=ResponseFormat("json_schema", "card", schema),
        temperature=0,
    )
    return Card.model_validate_json(Client(**connection).chat(request).text)


def play(stage: Stage) -> None:
    stage.code(Card)
    stage.code(answer)
    stage.ask(FACTS)
    stage.say("object", Pretty(answer(stage.connection), expand_all=True))
