"""The options of a request to the gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portkey_mistral._providers import MISTRAL, is_open_source_gateway, is_slug
from portkey_mistral.responses import GatewayLane

if TYPE_CHECKING:
    from portkey_mistral.config.config import Config

__all__ = ["GatewayOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """The options of one call through the gateway. Keys are plain text here.

    `api_key` and `custom_host` apply to each `mistral-ai` target without its own; so does `default_host`, which is not
    sent if only Portkey knows the target. `request_timeout` is in seconds, and replaces the config's in every target.
    """

    url: str
    portkey_api_key: str | None = field(default=None, repr=False)
    provider: str | None = None
    virtual_key: str | None = field(default=None, repr=False)
    config: Config | None = None
    api_key: str | None = field(default=None, repr=False)
    custom_host: str | None = None
    default_host: str | None = None
    trace_id: str | None = None
    metadata: Mapping[str, str] | None = None
    cache_namespace: str | None = None
    cache_force_refresh: bool | None = None
    forward_headers: Sequence[str] = ()
    lane: GatewayLane = "auto"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_timeout: float | None = None

    @property
    def open_source(self) -> bool:
        """Whether the gateway is probably the open-source one."""
        return is_open_source_gateway(self.url, self.portkey_api_key)

    def names_provider(self, model: object) -> bool:
        """Whether the caller named the provider: here, by a config, or by a slug in the model."""
        return (
            bool(self.provider or self.virtual_key)
            or (self.config is not None and self.config.names_provider)
            or is_slug(model)
        )

    def names_stored(self, model: object) -> bool:
        """Whether the caller named something that is stored at Portkey, which the open-source gateway does not know."""
        return (
            self.virtual_key is not None
            or is_slug(self.provider)
            or is_slug(model)
            or (self.config is not None and self.config.slug is not None)
        )

    def is_hosted(self, model: object) -> bool:
        """Whether the gateway is hosted Portkey or an enterprise gateway, as far as can be told."""
        return not self.open_source or self.names_stored(model)

    def uses_default_config(self, model: object) -> bool:
        """Whether nothing names a provider, so that only the default config of the Portkey key can."""
        return not (self.names_provider(model) or self.api_key or self.open_source)

    def raw_provider(self, model: object) -> str | None:
        """Return the raw provider to send: the caller's own, or Mistral if nothing else names one.

        None leaves the provider to Portkey: organisations in saved-only mode reject a raw provider next to a slug, a
        virtual key or a saved config, and with nothing but a Portkey key it would disable the key's default config.
        """
        if self.provider:
            return None if is_slug(self.provider) else self.provider
        if self.names_provider(model) or self.uses_default_config(model):
            return None
        return MISTRAL

    @property
    def can_be_inline(self) -> bool:
        """Whether a provider may be added to a config: only with its key, or for a gateway without slugs."""
        return self.api_key is not None or self.open_source

    def host_of(self, provider: str | None) -> str | None:
        """Return the host of a target with this raw provider, None for the provider's own."""
        return self.custom_host or (self.default_host if provider == MISTRAL else None)
