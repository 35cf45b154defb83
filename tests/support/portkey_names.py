"""Every form of naming a provider at hosted Portkey: the arguments, the headers sent, and the provider called.

Used with a scripted network, for the headers, and with the stand-in for hosted Portkey.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ACCOUNT", "KINDS", "MISTRAL_KEY", "NAMED", "Kind", "Named", "routing_headers"]

MISTRAL_KEY = "sk-of-the-caller"

ACCOUNT: dict[str, Any] = {
    "keys": {"pk": {}, "pk-with-default": {"defaults": {"config_id": "pc-eu-1a"}}},
    "providers": {
        "mistral-prod": {"provider": "mistral-ai", "api_key": "sk-m"},
        "mistral-eu": {"provider": "mistral-ai", "api_key": "sk-eu"},
        "openai-prod": {"provider": "openai", "api_key": "sk-o"},
    },
    "configs": {
        "pc-eu-1a": {
            "strategy": {"mode": "fallback"},
            "targets": [{"provider": "@mistral-prod"}, {"provider": "@openai-prod"}],
        },
        "pc-retry": {"retry": {"attempts": 2}},
        "pc-passthrough": {"strategy": {"mode": "single"}, "targets": [{"passthrough": True}]},
    },
}

SLUGS = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "@mistral-prod"}, {"virtual_key": "mistral-eu"}],
}
RETRY = {"retry": {"attempts": 2}}
PROVIDER, VIRTUAL_KEY = {"x-portkey-provider": "@mistral-prod"}, {"x-portkey-virtual-key": "mistral-prod"}  # fmt: skip


def models_named(*slugs: str) -> Callable[[str], dict[str, Any]]:
    """Make a config whose targets are named by their models alone."""

    def config(model: str) -> dict[str, Any]:
        targets = [{"override_params": {"model": f"@{slug}/{model}"}} for slug in slugs]
        return {"strategy": {"mode": "fallback"}, "targets": targets}

    return config


@dataclass(frozen=True)
class Named:
    """One row: the arguments, and the routing headers that reach Portkey, each of them and no other.

    `config` may depend on the model. `slug` is put before the model. `environ` is set around it. `answered_by` is the
    slug whose stored key the provider sees; None for a raw provider with the caller's key.
    """

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] | None = None
    slug: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    portkey_key: str = "pk"
    answered_by: str | None = "mistral-prod"

    def __repr__(self) -> str:
        return self.name

    def model(self, model: str) -> str:
        return f"{self.slug}{model}"

    def fields(self, model: str) -> dict[str, Any]:
        """The constructor's arguments, but for model and connection."""
        config = self.inline(model)
        named = {"portkey_config": config} if config else {}
        return {"portkey_api_key": self.portkey_key, **self.arguments, **named}

    def inline(self, model: str) -> Mapping[str, Any] | None:
        return self.config(model) if callable(self.config) else self.config


NAMED = [
    Named("slug in the model", slug="@mistral-prod/"),
    Named("provider slug", PROVIDER, {"provider": "@mistral-prod"}),
    Named("virtual key", VIRTUAL_KEY, {"virtual_key": "mistral-prod"}),
    Named(
        "virtual key, and slug of the same provider",
        {**PROVIDER, **VIRTUAL_KEY},
        {"provider": "@mistral-prod", "virtual_key": "mistral-prod"},
    ),
    Named(
        "slug in header and model", PROVIDER, {"provider": "@mistral-prod"}, slug="@mistral-prod/"
    ),
    Named("saved config", {"x-portkey-config": "pc-eu-1a"}, {"portkey_config": "pc-eu-1a"}),
    Named(
        "saved config and provider slug",
        {"x-portkey-config": "pc-passthrough", **PROVIDER},
        {"portkey_config": "pc-passthrough", "provider": "@mistral-prod"},
    ),
    Named(
        "saved config and slug in the model",
        {"x-portkey-config": "pc-passthrough"},
        {"portkey_config": "pc-passthrough"},
        slug="@mistral-prod/",
    ),
    Named(
        "saved retries and virtual key",
        {"x-portkey-config": "pc-retry", **VIRTUAL_KEY},
        {"portkey_config": "pc-retry", "virtual_key": "mistral-prod"},
    ),
    Named("inline retries, provider slug", PROVIDER, {"provider": "@mistral-prod"}, RETRY),
    Named("inline retries, virtual key", VIRTUAL_KEY, {"virtual_key": "mistral-prod"}, RETRY),
    Named("inline retries, slug in the model", config=RETRY, slug="@mistral-prod/"),
    Named("slug targets", config=SLUGS),
    Named("models of targets", config=models_named("mistral-prod", "openai-prod")),
    Named("default config", portkey_key="pk-with-default"),
    Named(
        "a Mistral key",
        {"x-portkey-provider": "mistral-ai", "authorization": f"Bearer {MISTRAL_KEY}"},
        {"api_key": MISTRAL_KEY},
        answered_by=None,
    ),
    Named(
        "a Mistral key of the environment",
        {"x-portkey-provider": "mistral-ai", "authorization": f"Bearer {MISTRAL_KEY}"},
        environ={"MISTRAL_API_KEY": MISTRAL_KEY},
        answered_by=None,
    ),
    *(
        Named(
            f"{name}, and a Mistral key of the environment",
            *rest,
            environ={"MISTRAL_API_KEY": MISTRAL_KEY},
            **more,
        )
        for name, rest, more in (
            ("slug in the model", (), {"slug": "@mistral-prod/"}),
            ("provider slug", (PROVIDER, {"provider": "@mistral-prod"}), {}),
            ("virtual key", (VIRTUAL_KEY, {"virtual_key": "mistral-prod"}), {}),
            (
                "saved config",
                ({"x-portkey-config": "pc-eu-1a"}, {"portkey_config": "pc-eu-1a"}),
                {},
            ),
            ("inline retries, slug in the model", ({}, {}, RETRY), {"slug": "@mistral-prod/"}),
            ("models of targets", ({}, {}, models_named("mistral-prod", "openai-prod")), {}),
        )
    ),
    Named(
        "a raw provider that the caller names beside a virtual key",
        {"x-portkey-provider": "mistral-ai", **VIRTUAL_KEY},
        {"provider": "mistral-ai", "virtual_key": "mistral-prod"},
    ),
]

_ROUTING = ("x-portkey-provider", "x-portkey-virtual-key", "x-portkey-config", "x-portkey-custom-host", "authorization")  # fmt: skip


def routing_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the headers that say where a request goes and with which key; a config is parsed."""
    found: dict[str, Any] = {name: headers[name] for name in _ROUTING if name in headers}
    if found.get("x-portkey-config", "").startswith("{"):
        found["x-portkey-config"] = json.loads(found["x-portkey-config"])
    return found


# --- every way to ask -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A class of one of the frameworks, and a way to call it. `lane_header` is what its lane adds to a raw provider."""

    name: str
    model: str
    make: Callable[..., Any]
    run: Callable[[Any], Any]

    def __repr__(self) -> str:
        return self.name

    @property
    def is_fim(self) -> bool:
        return self.name.startswith("fim")


def _langchain(name: str) -> Callable[..., Any]:
    def make(model: str, **fields: Any) -> Any:
        import langchain_portkey_mistral

        return getattr(langchain_portkey_mistral, name)(model=model, **fields)

    return make


def _llamaindex(name: str) -> Callable[..., Any]:
    def make(model: str, **fields: Any) -> Any:
        import llamaindex_portkey_mistral

        return getattr(llamaindex_portkey_mistral, name)(model, **fields)

    return make


async def _drained(stream: Any) -> list[Any]:
    return [piece async for piece in stream]


async def _drained_later(stream: Any) -> list[Any]:
    return await _drained(await stream)


def _kinds() -> list[Kind]:
    chat, fim, embed = "mistral-small-latest", "codestral-latest", "mistral-embed"
    lc = (_langchain("ChatPortkeyMistral"), _langchain("PortkeyMistralFIM"))
    lc_embed = _langchain("PortkeyMistralEmbeddings")
    li, li_embed = _llamaindex("PortkeyMistral"), _llamaindex("PortkeyMistralEmbedding")
    run = asyncio.run
    return [
        Kind("chat-langchain-sync", chat, lc[0], lambda o: o.invoke("Hi")),
        Kind("chat-langchain-async", chat, lc[0], lambda o: run(o.ainvoke("Hi"))),
        Kind("chat-langchain-stream", chat, lc[0], lambda o: list(o.stream("Hi"))),
        Kind("chat-langchain-astream", chat, lc[0], lambda o: run(_drained(o.astream("Hi")))),
        Kind("chat-llamaindex-sync", chat, li, lambda o: o.complete("Hi")),
        Kind("chat-llamaindex-async", chat, li, lambda o: run(o.acomplete("Hi"))),
        Kind("chat-llamaindex-stream", chat, li, lambda o: list(o.stream_complete("Hi"))),
        Kind("chat-llamaindex-astream", chat, li, lambda o: run(_drained_later(o.astream_complete("Hi")))),
        Kind("fim-langchain-sync", fim, lc[1], lambda o: o.invoke("def")),
        Kind("fim-langchain-async", fim, lc[1], lambda o: run(o.ainvoke("def"))),
        Kind("fim-langchain-stream", fim, lc[1], lambda o: list(o.stream("def"))),
        Kind("fim-llamaindex-sync", fim, li, lambda o: o.fill_in_middle("def", "end")),
        Kind("fim-llamaindex-async", fim, li, lambda o: run(o.afill_in_middle("def", "end"))),
        Kind("embed-langchain-sync", embed, lc_embed, lambda o: o.embed_query("Hi")),
        Kind("embed-langchain-async", embed, lc_embed, lambda o: run(o.aembed_query("Hi"))),
        Kind("embed-llamaindex-sync", embed, li_embed, lambda o: o.get_query_embedding("Hi")),
        Kind("embed-llamaindex-async", embed, li_embed, lambda o: run(o.aget_query_embedding("Hi"))),
    ]  # fmt: skip


KINDS = _kinds()
