"""The way to the server: proxies, certificates, the clock, and with one call whether it answers."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portkey_mistral import models
from portkey_mistral._call.options import transport_options
from portkey_mistral._call.prepare import prepare_call
from portkey_mistral._redaction import without_password
from portkey_mistral._transport.library import choose_library
from portkey_mistral._transport.run import run
from portkey_mistral._wire.responses import decode_models
from portkey_mistral.cli.findings import Finding
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    PortkeyMistralError,
)
from portkey_mistral.residency import is_loopback
from portkey_mistral.responses import CallInfo

if TYPE_CHECKING:
    from portkey_mistral.responses import ModelCard
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["check_certificates", "check_clock", "check_library", "check_proxies", "reach"]

_SKEW = timedelta(minutes=5)
_SCHEMES = ("http://", "https://", "socks5://", "socks5h://")
_UNREAD_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


def check_library(settings: ConnectionSettings) -> Iterator[Finding]:
    """Report the HTTP library of sync and of async calls, and the reason if it is not the default."""
    options = transport_options(settings)
    url = _url(settings)
    for kind, is_async in (("sync", False), ("async", True)):
        choice = choose_library(options, url, is_async=is_async)
        if choice.library == "sandbox":
            return
        proxy = " and through a proxy" if options.proxy_for(url) else ""
        why = f", because {choice.reason}" if choice.reason else ""
        cure = (
            "remove the patch, unless a tool uses it to see the calls"
            if "patched" in choice.reason
            else ""
        )
        text = f"{kind} calls go over {choice.library}{proxy}{why}"
        yield Finding("transport", "note" if why else "good", text, cure)


# --- without a call ---------------------------------------------------------------------------------


def check_proxies(settings: ConnectionSettings) -> Iterator[Finding]:
    """Report proxies that cannot work, or that a local server is behind."""
    url = _url(settings)
    proxy = transport_options(settings).proxy_for(url)
    if settings.mode == "sandbox" or proxy is None:
        return
    shown = without_password(proxy)
    if not proxy.lower().startswith(_SCHEMES):
        yield Finding(
            "proxy",
            "bad",
            f"the proxy {shown} has an unsupported scheme",
            f"use one of {', '.join(_SCHEMES)}",
        )
    elif is_loopback(host := urlsplit(url).hostname or ""):
        yield Finding(
            "proxy",
            "bad",
            f"calls to {host} go through the proxy {shown}, which cannot reach this machine's {host}",
            f"add {host} to NO_PROXY",
        )
    else:
        yield Finding("proxy", "note", f"calls go through the proxy {shown}")


def check_certificates(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Report variables for certificates that name none, or are not read."""
    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file and (problem := _problem_of_certificates(file)):
        yield Finding(
            "tls",
            "bad",
            f"SSL_CERT_FILE={file} {problem}",
            "set it to a PEM file with the certificates of the authorities, or unset it",
        )
    if folder and not Path(folder).is_dir():
        yield Finding("tls", "bad", f"SSL_CERT_DIR={folder} is not a folder", "correct or unset it")
    if not file and not folder:
        for name in _UNREAD_CERTIFICATES:
            if value := environ.get(name):
                yield Finding(
                    "tls",
                    "note",
                    f"{name} is set, but is not read",
                    f"set SSL_CERT_FILE={value} if the network has its own certificate authority",
                )


def _problem_of_certificates(file: str) -> str | None:
    try:
        ssl.create_default_context(cafile=file)
    except FileNotFoundError:
        return "does not exist"
    except (ssl.SSLError, OSError):
        return "has no certificates that can be read"
    return None


def check_clock(today: date | None = None) -> Iterator[Finding]:
    """Report a clock that shows a day before this release: certificates are not valid yet then."""
    day = today or datetime.now(UTC).date()
    if day < models.as_of():
        yield Finding(
            "clock",
            "bad",
            f"the clock shows {day}, a day before this release: certificates are refused",
            "set it, for example with `timedatectl set-ntp true`",
        )


# --- with a call ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answer:
    """What the server's list of models shows. The transport fills in `info`."""

    cards: tuple[ModelCard, ...]
    info: CallInfo = field(default_factory=CallInfo)


def reach(settings: ConnectionSettings, model: str | None = None) -> Iterator[Finding]:
    """Request the list of models, and report what the answer or its absence means."""
    call = prepare_call(
        settings,
        None,
        None,
        operation="models",
        decode=lambda body: _Answer(decode_models(body)),
    )
    try:
        answer = run(call)
    except PortkeyMistralError as error:
        yield Finding("network", "bad", error.message, _cure(settings, error))
        if isinstance(error, APIStatusError):
            yield from _skew(error.headers)
        return
    yield Finding("network", "good", f"reachable: the service lists {len(answer.cards)} models")
    yield from _skew(answer.info.headers)
    if model is not None and not any(card.id == model for card in answer.cards):
        yield Finding(
            "model",
            "note",
            f"the service does not list {model} for this key",
            "compare with `portkey-mistral models`, and with the limits of the workspace",
        )


def _cure(settings: ConnectionSettings, error: PortkeyMistralError) -> str:
    host = urlsplit(_url(settings)).hostname or ""
    match error:
        case APITimeoutError():
            return f"check that {host} can be reached from here, and whether a proxy is needed (HTTPS_PROXY)"
        case APIConnectionError():
            has_proxy = transport_options(settings).proxy_for(_url(settings)) is not None
            return _cure_of_connection(host, error, has_proxy=has_proxy)
        case AuthenticationError():
            return "copy the key again from where it was created; Mistral, Codestral's own host and Portkey have different keys"
        case PermissionDeniedError():
            return "the key may not list models: calls may work nevertheless, or the workspace has limits"
        case NotFoundError():
            return "check the path of the URL: /v1 is often missing"
        case APIStatusError(status_code=407):
            return "add the user and the password of the proxy to its URL"
        case _:
            return ""


def _cure_of_connection(host: str, error: APIConnectionError, *, has_proxy: bool) -> str:
    text = _chain(error)
    if "not yet valid" in text or "has expired" in text:
        return "set the clock of this machine; if it is right, the certificate of the server has to be renewed"
    if "certificate" in text.lower() or "SSL" in text:
        return "set SSL_CERT_FILE to the certificate authority of your network's proxy or of your own server"
    if has_proxy:
        return "check that the proxy can be reached, its user and password, and whether NO_PROXY should name the host"
    if not _resolves(host):
        return f"the name {host} is not known here: check it, the DNS, and whether a proxy is needed (HTTPS_PROXY)"
    if is_loopback(host):
        return "nothing listens there: start the server, or correct the port"
    return "check the firewall, and whether a proxy is needed (HTTPS_PROXY)"


def _chain(error: BaseException | None) -> str:
    """Return the messages of an error and of its causes."""
    texts: list[str] = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


def _skew(headers: Mapping[str, str]) -> Iterator[Finding]:
    """Report a clock that differs from the server's by more than five minutes."""
    try:
        theirs = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return
    difference = datetime.now(UTC) - theirs.replace(tzinfo=theirs.tzinfo or UTC)
    if abs(difference) > _SKEW:
        way = "ahead of" if difference > timedelta() else "behind"
        yield Finding(
            "clock",
            "note",
            f"the clock is {_minutes(abs(difference))} {way} the server's: dates of Retry-After are misread",
            "set it, for example with `timedatectl set-ntp true`",
        )


def _minutes(difference: timedelta) -> str:
    minutes = round(difference.total_seconds() / 60)
    return f"{minutes:,} minutes" if minutes < 180 else f"{minutes // 60:,} hours"


def _url(settings: ConnectionSettings) -> str:
    return settings.gateway_url or settings.base_url or ""
