"""The list of models, and one of them."""

from __future__ import annotations

from portkey_mistral.sandbox import cards
from portkey_mistral.sandbox.endpoints.order import Order
from portkey_mistral.sandbox.errors import not_found
from portkey_mistral.sandbox.replies import Reply, json_reply

__all__ = ["get_model", "list_models"]


def list_models(order: Order) -> Reply:
    """Answer `GET /v1/models`."""
    return json_reply({"object": "list", "data": cards.cards(order.today)})


def get_model(name: str, order: Order) -> Reply:
    """Answer `GET /v1/models/{id}`."""
    card = cards.card(name, order.today)
    if card is None:
        raise not_found()
    return json_reply(card)
