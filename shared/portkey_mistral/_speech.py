"""How an attempt is said on the wire, in each of the two ways: straight to its target, or to the gateway."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Protocol

from portkey_mistral import models, ways
from portkey_mistral._engine.outcomes import Attempt
from portkey_mistral._records import record
from portkey_mistral._transport.call import Sending
from portkey_mistral._wire.direct import direct_request
from portkey_mistral._wire.gateway import GatewayOptions, gateway_request, lost_at
from portkey_mistral._wire.http import HTTPRequest
from portkey_mistral._wire.prefix import continued, obstacle, shortened
from portkey_mistral.config import Config, Target
from portkey_mistral.exceptions import CapabilityError, ConfigurationError
from portkey_mistral.requests import Operation

__all__ = ["DirectSpeech", "GatewaySpeech", "Speech"]

_MISTRAL = "mistral-ai"
# Where else the service takes a key of its own.
_PORTKEY_KEY_HEADERS = frozenset({"x-portkey-api-key", "authorization"})


class Speech(Protocol):
    """`so_far` is the text of a cut attempt, which this one has to continue; see `Resumption`."""

    def say(self, attempt: Attempt, so_far: str) -> Sending: ...

    def unfit(self, attempt: Attempt) -> str | None: ...

    def unable(self, attempt: Attempt) -> str | None: ...


@record(kw_only=True)
class DirectSpeech:
    """Straight to the target, in the dialect of its provider."""

    operation: Operation
    stream: bool
    body: Mapping[str, Any]
    needs: frozenset[str]
    default_host: str
    # Tools that report errors print what a frame holds.
    default_key: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def say(self, attempt: Attempt, so_far: str) -> Sending:
        target = attempt.target
        model = _model(self.body, target)
        if target.provider == _MISTRAL and model is not None:
            models.check_capabilities(model, self.needs)
        body, prefix = self.body, ""
        if so_far:
            longer = continued(self.body, so_far)
            body, prefix = longer.body, longer.prefix
            overrides = shortened(target.override_params, so_far)
            target = dataclasses.replace(target, override_params=overrides)
        request = direct_request(
            body,
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
        return Sending(request, target.provider, model, prefix=prefix)

    def unfit(self, attempt: Attempt) -> str | None:
        return obstacle(self.body, attempt.target.override_params)

    def unable(self, attempt: Attempt) -> str | None:
        if attempt.target.provider != _MISTRAL:
            return f"only Mistral can continue an answer, not {attempt.target.provider}"
        return self.unfit(attempt)


@record(kw_only=True)
class GatewaySpeech:
    """To the gateway, which picks the target; the lane is chosen so that nothing is lost."""

    operation: Operation
    stream: bool
    body: Mapping[str, Any]
    needs: frozenset[str]
    options: GatewayOptions

    def say(self, attempt: Attempt, so_far: str) -> Sending:  # noqa: ARG002  the gateway picks the target
        self._check_capabilities()
        model = self.body.get("model")
        body, options, prefix = self.body, self.options, ""
        if so_far:
            longer = continued(self.body, so_far)
            body, prefix = longer.body, longer.prefix
            options = dataclasses.replace(options, config=_shortened(options.config, so_far))
        request, lane = gateway_request(body, self.operation, stream=self.stream, options=options)
        _demand_portkey_key(options)
        return Sending(
            request,
            options.provider,
            model,
            lane,
            lambda path: lost_at(path, body, self.operation, options),
            prefix,
        )

    def _check_capabilities(self) -> None:
        """Refuse what no target can do: which of them will be asked is the gateway's to pick."""
        first: CapabilityError | None = None
        for model in self._models():
            refusal = None if model is None else _refusal(model, self.needs)
            if refusal is None:
                return
            first = first or refusal
        if first is not None:
            raise first

    def _models(self) -> Iterator[str | None]:
        """Name the model of each target; None where Portkey or another provider decides what it is."""
        config = self.options.config
        if config is None or config.root is None:
            yield self.body.get("model") if config is None else None
            return
        for target in config.targets():
            seen = target.provider == _MISTRAL and target.virtual_key is None
            yield _model(self.body, target) if seen else None

    def unfit(self, attempt: Attempt) -> str | None:  # noqa: ARG002  same
        config = self.options.config
        overrides = [target.override_params for target in config.targets()] if config else []
        return next(filter(None, (obstacle(self.body, each) for each in overrides or [{}])), None)

    def unable(self, attempt: Attempt) -> str | None:
        """Any target that the gateway may pick has to be Mistral's, and has to be seen to be."""
        config = self.options.config
        if config is None:
            hidden = self.options.virtual_key is not None or self.options.provider != _MISTRAL
        else:
            targets = config.targets()
            hidden = not targets or any(
                target.virtual_key is not None or target.provider != _MISTRAL for target in targets
            )
        if hidden:
            return "only Mistral can continue an answer, and the gateway may pick another provider"
        return self.unfit(attempt)


def _shortened(config: Config | None, so_far: str) -> Config | None:
    return config and Config.parse(_with_shorter_overrides(config.to_dict(secrets=True), so_far))


def _with_shorter_overrides(node: Mapping[str, Any], so_far: str) -> dict[str, Any]:
    changed: dict[str, Any] = dict(node)
    if "override_params" in node:
        changed["override_params"] = shortened(node["override_params"] or {}, so_far)
    if "targets" in node:
        changed["targets"] = [_with_shorter_overrides(each, so_far) for each in node["targets"]]
    return changed


def _refusal(model: str, needs: frozenset[str]) -> CapabilityError | None:
    try:
        models.check_capabilities(model, needs)
    except CapabilityError as refusal:
        return refusal
    return None


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


def _demand_portkey_key(options: GatewayOptions) -> None:
    """Portkey's own service needs a key of Portkey's; it may also stand in a header of the user's."""
    if options.portkey_api_key or not ways.is_hosted(options.url):
        return
    if not _PORTKEY_KEY_HEADERS.isdisjoint(map(str.lower, options.headers)):
        return
    host = options.url.partition("://")[2].partition("/")[0]
    raise ConfigurationError(
        f"No Portkey key for {host}. Set PORTKEY_API_KEY or pass portkey_api_key=. To go straight to "
        "Mistral, leave the gateway settings out and set MISTRAL_API_KEY. Without any key, "
        "base_url='sandbox:' answers offline."
    )


def _demand_key(request: HTTPRequest, path: str) -> None:
    """Mistral's and OpenAI's own hosts need a key; a server of one's own may do without."""
    if "authorization" in request.headers:
        return
    host = request.url.partition("://")[2].partition("/")[0]
    if host.endswith("openai.com"):
        raise ConfigurationError(
            f"No API key for {host} ({path}): write it into the config, as the target's api_key. "
            "MISTRAL_API_KEY and api_key= go to Mistral alone."
        )
    if host.endswith("mistral.ai"):
        # Where there is no config, a path would be a riddle.
        place = "" if path == "config" else f" ({path})"
        raise ConfigurationError(
            f"No API key for {host}{place}. Set MISTRAL_API_KEY or pass api_key= (through Portkey: "
            "PORTKEY_API_KEY or portkey_api_key=; in a config: the target's api_key). Without any key, "
            "base_url='sandbox:' answers offline."
        )
