"""Prepares calls for files and batch jobs at Mistral, which are resources of an account and not requests to a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from portkey_mistral import residency
from portkey_mistral._call.builders import ResourceRequestBuilder
from portkey_mistral._call.options import ResolvedOptions, deadline_of, resolve_options
from portkey_mistral._call.validate import check_options
from portkey_mistral._providers import MISTRAL
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral._telemetry.observe import observe_call
from portkey_mistral._transport.call import Call
from portkey_mistral.config.values import Target, leaves
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import CallOptions
from portkey_mistral.state import connect

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["account_options", "account_target", "prepare_resource"]

T = TypeVar("T")


def account_options(
    settings: ConnectionSettings, options: CallOptions | None, what: str
) -> ResolvedOptions:
    """Resolve the options of calls that go to one account at Mistral.

    `what` is named in errors, "batch jobs" for example.

    Raises:
        ConfigurationError: the calls would go through a gateway, or to more than one target.
        ResidencyError: Mistral's regional hosts have no such resources.
    """
    if options is not None:
        check_options(options)
    resolved = resolve_options(settings, options)
    if resolved.through_gateway:
        raise ConfigurationError(
            f"Portkey does not offer {what} for Mistral: call Mistral directly, with api_key= and without the "
            "settings of a gateway."
        )
    residency.check_not_regional(settings.data_residency, resolved.default_host, what)
    targets = tuple(leaves(resolved.root))
    if len(targets) != 1 or targets[0].provider != MISTRAL:
        raise ConfigurationError(
            f"{what.capitalize()} are kept in one account: pass a portkey_config with one target, Mistral's, or none."
        )
    return resolved


def account_target(resolved: ResolvedOptions) -> Target:
    """Return the one target that `account_options` has found."""
    (target,) = leaves(resolved.root)
    return target


def prepare_resource(
    resolved: ResolvedOptions,
    method: str,
    path: str,
    *,
    decode: Callable[[Any], T],
    body: bytes | None = None,
    content_type: str | None = None,
    retries: int | None = None,
) -> Call[T]:
    """Return a call for a resource. `path` is that below the version; `retries` are `max_retries` by default."""
    return Call(
        mode=resolved.mode,
        root=resolved.root,
        facts=RequestFacts("batch", deadline=deadline_of(resolved.settings)),
        builder=ResourceRequestBuilder(
            method=method,
            path=path,
            body=body,
            content_type=content_type,
            default_host=resolved.default_host,
            default_key=resolved.default_key,
            headers=resolved.headers,
        ),
        decode=decode,
        transport_options=resolved.transport_options,
        limits=resolved.limits(),
        state=connect("memory:"),
        max_retries=resolved.retries if retries is None else retries,
        secrets=resolved.secrets,
        trace_id=resolved.trace_id,
        observe=observe_call,
    )
