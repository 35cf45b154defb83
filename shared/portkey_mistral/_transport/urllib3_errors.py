"""Converts errors of urllib3, of http.client and of sockets to those of the transport."""

from __future__ import annotations

import http.client

from urllib3 import exceptions as errors

from portkey_mistral._transport.base import (
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TransportError,
)

__all__ = ["FAULTS", "transport_error"]

FAULTS = (errors.HTTPError, http.client.HTTPException, OSError, ValueError)


def transport_error(fault: Exception, *, is_sent: bool) -> TransportError:
    """Convert an error of urllib3's to ours."""
    causes = [fault, *fault.args[-1:], fault.__cause__, getattr(fault, "original_error", None)]
    for cause in causes:
        if isinstance(cause, TransportError):
            return type(cause)(*cause.args)
    return _kind(fault, is_sent=is_sent)(_text(fault))


# The order matters: some of these are subclasses of others.
_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[TransportError]], ...] = (
    (errors.ProxyError, ProxyError),
    (
        (errors.NewConnectionError, errors.LocationValueError, errors.ProxySchemeUnknown),
        ConnectError,
    ),
    (errors.ConnectTimeoutError, ConnectTimeout),
    (errors.ReadTimeoutError, ReadTimeout),
    (errors.ClosedPoolError, ReadError),
)


def _kind(fault: Exception, *, is_sent: bool) -> type[TransportError]:
    inner = fault.args[-1] if isinstance(fault, errors.ProtocolError) and fault.args else None
    if isinstance(fault, errors.ProxyError) and _is_timeout(fault.original_error):
        return ConnectTimeout
    for theirs, ours in _KINDS:
        if isinstance(fault, theirs):
            return ours
    if isinstance(inner, http.client.RemoteDisconnected):
        return RemoteProtocolError
    if isinstance(fault, errors.SSLError | OSError) or isinstance(inner, OSError):
        return ReadError if is_sent else ConnectError
    return RemoteProtocolError if is_sent else LocalProtocolError


def _is_timeout(fault: object) -> bool:
    return isinstance(fault, errors.ConnectTimeoutError | TimeoutError) and not isinstance(
        fault, errors.NewConnectionError
    )


def _text(fault: Exception) -> str:
    """Return a description of the error, without the objects that urllib3 includes in its messages."""
    if isinstance(fault, errors.ProxyError):
        fault = fault.original_error
    cause = fault.__cause__ if isinstance(fault, errors.NewConnectionError) else None
    if cause is None and isinstance(fault, errors.ProtocolError | errors.SSLError) and fault.args:
        cause = fault.args[-1] if isinstance(fault.args[-1], Exception) else None
    return str(cause or fault)
