"""An offline stand-in for hosted Portkey: its control plane, in front of the real open-source gateway.

`load(FILE)` reads an account (keys, catalog, configs, guardrails, prompts, limits), and `running(account)` serves it;
`portkey-mistral sandbox --portkey FILE` and the pytest fixture `portkey_sandbox` do both.
"""

from __future__ import annotations

from portkey_mistral.sandbox.portkey.control_plane import PortkeySandbox
from portkey_mistral.sandbox.portkey.definition import Account, load, parse
from portkey_mistral.sandbox.portkey.gateway import NodeMissingError
from portkey_mistral.sandbox.portkey.request import Received
from portkey_mistral.sandbox.portkey.server import running

__all__ = [
    "Account",
    "NodeMissingError",
    "PortkeySandbox",
    "Received",
    "load",
    "parse",
    "running",
]
