"""`Config`: a Portkey config that was read and found right."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema, to_json

from portkey_mistral.config.schema import normalise
from portkey_mistral.config.secrets import reveal, without_secrets
from portkey_mistral.config.source import Slug, load
from portkey_mistral.config.tree import build
from portkey_mistral.config.values import Node, Target
from portkey_mistral.config.walk import leaves
from portkey_mistral.config.writing import write
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["Config"]


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """A Portkey config, or the slug of one that Portkey keeps: exactly one of `root` and `slug` is set.

    `root` is what the direct way runs. `document` is the whole config in one spelling, with what only a
    gateway understands; left out, it is written from `root`. Two configs with the same meaning for a
    server, keys included, have the same `fingerprint`, from which no key can be had back.

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
            raise ConfigurationError("A Config has either a root or a slug; use Config.parse(...).")
        if self.root is not None and not self.document:
            object.__setattr__(self, "document", write(self.root))
        object.__setattr__(self, "fingerprint", _fingerprint(self.slug or reveal(self.document)))

    @classmethod
    def parse(cls, value: Config | Mapping[str, Any] | str | Path) -> Config:
        """Read a config: a mapping, JSON text, the path of a JSON file, a slug `pc-...`, or a Config.

        Both of Portkey's spellings of each key are accepted.

        Raises:
            ConfigurationError: with the path of the fault and what would be right there.
        """
        if isinstance(value, Config):
            return value
        raw = load(value)
        if isinstance(raw, Slug):
            return cls(slug=str(raw))
        document = normalise(raw)
        return cls(root=build(document), document=document)

    def to_dict(self, *, secrets: bool = False) -> dict[str, Any]:
        """Return Portkey's JSON in snake_case. Keys are left out unless `secrets` asks for them.

        Raises:
            ConfigurationError: there is only a slug; `.slug` names the config that Portkey keeps.
        """
        if self.slug is not None:
            raise ConfigurationError(
                f"The config {self.slug!r} is kept by Portkey; only its slug is here."
            )
        plain: dict[str, Any] = (reveal if secrets else without_secrets)(self.document)
        return plain

    def targets(self) -> tuple[Target, ...]:
        """Return every target in the order of the config; none for a slug."""
        return () if self.root is None else tuple(leaves(self.root))

    def explain(self) -> str:
        """Draw the tree as text: strategies, shares, retries and timeouts. No key is in it."""
        from portkey_mistral.config.drawing import text_tree

        return text_tree(self.root) if self.root is not None else f"slug {self.slug}"

    def to_mermaid(self) -> str:
        """Draw the tree as a Mermaid flowchart. No key is in it."""
        from portkey_mistral.config.drawing import mermaid, mermaid_slug

        return mermaid(self.root) if self.root is not None else mermaid_slug(self.slug)

    def to_svg(self) -> str:
        """Draw the tree as an SVG picture. No key is in it."""
        from portkey_mistral.config.svg import slug_svg, svg

        return svg(self.root) if self.root is not None else slug_svg(str(self.slug))

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{self.to_svg()}</div>'

    def __repr__(self) -> str:
        from portkey_mistral.config.drawing import one_line

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
    """A form that `parse` takes again, without the keys."""
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
