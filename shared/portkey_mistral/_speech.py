"""How an attempt is said on the wire, in each of the two ways: straight to its target, or to the gateway."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from portkey_mistral import models
from portkey_mistral._engine.outcomes import Attempt
from portkey_mistral._transport.call import Sending
from portkey_mistral._wire.direct import direct_request
from portkey_mistral._wire.gateway import GatewayOptions, gateway_request, lost_at
from portkey_mistral._wire.http import HTTPRequest
from portkey_mistral._wire.prefix import continued
from portkey_mistral.config import Target
from portkey_mistral.exceptions import CapabilityError, ConfigurationError
from portkey_mistral.requests import Operation

__all__ = ["DirectSpeech", "GatewaySpeech", "Speech"]

_MISTRAL = "mistral-ai"


class Speech(Protocol):
    """`so_far` is the text of a cut attempt, which this one has to continue."""

    def say(self, attempt: Attempt, so_far: str) -> Sending: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectSpeech:
    """Straight to the target, in the dialect of its provider."""

    operation: Operation
    stream: bool
    body: Mapping[str, Any]
    needs: frozenset[str]
    default_host: str
    default_key: str | None
    headers: Mapping[str, str]

    def say(self, attempt: Attempt, so_far: str) -> Sending:
        target = attempt.target
        model = _model(self.body, target)
        if target.provider == _MISTRAL and model is not None:
            models.check_capabilities(model, self.needs)
        elif so_far:
            raise CapabilityError(
                f"{attempt.path}: only Mistral can continue an answer that was cut, not {target.provider}."
            )
        request = direct_request(
            continued(self.body, so_far) if so_far else self.body,
            target,
            self.operation,
            stream=self.stream,
            default_host=self.default_host,
            default_key=self.default_key,
            headers=self.headers,
        )
        if request.url.startswith("sandbox:"):
            request = _to_sandbox(request)
        _demand_key(request, attempt.path)
        return Sending(request, target.provider, model)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySpeech:
    """To the gateway, which picks the target; the lane is chosen so that nothing is lost."""

    operation: Operation
    stream: bool
    body: Mapping[str, Any]
    needs: frozenset[str]
    options: GatewayOptions

    def say(self, attempt: Attempt, so_far: str) -> Sending:  # noqa: ARG002  as the protocol has it
        model = self.body.get("model")
        if self.options.config is None and model is not None:
            models.check_capabilities(model, self.needs)
        body = continued(self.body, so_far) if so_far else self.body
        request, lane = gateway_request(
            body, self.operation, stream=self.stream, options=self.options
        )
        return Sending(
            request,
            self.options.provider,
            model,
            lane,
            lambda path: lost_at(path, body, self.operation, self.options),
        )


def _model(body: Mapping[str, Any], target: Target) -> str | None:
    model = target.override_params.get("model", body.get("model"))
    return model if isinstance(model, str) else None


def _to_sandbox(request: HTTPRequest) -> HTTPRequest:
    """Turn `sandbox:NAME/path` into a URL of the sandbox's transport; it takes any key, so none is needed."""
    name, _, path = request.url.removeprefix("sandbox:").partition("/")
    return dataclasses.replace(
        request,
        url=f"sandbox://{name or 'default'}/v1/{path}",
        headers={"authorization": "Bearer sandbox", **request.headers},
    )


def _demand_key(request: HTTPRequest, path: str) -> None:
    """Mistral's and OpenAI's own hosts need a key; a server of one's own may do without."""
    host = request.url.partition("://")[2].partition("/")[0]
    if host.endswith(("mistral.ai", "openai.com")) and "authorization" not in request.headers:
        raise ConfigurationError(
            f"No API key for {host} ({path}). Set MISTRAL_API_KEY or pass api_key= (through Portkey: "
            "PORTKEY_API_KEY or portkey_api_key=; in a config: the target's api_key). Without any key, "
            "base_url='sandbox:' answers offline."
        )
