"""The endpoints of the control plane itself: the catalog's models, rendered prompts, and feedback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from portkey_mistral.sandbox import cards
from portkey_mistral.sandbox.portkey.definition import Account, Provider
from portkey_mistral.sandbox.portkey.errors import bad_feedback, mapping_error
from portkey_mistral.sandbox.portkey.prompts import rendered
from portkey_mistral.sandbox.portkey.request import Received
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["completed_prompt", "own_answer"]

_LATEST = "@latest"


def own_answer(
    account: Account,
    headers: Mapping[str, str],
    received: Received,
    config: Mapping[str, Any] | None,
) -> SandboxResponse | None:
    """Answer a request that needs no provider; None for all others."""
    method, body = received.method, received.body
    match method, received.path.split("/")[2:]:
        case "GET", ["models"] if not _names_a_provider(headers, config):
            models = list(_catalog(account))
            return json_response({"object": "list", "total": len(models), "data": models})
        case "POST", ["prompts", name, "render"]:
            prompt = account.prompts[_prompt_id(account, name)]
            variables = body.get("variables") if isinstance(body, dict) else None
            return json_response({"success": True, "data": rendered(prompt, variables or {})})
        case ("POST", ["feedback"]) | ("PUT", ["feedback", _]):
            return _feedback(method, body)
        case _:
            return None


def completed_prompt(account: Account, path: str) -> str | None:
    """Return the prompt that `/v1/prompts/ID/completions` names, None on any other route."""
    match path.split("/")[2:]:
        case ["prompts", name, "completions"]:
            return _prompt_id(account, name)
        case _:
            return None


def _prompt_id(account: Account, name: str) -> str:
    """Look a prompt up. Saved prompts have one version here, the latest."""
    prompt_id = name.removesuffix(_LATEST)
    if prompt_id not in account.prompts:
        raise mapping_error("Invalid prompt id", 404)
    return prompt_id


def _names_a_provider(headers: Mapping[str, str], config: Mapping[str, Any] | None) -> bool:
    named = {"x-portkey-provider", "x-portkey-virtual-key"} & set(headers)
    return bool(named) or bool(config and {"provider", "virtual_key", "targets"} & set(config))


def _catalog(account: Account) -> Iterator[Mapping[str, str]]:
    for slug, provider in account.providers.items():
        for model in _models(provider):
            yield {
                "id": f"@{slug}/{model}",
                "slug": model,
                "canonical_slug": model,
                "object": "model",
            }


def _models(provider: Provider) -> list[str]:
    if provider.models is not None:
        return list(provider.models)
    if provider.provider != "mistral-ai":
        return []
    return [card["id"] for card in cards.cards(datetime.now(UTC).date())]


def _feedback(method: str, body: Any) -> SandboxResponse:
    items = body if isinstance(body, list) else [body]
    if not items or not all(_is_feedback(item, new=method == "POST") for item in items):
        raise bad_feedback()
    answer = {
        "status": "success",
        "message": "Feedback successfully saved",
        "feedback_ids": [str(uuid4()) for _ in items],
    }
    return json_response(answer)


def _is_feedback(item: Any, *, new: bool) -> bool:
    if not isinstance(item, dict) or (new and not isinstance(item.get("trace_id"), str)):
        return False
    value, weight = item.get("value"), item.get("weight", 1)
    return (
        type(value) is int
        and -10 <= value <= 10
        and isinstance(weight, int | float)
        and 0 <= weight <= 1
    )
