"""`Config`: a validated Portkey config."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema, to_json

from portkey_mistral._redaction import drop_secrets, unwrap_secrets
from portkey_mistral.config.build import build
from portkey_mistral.config.dump import dump
from portkey_mistral.config.gateway_keys import names_provider
from portkey_mistral.config.load import Slug, load
from portkey_mistral.config.schema import normalise, unknown_keys
from portkey_mistral.config.values import Node, Target, chat_models, leaves
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["Config"]


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """A Portkey config, or the slug of one that is stored at Portkey: exactly one of `root` and `slug` is set.

    Attributes:
        root: The tree that direct mode runs; None for a slug.
        slug: "pc-..."; None for a config whose content is known.
        document: The whole config as JSON with keys in snake_case, including what only a gateway understands.
            Written from `root` where it is not given.
        fingerprint: Equal for configs that mean the same to a server, keys included; no key can be recovered
            from it.

    Examples:
        >>> config = Config.parse(
        ...     {"strategy": {"mode": "fallback"}, "targets": [{}, {"provider": "openai"}]}
        ... )
        >>> [target.path for target in config.targets()]
        ['config.targets[0]', 'config.targets[1]']
    """

    root: Node | None = None
    slug: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if (self.root is None) == (self.slug is None):
            raise ConfigurationError("A Config has either a root or a slug: use Config.parse(...).")
        if self.root is not None and not self.document:
            object.__setattr__(self, "document", dump(self.root))
        object.__setattr__(
            self, "fingerprint", _fingerprint(self.slug or unwrap_secrets(self.document))
        )

    @classmethod
    def parse(cls, value: Config | Mapping[str, Any] | str | Path) -> Config:
        """Read and validate a config: a mapping, JSON text, the path of a JSON file, a slug "pc-...", or a Config.

        Keys may be in snake_case or camelCase. An unknown key is kept unchanged: a gateway may support it, and direct
        mode rejects it (`portkey_mistral.config.unknown_keys` lists them).

        Raises:
            ConfigurationError: the config is invalid; the message has the path, and what is valid there.
        """
        if isinstance(value, Config):
            return value
        raw = load(value)
        if isinstance(raw, Slug):
            return cls(slug=str(raw))
        try:
            document = normalise(raw)
            return cls(root=build(document), document=document)
        except ConfigurationError as error:
            # A misspelt key is often why another is missing.
            unknown = [f"{path}: {advice}" for path, advice in unknown_keys(raw)]
            raise ConfigurationError(" ".join([error.message, *unknown])) from None

    def to_dict(self, *, secrets: bool = False) -> dict[str, Any]:
        """Return Portkey's JSON with keys in snake_case. Credentials are left out unless `secrets` is true.

        Raises:
            ConfigurationError: only the slug of the config is known.
        """
        if self.slug is not None:
            raise ConfigurationError(
                f"The config {self.slug!r} is stored at Portkey; only its slug is known here."
            )
        plain: dict[str, Any] = (unwrap_secrets if secrets else drop_secrets)(self.document)
        return plain

    @property
    def names_provider(self) -> bool:
        """Whether the config names a provider; one that only has `retry` or `cache`, for example, does not."""
        return self.slug is not None or "targets" in self.document or names_provider(self.document)

    def targets(self) -> tuple[Target, ...]:
        """Return all targets in the order of the config; none for a slug."""
        return () if self.root is None else tuple(leaves(self.root))

    def chat_models(self, model: str) -> tuple[str, ...]:
        """Return the models that chat calls for `model` can reach, each once, in the order of the config.

        The `override_params` of a target replace the model. For a slug, whose content is not known, that is `model`
        alone.
        """
        return (model,) if self.root is None else chat_models(self.root, model)

    def explain(self) -> str:
        """Return the tree as text: strategies, shares, retries and timeouts, no keys."""
        from portkey_mistral.config.drawing.text import text_tree

        return text_tree(self.root) if self.root is not None else f"slug {self.slug}"

    def to_mermaid(self) -> str:
        """Return the tree as a Mermaid flowchart, without keys."""
        from portkey_mistral.config.drawing.text import mermaid, mermaid_slug

        return mermaid(self.root) if self.root is not None else mermaid_slug(self.slug)

    def to_svg(self) -> str:
        """Return the tree as an SVG image, without keys."""
        from portkey_mistral.config.drawing.svg import slug_svg, svg

        return svg(self.root) if self.root is not None else slug_svg(str(self.slug))

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{self.to_svg()}</div>'

    def __repr__(self) -> str:
        from portkey_mistral.config.drawing.text import one_line

        return f"Config({self.slug or one_line(self.root)})"

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _dump, return_schema=core_schema.any_schema()
            ),
            json_schema_input_schema=core_schema.any_schema(),
        )


def _dump(config: Config) -> dict[str, Any] | str:
    """The config without its keys, in a form that `parse` accepts."""
    return config.slug or config.to_dict()


def _fingerprint(content: Any) -> str:
    return hashlib.blake2b(to_json(_sorted(content)), digest_size=16).hexdigest()


def _sorted(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [_sorted(item) for item in value]
        case _:
            return value
