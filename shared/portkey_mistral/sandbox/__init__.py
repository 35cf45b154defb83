"""An offline stand-in for Mistral's API, strict and deterministic, in process or over HTTP.

In process: `base_url="sandbox:"`, or `"sandbox:NAME"` for one of several. Over HTTP: `Sandbox.url`,
`portkey_mistral.sandbox.server.running()`, or `python -m portkey_mistral.sandbox` for other processes. In tests: the
fixtures `mistral_sandbox`, `mistral_sandbox_url` and `mistral_sandbox_redirect`, and the option of the same name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portkey_mistral.sandbox.answers import Answer, Call
    from portkey_mistral.sandbox.faults import Fault
    from portkey_mistral.sandbox.responses import Drop, Pause, SandboxResponse, Step
    from portkey_mistral.sandbox.sandbox import Exchange, Sandbox, get, names, reset, resolve

__all__ = [
    "Answer",
    "Call",
    "Drop",
    "Exchange",
    "Fault",
    "Pause",
    "Sandbox",
    "SandboxResponse",
    "Step",
    "get",
    "names",
    "reset",
    "resolve",
]

# pytest imports this package in every run, for its plugin, so everything else is imported on first use.
_HOMES = {
    name: module
    for module, held in (
        ("answers", ("Answer", "Call")),
        ("sandbox", ("Exchange", "Sandbox", "get", "names", "reset", "resolve")),
        ("faults", ("Fault",)),
        ("responses", ("Drop", "Pause", "SandboxResponse", "Step")),
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
