"""An offline stand-in for Mistral's API, strict and deterministic, in process or over HTTP.

In process: `base_url="sandbox:"`, or `"sandbox:NAME"` for one of several. Over HTTP:
`python -m portkey_mistral.sandbox`, or `portkey_mistral.sandbox.server.running()`. In tests: the fixtures
`mistral_sandbox` and `mistral_sandbox_url`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portkey_mistral.sandbox.answers import Answer, Call
    from portkey_mistral.sandbox.box import Exchange, Sandbox, get, names, reset
    from portkey_mistral.sandbox.faults import Fault
    from portkey_mistral.sandbox.replies import Drop, Pause, Reply, Step

__all__ = [
    "Answer",
    "Call",
    "Drop",
    "Exchange",
    "Fault",
    "Pause",
    "Reply",
    "Sandbox",
    "Step",
    "get",
    "names",
    "reset",
]

# pytest imports this package on every run, for its plugin: the rest is loaded when it is asked for.
_HOMES = {
    name: module
    for module, held in (
        ("answers", ("Answer", "Call")),
        ("box", ("Exchange", "Sandbox", "get", "names", "reset")),
        ("faults", ("Fault",)),
        ("replies", ("Drop", "Pause", "Reply", "Step")),
    )
    for name in held
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
