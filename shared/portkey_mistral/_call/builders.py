"""Builds the HTTP request of one attempt, direct or through the gateway."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from portkey_mistral import models
from portkey_mistral._call.billing import billed_at, billing_host
from portkey_mistral._providers import (
    MISTRAL,
    OPENAI,
    is_hosted_gateway,
    is_sandbox,
    is_slug,
    owner_of,
)
from portkey_mistral._routing.outcomes import Attempt, RequestFacts
from portkey_mistral._transport.call import WireRequest
from portkey_mistral._version import __version__
from portkey_mistral._wire.continuation_body import (
    continuation_body,
    not_continuable,
    reduce_token_limits,
)
from portkey_mistral._wire.dialects import Dialect, dialect_of
from portkey_mistral._wire.direct import direct_request, direct_resource
from portkey_mistral._wire.forwarded_headers import (
    TRACE_HEADERS,
    forwarded_headers,
    unforwarded_headers,
)
from portkey_mistral._wire.gateway import gateway_request, lost_at
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral._wire.http_request import HTTPRequest
from portkey_mistral.config.config import Config
from portkey_mistral.config.parameter_rules import resolve_parameters
from portkey_mistral.config.values import Target, leaves
from portkey_mistral.cost import Billing
from portkey_mistral.exceptions import CapabilityError, ConfigurationError
from portkey_mistral.responses import Lane

if TYPE_CHECKING:
    from portkey_mistral._call.options import ResolvedOptions

__all__ = [
    "USER_AGENT",
    "DirectRequestBuilder",
    "GatewayRequestBuilder",
    "ResourceRequestBuilder",
    "require_portkey_key",
]

USER_AGENT = f"portkey-mistral/{__version__}"
# Stands in for the provider until the gateway's response names it.
_UNKNOWN_PROVIDER = "gateway"
# The gateway's own. Baggage is not: Portkey would store it as metadata.
_GATEWAY_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
# Portkey reads its key from either of these headers.
_PORTKEY_KEY_HEADERS = frozenset({"x-portkey-api-key", "authorization"})


@dataclass(slots=True)
class DirectRequestBuilder:
    """Builds requests to the targets themselves, each in the dialect of its provider."""

    facts: RequestFacts
    options: ResolvedOptions
    stream: bool = field(kw_only=True)

    def build(self, attempt: Attempt, so_far: str) -> WireRequest:
        target, facts, options = attempt.target, self.facts, self.options
        body, prefix = facts.params, ""
        model = _model(body, target)
        if is_slug(model):
            raise _slug_error(model)
        if target.provider == MISTRAL and model is not None:
            models.check_capabilities(model, facts.required_capabilities)
        names = options.forward_headers or target.forward_headers
        # Without a config the only host gets all headers.
        has_config = options.config is not None
        forwarded = forwarded_headers(options.headers, names) if has_config else options.headers
        if so_far:
            continued = continuation_body(body, so_far)
            body, prefix = continued.body, continued.prefix
            overrides = reduce_token_limits(target.override_params, so_far)
            target = dataclasses.replace(target, override_params=overrides)
        request = direct_request(
            body,
            target,
            facts.operation,
            stream=self.stream,
            default_host=options.default_host,
            default_key=options.default_key,
            headers={"user-agent": USER_AGENT, **forwarded},
        )
        if forwarded and has_config:
            # As on the gateway, a forwarded header replaces the target's own of the same name, even its key.
            request = _add_headers(request, forwarded)
        url = request.url
        if is_sandbox(url):
            request = _to_sandbox(request, dialect_of(target.provider, target.custom_host))
        _require_key(request, attempt.path)
        return WireRequest(
            request,
            target.provider,
            model,
            prefix=prefix,
            billed_at=lambda _path: (Billing(target.provider, model, billing_host(url)),),
            trace_headers=frozenset(forwarded_headers(TRACE_HEADERS, names))
            if names
            else frozenset(),
        )

    def not_resumable(self, attempt: Attempt) -> str | None:
        return not_continuable(self.facts.params, attempt.target.override_params)

    def cannot_resume_on(self, attempt: Attempt) -> str | None:
        if attempt.target.provider != MISTRAL:
            return f"only Mistral can continue an answer, not {attempt.target.provider}"
        return self.not_resumable(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequestBuilder:
    """Builds a request for a file or a batch job at Mistral. `path` is that below the version."""

    method: str
    path: str
    body: bytes | None = field(repr=False)
    content_type: str | None
    default_host: str
    default_key: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def build(self, attempt: Attempt, so_far: str) -> WireRequest:  # noqa: ARG002  no stream
        request = direct_resource(
            attempt.target,
            self.path,
            method=self.method,
            body=self.body,
            content_type=self.content_type,
            default_host=self.default_host,
            default_key=self.default_key,
            headers=self.headers,
        )
        request = _add_headers(request, {})
        if is_sandbox(request.url):
            request = _to_sandbox(request, "mistral")
        _require_key(request, attempt.path)
        return WireRequest(request, MISTRAL, None)

    def not_resumable(self, attempt: Attempt) -> str | None:  # noqa: ARG002
        return None

    def cannot_resume_on(self, attempt: Attempt) -> str | None:  # noqa: ARG002
        return None


@dataclass(slots=True)
class GatewayRequestBuilder:
    """Builds requests to the gateway, which picks the target; the lane is chosen so that no parameter is lost."""

    facts: RequestFacts
    options: GatewayOptions
    stream: bool = field(kw_only=True)

    def build(self, attempt: Attempt, so_far: str) -> WireRequest:  # noqa: ARG002  the gateway picks the target
        self._check_capabilities()
        facts, options = self.facts, self.options
        body, prefix = facts.params, ""
        model = body.get("model")
        if so_far:
            continued = continuation_body(body, so_far)
            body, prefix = continued.body, continued.prefix
            options = dataclasses.replace(
                options, config=_reduce_config_limits(options.config, so_far)
            )
        request, lane = gateway_request(body, facts.operation, stream=self.stream, options=options)
        request = _add_headers(request, {})
        require_portkey_key(options)
        return WireRequest(
            request,
            options.provider or options.raw_provider(model) or _UNKNOWN_PROVIDER,
            model,
            lane,
            lambda headers: lost_at(headers, body, facts.operation, lane, options),
            prefix,
            lambda path: billed_at(path, facts.params, self.options),
            awaits_verdicts=lane == "unified" and options.is_hosted(model),
            trace_headers=self._trace_headers(lane),
        )

    def _trace_headers(self, lane: Lane) -> frozenset[str]:
        """Return the headers of a trace that may be sent: on lanes that pass them on, those that targets may have."""
        config = self.options.config
        targets = [] if config is None else [each.forward_headers for each in config.targets()]
        withheld = unforwarded_headers(TRACE_HEADERS, targets, self.options.forward_headers)
        forwarded = frozenset(TRACE_HEADERS).difference(withheld)
        return forwarded | _GATEWAY_TRACE_HEADERS if lane == "unified" else forwarded

    def not_resumable(self, attempt: Attempt) -> str | None:  # noqa: ARG002  same
        config = self.options.config
        root = None if config is None else config.root
        targets = [] if root is None else leaves(resolve_parameters(root, self.facts.params))
        overrides = [target.override_params for target in targets]
        reasons = (not_continuable(self.facts.params, each) for each in overrides or [{}])
        return next(filter(None, reasons), None)

    def cannot_resume_on(self, attempt: Attempt) -> str | None:
        """The gateway may pick any target, so all must be known here and be Mistral's."""
        if not self._is_all_mistral():
            return "only Mistral can continue an answer, and the gateway may pick another provider"
        return self.not_resumable(attempt)

    def _is_all_mistral(self) -> bool:
        config, model = self.options.config, self.facts.params.get("model")
        if config is None or not config.names_provider:
            is_stored = self.options.virtual_key is not None or is_slug(model)
            return not is_stored and self.options.raw_provider(model) == MISTRAL
        targets = config.targets()  # none for a slug
        return bool(targets) and all(map(_is_visibly_mistral, targets))

    def _check_capabilities(self) -> None:
        """Raise if no target's model has the capabilities; the gateway chooses among the others."""
        first: CapabilityError | None = None
        required = self.facts.required_capabilities
        for model in self._models():
            error = None if model is None else _capability_error(model, required)
            if error is None:
                return
            first = first or error
        if first is not None:
            raise first

    def _models(self) -> Iterator[str | None]:
        """Yield the model of each target; None if it is only known to Portkey or to another provider."""
        config = self.options.config
        if config is None or config.root is None:
            yield self.facts.params.get("model") if config is None else None
            return
        for target in config.targets():
            yield _model(self.facts.params, target) if _is_visibly_mistral(target) else None


def _slug_error(model: str) -> ConfigurationError:
    bare = model.partition("/")[2]
    instead = f", or pass model={bare!r} and a Mistral key" if bare else ""
    return ConfigurationError(
        f"model={model!r} names a provider of Portkey's model catalog, which only a gateway resolves, and this call goes "
        f"to the model directly. Set PORTKEY_API_KEY or pass portkey_api_key= (or gateway_url=){instead}."
    )


def _add_headers(request: HTTPRequest, headers: Mapping[str, str]) -> HTTPRequest:
    merged = {"user-agent": USER_AGENT, **request.headers, **headers}
    return dataclasses.replace(request, headers=merged)


def _is_visibly_mistral(target: Target) -> bool:
    return target.provider == MISTRAL and not target.is_resolved_by_portkey


def _reduce_config_limits(config: Config | None, so_far: str) -> Config | None:
    return config and Config.parse(_reduce_node_limits(config.to_dict(secrets=True), so_far))


def _reduce_node_limits(node: Mapping[str, Any], so_far: str) -> dict[str, Any]:
    reduced: dict[str, Any] = dict(node)
    for name in ("default_params", "override_params"):
        if name in node:
            reduced[name] = reduce_token_limits(node[name] or {}, so_far)
    if "targets" in node:
        reduced["targets"] = [_reduce_node_limits(target, so_far) for target in node["targets"]]
    return reduced


def _capability_error(model: str, required: frozenset[str]) -> CapabilityError | None:
    try:
        models.check_capabilities(model, required)
    except CapabilityError as error:
        return error
    return None


def _model(body: Mapping[str, Any], target: Target) -> str | None:
    model = target.override_params.get("model", body.get("model"))
    return model if isinstance(model, str) else None


def _to_sandbox(request: HTTPRequest, dialect: Dialect) -> HTTPRequest:
    """Turn `sandbox:NAME/path` into a URL of the sandbox's transport. It accepts any key, so none is needed."""
    # In the path, because host names are case-insensitive.
    name, _, path = request.url.removeprefix("sandbox:").partition("/")
    api = "/v1" if dialect == "mistral" else "/openai/v1"
    return dataclasses.replace(
        request,
        url=f"sandbox://local/s/{quote(name or 'default', safe='')}{api}/{path}",
        headers={"authorization": "Bearer sandbox", **request.headers},
    )


def require_portkey_key(options: GatewayOptions) -> None:
    """Raise if a request to hosted Portkey has no Portkey key, as a setting or in the user's headers."""
    if options.portkey_api_key or not is_hosted_gateway(options.url):
        return
    if not _PORTKEY_KEY_HEADERS.isdisjoint(map(str.lower, options.headers)):
        return
    raise ConfigurationError(
        f"No Portkey key for {urlsplit(options.url).netloc}. Set PORTKEY_API_KEY or pass portkey_api_key=. To "
        "call Mistral directly, leave out the gateway settings and set MISTRAL_API_KEY. "
        "base_url='sandbox:' answers offline, without any key."
    )


def _require_key(request: HTTPRequest, path: str) -> None:
    """Raise if a request to Mistral's or OpenAI's own host has no key; a user's own server may need none."""
    if "authorization" in request.headers:
        return
    host = urlsplit(request.url).netloc
    owner = owner_of(request.url)
    if owner == OPENAI:
        raise ConfigurationError(
            f"No API key for {host} ({path}): write it into the config, as the target's api_key. "
            "MISTRAL_API_KEY and api_key= are sent to Mistral only."
        )
    if owner == MISTRAL:
        # Without a config the path would mean nothing to the user.
        location = "" if path == "config" else f" ({path})"
        raise ConfigurationError(
            f"No API key for {host}{location}. Set MISTRAL_API_KEY or pass api_key= (through Portkey: "
            "PORTKEY_API_KEY or portkey_api_key=; in a config: the target's api_key). "
            "base_url='sandbox:' answers offline, without any key."
        )
