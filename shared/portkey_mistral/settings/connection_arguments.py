"""The fields of `ConnectionSettings` as the keyword arguments of `Client`, for type checkers.

A test compares them with the fields: their types, and their order.
"""

from __future__ import annotations

import ssl
from typing import Literal, TypedDict

from portkey_mistral.responses import GatewayLane
from portkey_mistral.settings.connection import Budgets, PortkeyConfig, Secret
from portkey_mistral.settings.httpx_types import AsyncClient, Client, Timeout

__all__ = ["ConnectionArguments"]


class ConnectionArguments(TypedDict, total=False):
    """See `ConnectionSettings` for their meaning."""

    api_key: Secret | None
    base_url: str | None
    portkey_api_key: Secret | None
    gateway_url: str | None
    portkey_config: PortkeyConfig | None
    provider: str | None
    virtual_key: Secret | None
    trace_id: str | None
    portkey_metadata: dict[str, str] | None
    cache_namespace: str | None
    cache_force_refresh: bool | None
    forward_headers: list[str] | None
    gateway_lane: GatewayLane
    data_residency: Literal["eu", "us"] | None
    residency_hosts: dict[str, str]
    timeout: float | Timeout | None
    first_token_timeout: float | None
    idle_timeout: float | None
    deadline: float | None
    max_retries: int | None
    max_concurrency: int | None
    requests_per_minute: float | None
    tokens_per_minute: float | None
    on_interrupt: Literal["raise", "resume"]
    state: str
    budget: Budgets | None
    embed_resume: str | None
    default_headers: dict[str, str] | None
    proxy: str | None
    ssl_context: ssl.SSLContext | None
    transport: Literal["auto", "httpx"]
    max_response_bytes: int
    http_client: Client | None
    http_async_client: AsyncClient | None
