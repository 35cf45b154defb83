"""The control plane of hosted Portkey: handles requests of clients and calls of the gateway. No I/O.

Checks run in hosted Portkey's order: authentication with budgets, expiry and rates, then metadata and trace id,
saved-only mode, scopes, and the names in the request; then the gateway routes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from portkey_mistral import sandbox
from portkey_mistral.sandbox import Sandbox
from portkey_mistral.sandbox.portkey import endpoints, upstream
from portkey_mistral.sandbox.portkey.access import (
    Caller,
    authenticate,
    check_scope,
    inline_refusal,
)
from portkey_mistral.sandbox.portkey.definition import Account, Provider
from portkey_mistral.sandbox.portkey.errors import PortkeyError
from portkey_mistral.sandbox.portkey.limits import Meter
from portkey_mistral.sandbox.portkey.names import selected_config
from portkey_mistral.sandbox.portkey.request import (
    METADATA,
    TRACE_ID,
    Received,
    merged_metadata,
    trace_id,
)
from portkey_mistral.sandbox.portkey.resolve import Resolution, resolve
from portkey_mistral.sandbox.portkey.targets import Target
from portkey_mistral.sandbox.portkey.upstream import UpstreamRequest
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["GatewayCall", "PortkeySandbox"]

_CALLS_KEPT = 1000


@dataclass(slots=True, kw_only=True)
class GatewayCall:
    """The gateway's request for one request of a client, and the results of its targets so far."""

    id: str
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes
    resolution: Resolution
    caller: Caller
    unified: bool
    refusal: PortkeyError | None = None
    """The error with which Portkey refused the most recent target; None if it was not refused."""
    streamed: Mapping[str, Any] | None = None
    """The whole answer of a stream, for output guardrails."""

    def streamed_guardrails(self, headers: Mapping[str, str]) -> list[Any]:
        """Return the output guardrails whose results follow a stream, by the target that answered it.

        They run on the unified route, and are reported unless strict compliance is on.
        """
        path = headers.get("x-portkey-last-used-option-index")
        for target in self.resolution.targets:
            if target.path == path and self.unified and not target.strict:
                return [*target.output_guardrails, *self.resolution.default_output_guardrails]
        return []


class PortkeySandbox:
    """An offline stand-in for hosted Portkey, for one account.

    `requests` are those of clients; those that reach a provider are recorded by its sandbox:
    `provider("mistral-prod").requests`. `clock` gives the time in seconds, for rate limits.
    """

    def __init__(self, account: Account, *, clock: Callable[[], float] = time.time) -> None:
        self.account = account
        self.requests: list[Received] = []
        self.url = ""
        """The base URL for clients, ending in `/v1`; empty while it is not served."""
        self.targets_url = ""
        """Where the gateway calls the targets."""
        self._meter = Meter(clock)
        self._calls: dict[str, GatewayCall] = {}
        self._order_faults()

    def __repr__(self) -> str:
        return f"PortkeySandbox({self.url!r}, {len(self.requests)} requests)"

    def provider(self, slug: str) -> Sandbox:
        """Return the sandbox that answers for a slug of the catalog, to script and to inspect."""
        return sandbox.get(slug)

    def use(self, account: Account) -> None:
        """Switch to another account, and reset."""
        self.account = account
        self.reset()

    def reset(self) -> None:
        """Clear the recorded requests, the usage counters, and the scripts of the providers' sandboxes."""
        self.requests.clear()
        self._meter.reset()
        for slug in self.account.providers:
            self.provider(slug).reset()
        self._order_faults()

    def receive(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Received, SandboxResponse | GatewayCall]:
        """Answer a client's request, or return the request to send to the gateway."""
        lowered = {name.lower(): value for name, value in headers.items()}
        received = Received(method.upper(), path.partition("?")[0], lowered, _json(body))
        self.requests.append(received)
        trace = trace_id(lowered)
        try:
            answered = self._answered(received, path, body, trace)
        except PortkeyError as refusal:
            answered = json_response(refusal.body, status=refusal.status)
        if isinstance(answered, SandboxResponse):
            received.status = answered.status
            answered.headers = {**answered.headers, TRACE_ID: trace}
        return received, answered

    def call(self, call_id: str) -> GatewayCall | None:
        """Return the call with this id; None if it is unknown or no longer kept.

        Calls are kept for a while, because the gateway continues retries and fallbacks after a client has disconnected.
        """
        return self._calls.get(call_id)

    def streamed(self, call_id: str) -> SandboxResponse:
        """Return a stream that has ended as one response, for the gateway."""
        call = self.call(call_id)
        return json_response(call and call.streamed)

    def admit(self, call: GatewayCall, target: Target, request: UpstreamRequest) -> UpstreamRequest:
        """Count a call of a target, and return the request that hosted Portkey would send to its provider.

        Raises:
            PortkeyError: the policy of the target refuses it.
        """
        call.refusal = target.refusal
        provider = self.account.providers.get(target.slug or "")
        if provider is not None and call.refusal is None:
            call.refusal = self._refusal(str(target.slug), provider, target.body.get("model"))
        if call.refusal is not None:
            raise call.refusal
        if provider is not None:
            self._meter.add_request(f"provider:{target.slug}", provider)
        stored = provider.headers if provider else {}
        return upstream.with_hosted_extras(target, stored, request, unified=call.unified)

    def count(self, call: GatewayCall, target: Target, tokens: int) -> None:
        """Count the tokens of an answer against the budgets of the provider, the key and the workspace."""
        names = [f"key:{call.caller.name}", "workspace"]
        if target.slug is not None:
            names.append(f"provider:{target.slug}")
        self._meter.add_tokens(tokens, *names)

    def _answered(
        self, received: Received, path: str, body: bytes, trace: str
    ) -> SandboxResponse | GatewayCall:
        account, sent = self.account, received.body
        caller = authenticate(
            account, self._meter, received.method, received.path, received.headers
        )
        metadata = merged_metadata(account, caller, sent)
        kept = {name: v for name, v in caller.headers.items() if name != METADATA}
        if metadata:
            kept[METADATA] = json.dumps(metadata)
        caller = replace(caller, headers={**kept, TRACE_ID: trace})
        if account.organisation.block_inline_config and (refusal := inline_refusal(caller.headers)):
            raise refusal
        check_scope(account, caller, received.path)
        config = selected_config(account, caller)
        reply = endpoints.own_answer(account, caller.headers, received, config)
        if reply is not None:
            return reply
        prompt_id = endpoints.completed_prompt(account, received.path)
        call_id = uuid4().hex
        resolution = resolve(
            account,
            caller,
            sent if isinstance(sent, dict) else None,
            prompt_id=prompt_id,
            address=lambda number: f"{self.targets_url}/{call_id}/{number}",
            refuse=self._refusal,
        )
        path = "/v1/chat/completions" if prompt_id is not None else path
        content = body if resolution.body is None else json.dumps(resolution.body).encode()
        call = GatewayCall(
            id=call_id,
            method=received.method,
            path=path,
            headers=resolution.headers,
            content=content,
            resolution=resolution,
            caller=caller,
            unified=path.partition("?")[0] == "/v1/chat/completions",
        )
        self._calls[call_id] = call
        if len(self._calls) > _CALLS_KEPT:
            del self._calls[next(iter(self._calls))]
        return call

    def _refusal(self, slug: str, provider: Provider, model: Any) -> PortkeyError | None:
        return self._meter.target_refusal(f"provider:{slug}", slug, provider, model)

    def _order_faults(self) -> None:
        for slug, provider in self.account.providers.items():
            for ordered in provider.faults:
                self.provider(slug).inject(ordered.fault, times=ordered.times)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
