"""Builds the HTTP request to a Portkey gateway.

`gateway_lane` chooses the lane, `gateway_config` encodes the body and the config, `gateway_headers` the headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._api import Operation, path_of
from portkey_mistral._wire.gateway_config import (
    check_slug_of_model,
    complete_config,
    encode_with_config,
    route_of,
)
from portkey_mistral._wire.gateway_headers import gateway_headers
from portkey_mistral._wire.gateway_lane import choose_lane, encode_for_leaf
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral._wire.gateway_route import Route
from portkey_mistral._wire.http_request import HTTPRequest, encode_body
from portkey_mistral._wire.lost_parameters import lost_on_unified
from portkey_mistral._wire.response_headers import OPTION_PATH
from portkey_mistral.responses import Lane

__all__ = ["gateway_request", "lost_at"]

# The gateway passes paths without a unified route on unchanged; all others need the prefix /proxy for that.
_PROXIED_PATHS: frozenset[Operation] = frozenset({"fim", "moderate", "classify", "models", "ocr"})


def gateway_request(
    body: Mapping[str, Any], operation: Operation, *, stream: bool, options: GatewayOptions
) -> tuple[HTTPRequest, Lane]:
    """Build the request for a canonical body, and return it with its lane.

    Raises:
        ParameterLossError: no lane that may be chosen keeps every parameter.
        ConfigurationError: the config is too large, or does not fit the lane.
    """
    config, body = complete_config(options, body)
    check_slug_of_model(config, body.get("model"))
    route = route_of(options, config, body)
    lane = choose_lane(body, operation, route, options.lane)
    encoded = encode_with_config(body, operation, lane, config, route)
    is_list = operation == "models"
    request = HTTPRequest(
        url=options.url.rstrip("/") + _path(body, operation, lane),
        body=None if is_list else encode_body(encoded.body),
        headers=gateway_headers(
            options, lane, encoded.config, model=body.get("model"), stream=stream
        ),
        method="GET" if is_list else "POST",
        lost=encoded.lost,
    )
    return request, lane


def lost_at(
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    operation: Operation,
    lane: Lane,
    options: GatewayOptions,
) -> tuple[str, ...]:
    """Return the parameters that were not sent to the target that answered. `headers` are the response's."""
    config, body = complete_config(options, body)
    route = route_of(options, config, body)
    path = headers.get(OPTION_PATH)
    leaf = next((leaf for leaf in route.leaves if leaf.path == path), None)
    if leaf is None:
        return ()
    lost = encode_for_leaf(body, leaf, operation, "proxy", with_overrides=True).lost
    if lane == "unified" and route.hosted and _is_open_source(headers):
        lost += lost_on_unified(body, operation, Route((leaf,)))
    return lost


def _is_open_source(headers: Mapping[str, str]) -> bool:
    """Whether a response is the open-source gateway's, although the request had a Portkey key.

    It returns the trace id of the request, or an empty one (observed in 1.15.2); Portkey and its enterprise gateway make one.
    """
    return headers.get("x-portkey-trace-id") == ""


def _path(body: Mapping[str, Any], operation: Operation, lane: Lane) -> str:
    path = path_of(operation, body)
    return f"/proxy{path}" if lane == "proxy" and operation not in _PROXIED_PATHS else path
