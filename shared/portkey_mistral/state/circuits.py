"""How a breaker's memory is written where other processes read it. Pure."""

from __future__ import annotations

from portkey_mistral._engine.breaker import Circuit, State
from portkey_mistral._wire.json import dumps, loads

__all__ = ["decode", "encode"]

_IMPRECISION = 1.0  # seconds; how far two readings of the shared clock may be apart


def encode(circuit: Circuit, *, ahead: float, cooldown: float) -> bytes:
    """Write a circuit. `ahead` is how far the shared clock is before this process's own, in seconds."""
    since, until = circuit.since + ahead, circuit.until + ahead
    return dumps([circuit.state.name, circuit.requests, circuit.failures, since, until, cooldown])


def decode(data: bytes | None, *, ahead: float, now: float) -> Circuit:
    """Read a circuit with its times on this process's own clock, which shows `now`.

    What is missing or cannot be read is a circuit that nothing has happened to. One that would stay open
    for longer than a cooldown was written before the shared clock was set back: it has cooled.
    """
    if not data:
        return Circuit()
    try:
        name, requests, failures, since, until, cooldown = loads(data)
        until -= ahead
        return Circuit(
            State[name],
            int(requests),
            int(failures),
            since=min(since - ahead, now),
            until=now - _IMPRECISION if until > now + cooldown + _IMPRECISION else until,
        )
    except (ValueError, TypeError, KeyError):
        return Circuit()
