"""An account of hosted Portkey, and requests to the stand-in that serves it."""

from __future__ import annotations

import json
from typing import Any

from portkey_mistral.sandbox import portkey
from portkey_mistral.sandbox.portkey import PortkeySandbox
from portkey_mistral.sandbox.portkey.control_plane import GatewayCall
from portkey_mistral.sandbox.responses import SandboxResponse

HELLO = [{"role": "user", "content": "Hello"}]
# The store of the worked example in Portkey's documents, and what else tests name.
ACCOUNT: dict[str, dict[str, Any]] = {
    "keys": {"pk": {}},
    "providers": {
        "mistral-prod": {
            "provider": "mistral-ai",
            "api_key": "sk-m",
            "models": ["mistral-small-latest", "codestral-latest"],
        },
        "mistral-eu": {"provider": "mistral-ai", "api_key": "sk-eu"},
        "openai-prod": {"provider": "openai", "api_key": "sk-o"},
    },
    "configs": {
        "pc-eu-1a": {
            "strategy": {"mode": "fallback"},
            "default_params": {"max_tokens": 64},
            "input_guardrails": ["pg-len-9c"],
            "targets": [
                {"override_params": {"model": "@mistral-prod/mistral-small-latest"}},
                {"provider": "@openai-prod"},
            ],
        },
        "pc-retry": {"retry": {"attempts": 2}},
    },
    "guardrails": {
        "pg-len-9c": {
            "checks": {"default.wordCount": {"minWords": 1, "maxWords": 50}},
            "deny": True,
            "async": False,
        },
        "pg-org-1": {
            "checks": {"default.contains": {"words": ["secret"], "operator": "none"}},
            "async": False,
        },
        "pg-deny": {
            "checks": {"default.contains": {"words": ["forbidden"], "operator": "none"}},
            "deny": True,
            "async": False,
        },
        "pg-logged": {"checks": {"default.contains": {"words": ["x"], "operator": "none"}}},
    },
    "prompts": {
        "pp-plan-1a2b": {
            "provider": "mistral-prod",
            "model": "mistral-small-latest",
            "messages": [{"role": "user", "content": "Plan {{what}}."}],
            "parameters": {"temperature": 0.1, "stream": True},
        }
    },
}


def account(**sections: Any) -> dict[str, Any]:
    """Return the account with entries added to its sections, or replaced in them."""
    merged = {name: {**ACCOUNT.get(name, {}), **more} for name, more in sections.items()}
    return {**ACCOUNT, **merged}


def stand_in(**sections: Any) -> PortkeySandbox:
    """Return a stand-in without a server, for what is decided before the gateway is called."""
    made = PortkeySandbox(portkey.parse(account(**sections)), clock=lambda: 0.0)
    made.targets_url = "http://targets"
    return made


def send(
    sandbox: PortkeySandbox,
    body: Any = None,
    *,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    **headers: str,
) -> SandboxResponse | GatewayCall:
    """Send a request; `x_portkey_config="pc-a"` is a header. The Portkey key is sent unless told else."""
    named = {"x-portkey-api-key": "pk"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    sent = {name: value for name, value in named.items() if value}
    content = b"" if method == "GET" else json.dumps(chat() if body is None else body).encode()
    return sandbox.receive(method, path, sent, content)[1]


def chat(model: str = "mistral-small-latest", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": HELLO, **fields}


def refused(answer: SandboxResponse | GatewayCall) -> tuple[int, Any]:
    """Return the status and body of an answer that the control plane gave itself."""
    assert isinstance(answer, SandboxResponse), answer
    return answer.status, json.loads(answer.read())


def forwarded(answer: SandboxResponse | GatewayCall) -> GatewayCall:
    """Return what goes to the gateway."""
    assert isinstance(answer, GatewayCall), refused(answer)
    return answer


def config_of(answer: SandboxResponse | GatewayCall) -> Any:
    """Return the config that goes to the gateway, without the hosts of its targets."""
    return _without_hosts(json.loads(forwarded(answer).headers["x-portkey-config"]))


def body_of(answer: SandboxResponse | GatewayCall) -> Any:
    return json.loads(forwarded(answer).content)


def _without_hosts(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key != "custom_host"}
    if isinstance(kept.get("targets"), list):
        kept["targets"] = [_without_hosts(target) for target in kept["targets"]]
    return kept
