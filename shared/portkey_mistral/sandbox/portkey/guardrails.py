"""Guardrails: resolves slugs to checks for the gateway, and makes the event at the end of a stream.

The gateway runs the checks. It lacks two features, which are implemented here: slugs, and output guardrails on streams,
whose results hosted Portkey sends in an additional event after `[DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from portkey_mistral.sandbox.portkey.definition import Guardrail
from portkey_mistral.sandbox.portkey.errors import invalid_names

__all__ = [
    "GUARDRAIL_KEYS",
    "StreamedAnswer",
    "default_hooks",
    "hook_event",
    "resolve_hooks",
    "unknown_guardrails",
]

GUARDRAIL_KEYS = ("input_guardrails", "output_guardrails")

# Every other key of a guardrail object is a check with its parameters.
_SETTINGS = frozenset(
    ("id", "type", "deny", "async", "sequential", "on_fail", "on_success", "guardrail_version_id")
)


def unknown_guardrails(saved: Mapping[str, Guardrail], hooks: Iterable[Any]) -> list[str]:
    """Return the slugs in a config's list that name no saved guardrail."""
    return [slug for hook in hooks if (slug := _slug(hook)) is not None and slug not in saved]


def resolve_hooks(saved: Mapping[str, Guardrail], hooks: Iterable[Any]) -> list[Any]:
    """Replace slugs by checks; an object next to a slug may override its `deny`, `async`, `on_fail`."""
    resolved: list[Any] = []
    for hook in hooks:
        slug = _slug(hook)
        if slug is None:
            resolved.append(hook)
        else:
            own = hook if isinstance(hook, Mapping) else {}
            resolved.append({**_checks(slug, saved[slug]), **own})
    return resolved


def default_hooks(saved: Mapping[str, Guardrail], slugs: Iterable[str]) -> list[Any]:
    """Resolve the guardrails of the organisation and the workspace."""
    named = list(slugs)
    if unknown := unknown_guardrails(saved, named):
        raise invalid_names("default guardrails", unknown)
    return resolve_hooks(saved, named)


class StreamedAnswer:
    """Collects the answer of a stream of chat completions while it is relayed."""

    def __init__(self) -> None:
        self.complete = False
        """Whether `[DONE]` was seen after at least one choice."""
        self._rest = b""
        self._text = ""
        self._last: dict[str, Any] = {}

    def feed(self, data: bytes) -> None:
        """Add bytes of the stream; the gateway writes one `data:` line per event."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._add(line.removeprefix(b"data:").strip())

    def completion(self) -> dict[str, Any]:
        """Return the whole answer as a chat completion."""
        message = {"role": "assistant", "content": self._text}
        return {
            **{name: self._last.get(name) for name in ("id", "created", "model")},
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": self._last.get("usage"),
        }

    def _add(self, payload: bytes) -> None:
        if payload == b"[DONE]":
            self.complete = bool(self._last)
            return
        event: Any = None
        with suppress(ValueError):  # a provider broke off in the middle of an event
            event = json.loads(payload)
        match event:
            case {"choices": [{"delta": {**delta}}, *_]}:
                self._last = event
                content = delta.get("content")
                self._text += content if isinstance(content, str) else ""
            case _:
                pass


def hook_event(results: Mapping[str, Any]) -> bytes:
    """Return the event that follows `[DONE]`."""
    after = {"after_request_hooks": results.get("after_request_hooks", [])}
    return b"data: " + json.dumps({"hook_results": after}).encode() + b"\n\n"


def _slug(hook: Any) -> str | None:
    match hook:
        case str():
            return hook
        case {"id": str(slug)} if slug.startswith("pg-") and _SETTINGS.issuperset(hook):
            return slug
        case _:
            return None


def _checks(slug: str, guardrail: Guardrail) -> dict[str, Any]:
    actions = {"on_fail": guardrail.on_fail, "on_success": guardrail.on_success}
    return {
        "id": slug,
        **{name: dict(parameters) for name, parameters in guardrail.checks.items()},
        "deny": guardrail.deny,
        "async": guardrail.runs_async,
        **{name: action for name, action in actions.items() if action is not None},
    }
