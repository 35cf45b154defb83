"""The trace of an application through the stand-in of hosted Portkey and the real gateway behind it."""

from __future__ import annotations

import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client
from telemetry import watched

pytestmark = pytest.mark.gateway


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_portkeys_trace_id_is_that_of_the_trace(
    kind: Kind, portkey_sandbox, portkey_sandbox_url
) -> None:
    client = Client(
        gateway_url=portkey_sandbox_url, portkey_api_key="pk-sandbox", provider="@mistral-prod"
    )
    before = len(portkey_sandbox.requests)
    with watched() as otel, otel.tracer.start_as_current_span("mine") as mine:
        info = kind.run(client, ask(), None).info
    assert info.trace_id == f"{mine.get_span_context().trace_id:032x}"
    assert otel.call.attributes["portkey_mistral.trace_id"] == info.trace_id
    assert otel.call.attributes["gen_ai.provider.name"] == "mistral_ai"
    headers = portkey_sandbox.requests[before].headers
    assert f"-{otel.attempts[0].context.span_id:016x}-" in headers["traceparent"]
    # It ends at the gateway: the provider is sent nothing of it.
    (request,) = portkey_sandbox.provider("mistral-prod").requests
    assert {"traceparent", "tracestate", "x-portkey-trace-id"}.isdisjoint(request.headers)
