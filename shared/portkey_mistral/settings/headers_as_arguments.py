"""Reads `x-portkey-*` headers as the equivalent arguments.

Portkey's SDK configures other clients with headers (`createHeaders`), and many users write them by hand. Headers are
read as arguments, so that they are covered by everything that depends on arguments: mode, lane, residency, redaction. A
header without an equivalent (`x-portkey-debug`, `x-portkey-span-id`, ...) stays a header.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from pydantic import SecretStr
from pydantic_core import from_json

from portkey_mistral._providers import is_config_slug, is_slug
from portkey_mistral._redaction import secret_value
from portkey_mistral.exceptions import ConfigurationError

__all__ = [
    "PortkeyHeaders",
    "add_header_arguments",
    "is_slug_config",
    "names_stored_key",
    "read_portkey_headers",
    "take_bearer_key",
]

_PREFIX = "x-portkey-"


@dataclass(frozen=True, slots=True)
class PortkeyHeaders:
    """Parsed headers.

    Attributes:
        arguments: Values of settings, by field.
        sources: The header of each argument, in its original spelling.
        others: Headers without an equivalent argument.
        for_portkey: Whether any of them is addressed to Portkey.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)  # contains keys
    sources: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict, repr=False)
    for_portkey: bool = False


def read_portkey_headers(headers: Mapping[str, str], where: str) -> PortkeyHeaders:
    """Parse headers; `where` is the name of the argument that contains them, for errors.

    Raises:
        ConfigurationError: a header has a value that Portkey does not accept, or two headers have different values for
        one argument.
    """
    arguments: dict[str, Any] = {}
    sources: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, value in headers.items():
        field_name, read = _ARGUMENTS.get(name.lower(), (None, None))
        if field_name is None or read is None:
            others[name] = _as_comma_list(value) if name.lower() == _SENSITIVE else value
        elif value:  # createHeaders leaves out empty values
            argument = read(value, f"{where}[{name!r}]")
            if not _equal(arguments.get(field_name, argument), argument):
                raise ConfigurationError(
                    f"{where} has {sources[field_name]!r} and {name!r} with different values; pass one of them."
                )
            arguments[field_name] = argument
            sources[field_name] = name
    for_portkey = any(name.lower().startswith(_PREFIX) for name in headers)
    return PortkeyHeaders(arguments, sources, others, for_portkey)


def add_header_arguments(
    arguments: Mapping[str, Any], read: PortkeyHeaders, where: str
) -> dict[str, Any]:
    """Return the arguments together with those from headers.

    Raises:
        ConfigurationError: a header and an argument have different values.
    """
    merged = dict(arguments)
    for name, value in read.arguments.items():
        own = merged.get(name)
        if own is not None and not _equal(own, value):
            # The values themselves may be keys.
            raise ConfigurationError(
                f"{name}= and the header {read.sources[name]!r} of {where} contradict each other; pass one of them."
            )
        merged[name] = value if own is None else own
    return merged


def take_bearer_key(
    read: PortkeyHeaders,
    portkey_key: str | None,
    *,
    hosted: bool,
    fields: Mapping[str, Any],
) -> PortkeyHeaders:
    """Read an Authorization header that accompanies headers for Portkey as a key, as Portkey does.

    It is the Portkey key if there is no other (the open-source gateway needs none), else the provider's. With a virtual
    key, a slug or a saved config, whose key is stored at Portkey, it stays a header. `fields` are those set otherwise.
    """
    name = next((name for name in read.others if name.lower() == "authorization"), None)
    scheme, _, key = (read.others[name] if name else "").partition(" ")
    key = key.strip()
    if name is None or not key or scheme.lower() != "bearer" or not read.for_portkey:
        return read
    others = {other: value for other, value in read.others.items() if other != name}
    if key == portkey_key:
        return replace(read, others=others)
    field_name = "portkey_api_key" if portkey_key is None and hosted else "api_key"
    if field_name == "api_key" and names_stored_key({**fields, **read.arguments}):
        return read
    return replace(
        read,
        arguments={**read.arguments, field_name: key},
        sources={**read.sources, field_name: name},
        others=others,
    )


def names_stored_key(fields: Mapping[str, Any]) -> bool:
    """Whether the target's key is stored at Portkey, behind a virtual key, a provider slug or a saved config."""
    return (
        fields.get("virtual_key") is not None
        or is_slug(fields.get("provider"))
        or is_slug_config(fields.get("portkey_config"))
    )


def is_slug_config(config: object) -> bool:
    """Whether a config, parsed or not, is the slug of one that is stored at Portkey."""
    if isinstance(config, str):
        return is_config_slug(config.strip())
    return getattr(config, "slug", None) is not None


def _equal(one: Any, other: Any) -> bool:
    return bool(_plain(one) == _plain(other))


def _plain(value: Any) -> Any:
    match value:
        case SecretStr():
            return secret_value(value)
        case str():
            return value.strip().rstrip("/")  # for URLs; no other value ends in a slash
        case list() | tuple():
            return [str(item).lower() for item in value]
        case _:
            return value


# --- values -----------------------------------------------------------------------------------------

_SENSITIVE = "x-portkey-sensitive-headers"
_Reader: TypeAlias = Callable[[str, str], Any]


def _text(value: str, _: str) -> str:
    return value.strip()


def _config(value: str, path: str) -> str | dict[str, Any]:
    # Unlike an argument, a header cannot be the path of a file.
    text = value.strip()
    if is_config_slug(text):
        return text
    return _json_object(text, path, "the JSON of a config, or the slug of a saved one, 'pc-...'")


def _metadata(value: str, path: str) -> dict[str, str]:
    metadata = _json_object(value, path, """a JSON object, for example '{"_user": "ada"}'""")
    # Portkey's metadata values are strings.
    return {
        name: item if isinstance(item, str) else json.dumps(item) for name, item in metadata.items()
    }


def _json_object(value: str, path: str, expected: str) -> dict[str, Any]:
    try:
        parsed = from_json(value)
    except ValueError as error:
        raise ConfigurationError(f"{path}: must be {expected}. Invalid JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise ConfigurationError(f"{path}: must be {expected}.")
    return parsed


def _boolean(value: str, path: str) -> bool:
    text = value.strip().lower()
    if text not in ("true", "false"):
        raise ConfigurationError(f"{path}: must be 'true' or 'false'.")
    return text == "true"


def _names(value: str, _: str) -> list[str]:
    return [name for name in map(str.strip, _as_comma_list(value).split(",")) if name]


def _as_comma_list(value: str) -> str:
    """Return a list in Portkey's documented form; createHeaders writes some as Python literals, "['X-A', 'X-B']"."""
    text = value.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return value
    return ",".join(name.strip().strip("'\"") for name in text[1:-1].split(","))


_ARGUMENTS: Mapping[str, tuple[str, _Reader]] = {
    f"{_PREFIX}{name}": argument
    for name, argument in {
        "api-key": ("portkey_api_key", _text),
        "provider": ("provider", _text),
        "virtual-key": ("virtual_key", _text),
        "config": ("portkey_config", _config),
        "custom-host": ("base_url", _text),
        "trace-id": ("trace_id", _text),
        "metadata": ("portkey_metadata", _metadata),
        "cache-namespace": ("cache_namespace", _text),
        "cache-force-refresh": ("cache_force_refresh", _boolean),
        "forward-headers": ("forward_headers", _names),
    }.items()
}
