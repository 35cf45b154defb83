"""A completion whose failure shows only in its finish reason, behind the real gateway and the stand-in for Portkey.

The gateway treats it as an answer, so it does not fall back; the caller gets an error nevertheless.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from kinds import KINDS, STREAMED, ask
from parity import placed
from portkey_mistral import Client, InternalServerError
from upstream import UpstreamReply

pytestmark = pytest.mark.gateway

TARGET = {"provider": "mistral-ai", "api_key": "key-a", "custom_host": "a"}
FALLBACK = {"strategy": {"mode": "fallback"}, "targets": [TARGET, TARGET | {"custom_host": "b"}]}


def reply(finish: str, *, streamed: bool) -> UpstreamReply:
    message = {"role": "assistant", "content": ""}
    choice = {"index": 0, "delta" if streamed else "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}
    body = json.dumps({"id": "a", "model": "m", "choices": [choice], "usage": usage}).encode()
    if not streamed:
        return UpstreamReply(200, body)
    return UpstreamReply(200, b"data: " + body + b"\n\ndata: [DONE]\n\n", "text/event-stream")


@pytest.mark.parametrize("finish", ["error", "abort"])
@pytest.mark.parametrize("kind", [*KINDS, *STREAMED], ids=repr)
@pytest.mark.parametrize("way", ["direct", "unified", "proxy", "hosted"])
def test_a_failed_completion(
    way: str, kind: Any, finish: str, upstream: Any, request: pytest.FixtureRequest
) -> None:
    upstream.script("finish", {"a": [reply(finish, streamed=kind in STREAMED)]})
    fields: dict[str, Any] = {
        "portkey_config": placed(FALLBACK, lambda target: upstream.host("finish", target)),
        "max_retries": 0,
    }
    if way in ("unified", "proxy"):
        url = request.getfixturevalue("portkey_gateway_url")
        fields |= {"gateway_url": url, "gateway_lane": way}
    elif way == "hosted":
        url = request.getfixturevalue("portkey_sandbox_url")
        fields |= {"gateway_url": url, "portkey_api_key": "pk-sandbox"}
    if way == "direct":
        assert kind.run(Client(**fields), ask(), None).text == "b"
    else:
        with pytest.raises(InternalServerError, match=f"finish_reason '{finish}'"):
            kind.run(Client(**fields), ask(), None)
    assert [hit.target for hit in upstream.take("finish")] == (
        ["a", "b"] if way == "direct" else ["a"]
    )
