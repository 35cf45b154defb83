"""Reports what a Portkey key can reach, as far as Portkey's list of models shows; no model is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from portkey_mistral import models
from portkey_mistral._providers import is_slug
from portkey_mistral.cli.findings import Finding, State
from portkey_mistral.exceptions import APIStatusError, PortkeyMistralError
from portkey_mistral.requests import CallOptions
from portkey_mistral.responses import ModelCard

if TYPE_CHECKING:
    from portkey_mistral.client import Client
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["examine_portkey_key", "is_portkey_key_alone"]

_AREA = "portkey"
_SHOWN = 3
# It has no effect on the list of models, but is enough for a saved-only organisation to refuse the request.
_INLINE = CallOptions(portkey_config={"retry": {"attempts": 1}})
_SAVED_ONLY = "inline_config_blocked"
_PROTECTED = "Cannot override default config"


def is_portkey_key_alone(settings: ConnectionSettings) -> bool:
    """Whether nothing but a Portkey key is configured."""
    named = (settings.api_key, settings.provider, settings.virtual_key, settings.portkey_config)
    return settings.portkey_api_key is not None and not any(named)


def examine_portkey_key(client: Client) -> Iterator[Finding]:
    """Request Portkey's list of models, without and with an inline config, and report what follows from the
    responses.
    """
    try:
        cards = client.models()
    except PortkeyMistralError as error:
        yield Finding(_AREA, "bad", error.message)
        return
    catalog = [card for card in cards if is_slug(card.id)]
    inline = _inline(client)
    if cards and not catalog:
        yield _default_config(cards)
        catalog = list(inline) if isinstance(inline, tuple) else []
    else:
        yield from _without_default_config(catalog)
    yield from _providers(catalog)
    yield from _refusals(inline)


def _inline(client: Client) -> tuple[ModelCard, ...] | PortkeyMistralError:
    try:
        return client.models(_INLINE)
    except PortkeyMistralError as error:
        return error


def _default_config(cards: Sequence[ModelCard]) -> Finding:
    owners = sorted({str(owner) for card in cards if (owner := card.raw.get("owned_by"))})
    of = f" of {', '.join(owners)}" if owners else ""
    return Finding(
        _AREA,
        "good",
        f"the key has a default config, so calls need no provider; the first target has {len(cards)} models{of}",
    )


def _without_default_config(catalog: Sequence[ModelCard]) -> Iterator[Finding]:
    example = f"model={catalog[0].id!r}" if catalog else "model='@slug/...'"
    yield Finding(
        _AREA,
        "note",
        "the key has no default config that names a provider: calls without one are refused (400); pass "
        f"{example}, provider='@slug', virtual_key= or portkey_config='pc-...'",
    )


def _providers(catalog: Sequence[ModelCard]) -> Iterator[Finding]:
    """Report the providers of the model catalog that the key may use, with their models."""
    by_slug: dict[str, list[str]] = {}
    for card in catalog:
        slug, _, model = card.id.partition("/")
        by_slug.setdefault(slug, []).append(model)
    for slug, names in by_slug.items():
        is_mistral = any(models.find(name) is not None for name in names)
        kind = "" if is_mistral else ", none of which is a known Mistral model"
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        state: State = "good" if is_mistral else "note"
        yield Finding(_AREA, state, f"provider {slug}: {len(names)} models ({shown}){kind}")
    if not by_slug:
        yield Finding(_AREA, "note", "the model catalog shows no provider to this key")


def _refusals(inline: tuple[ModelCard, ...] | PortkeyMistralError) -> Iterator[Finding]:
    match inline:
        case APIStatusError(code=code) if code == _SAVED_ONLY:
            yield Finding(
                _AREA,
                "note",
                "saved-only organisation: Portkey refuses portkey_config= as JSON, a Mistral key (MISTRAL_API_KEY, api_key= "
                "with a raw provider), base_url= and forward_headers=; save them at Portkey and pass their names",
            )
        case APIStatusError(message=message) if _PROTECTED in message:
            yield Finding(
                _AREA,
                "note",
                "the default config of the key may not be replaced: Portkey refuses portkey_config=",
            )
        case PortkeyMistralError():
            yield Finding(
                _AREA,
                "note",
                f"could not determine whether inline configs are accepted: {inline.message}",
            )
        case _:
            yield Finding(
                _AREA,
                "good",
                "not a saved-only organisation: inline configs and raw providers with a key are accepted",
            )
