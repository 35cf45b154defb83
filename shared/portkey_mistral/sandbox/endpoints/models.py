"""The list of models, and one of them."""

from __future__ import annotations

from portkey_mistral.sandbox import cards
from portkey_mistral.sandbox.endpoints.request import SandboxRequest
from portkey_mistral.sandbox.errors import not_found
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["get_model", "list_models"]


def list_models(request: SandboxRequest) -> SandboxResponse:
    """Answer `GET /v1/models`."""
    return json_response({"object": "list", "data": cards.cards(request.today)})


def get_model(name: str, request: SandboxRequest) -> SandboxResponse:
    """Answer `GET /v1/models/{id}`."""
    card = cards.card(name, request.today)
    if card is None:
        raise not_found()
    return json_response(card)
