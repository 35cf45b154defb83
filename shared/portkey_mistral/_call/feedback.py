"""Prepares feedback on a call: Portkey's `POST /feedback` (its documentation, "Feedback")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portkey_mistral._api import path_of
from portkey_mistral._call.builders import USER_AGENT, require_portkey_key
from portkey_mistral._call.options import deadline_of, resolve_options
from portkey_mistral._json import drop_none, dumps
from portkey_mistral._redaction import secret_value
from portkey_mistral._routing.outcomes import Attempt, RequestFacts
from portkey_mistral._telemetry.observe import observe_call
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral._wire.http_request import HTTPRequest
from portkey_mistral._wire.malformed import MalformedResponse, json_object
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.state import connect

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["prepare_feedback"]

_LARGEST_VALUE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _FeedbackBuilder:
    """Builds the request to Portkey itself; no target is called."""

    options: GatewayOptions
    body: Mapping[str, Any]

    def build(self, attempt: Attempt, so_far: str) -> WireRequest:  # noqa: ARG002  there is no target
        require_portkey_key(self.options)
        key = self.options.portkey_api_key
        headers = {
            "user-agent": USER_AGENT,
            "accept": "application/json",
            "content-type": "application/json",
            **self.options.headers,
            **({"x-portkey-api-key": key} if key else {}),
        }
        url = self.options.url.rstrip("/") + path_of("feedback", self.body)
        return WireRequest(HTTPRequest(url, dumps(self.body), headers), "portkey", None)

    def not_resumable(self, attempt: Attempt) -> str | None:  # noqa: ARG002
        return None

    def cannot_resume_on(self, attempt: Attempt) -> str | None:  # noqa: ARG002
        return None


def prepare_feedback(
    settings: ConnectionSettings,
    trace_id: str,
    value: int,
    weight: float | None,
    metadata: Mapping[str, Any] | None,
) -> Call[tuple[str, ...]]:
    """Check feedback and return the call that sends it.

    Raises:
        InvalidRequestError: Portkey would refuse the feedback.
        ConfigurationError: the object does not use hosted Portkey, which alone stores feedback.
    """
    body = _feedback(trace_id, value, weight, metadata)
    url = settings.gateway_url
    if url is None:
        raise ConfigurationError(
            "Portkey keeps feedback, and this object calls the model directly: pass portkey_api_key= (or gateway_url=)."
        )
    resolved = resolve_options(settings, None)
    options = GatewayOptions(
        url=url,
        portkey_api_key=secret_value(resolved.settings.portkey_api_key),
        headers=resolved.headers,
    )
    if options.open_source:
        raise ConfigurationError(
            "The open-source gateway keeps no feedback. Portkey's own does: pass its portkey_api_key=."
        )
    settings.check_residency(resolved.config)
    return Call(
        mode=resolved.mode,
        root=resolved.root,
        facts=RequestFacts("feedback", deadline=deadline_of(settings)),
        builder=_FeedbackBuilder(options=options, body=body),
        decode=_decode,
        transport_options=resolved.transport_options,
        limits=resolved.limits(),
        state=connect("memory:"),
        max_retries=resolved.retries,
        secrets=resolved.secrets,
        trace_id=trace_id,
        observe=observe_call,
        default_url=url,
    )


def _feedback(
    trace_id: object, value: object, weight: object, metadata: object
) -> Mapping[str, Any]:
    if not isinstance(trace_id, str) or not trace_id:
        raise InvalidRequestError(
            "trace_id must be that of a call: trace_id= of the call, or `info.trace_id` of its answer."
        )
    if type(value) is not int or abs(value) > _LARGEST_VALUE:
        raise InvalidRequestError(
            f"value must be a whole number from -{_LARGEST_VALUE} to {_LARGEST_VALUE}."
        )
    if weight is not None and not _is_weight(weight):
        raise InvalidRequestError("weight must be a number from 0 to 1.")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidRequestError(f"metadata must be a mapping, got {type(metadata).__name__}.")
    body = drop_none(trace_id=trace_id, value=value, weight=weight, metadata=metadata)
    try:
        dumps(body)
    except ValueError as error:
        raise InvalidRequestError(f"metadata: {error}") from None
    return body


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _decode(body: Any) -> tuple[str, ...]:
    ids = json_object(body, "the response").get("feedback_ids")
    if not isinstance(ids, list):
        raise MalformedResponse("the response has no feedback_ids")
    return tuple(map(str, ids))
