"""The entries of errors.md, which explain each error, one at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["entries", "find"]


def entries() -> Mapping[str, str]:
    """Return the text of each entry in Markdown by the name of its error or warning, in the order of the page."""
    page = files("portkey_mistral").joinpath("errors.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))


def find(name: str) -> str:
    """Return the entry of an error in Markdown. Links, which lead to other pages, are only their text.

    `name` may be qualified, as a traceback shows it, and its case does not matter.

    Raises:
        ConfigurationError: There is no such error. The message has the nearest name.
    """
    known = entries()
    short = name.rpartition(".")[2]
    entry = next((each for each in known if each.lower() == short.lower()), None)
    if entry is None:
        hint = did_you_mean(short, known, otherwise=f"they are {', '.join(known)}.")
        raise ConfigurationError(f"No error is named {short!r}: {hint}")
    return f"# {entry}\n" + re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", known[entry])
