"""Shows LangChain's sections of arguments ("Key init args (...)") as tables in the API reference (a Griffe extension)."""

from __future__ import annotations

import re
from typing import Any

from griffe import Class, Extension

SECTION = re.compile(r"^(\s*)Key init args \((.+)\):$", re.MULTILINE)


class KeyInitArgs(Extension):
    """Turns each of these sections into one that Griffe parses."""

    def on_class(self, *, cls: Class, **_: Any) -> None:
        """Rewrite the docstring of one class."""
        if cls.docstring:
            cls.docstring.value = SECTION.sub(
                r"\1Attributes: Key arguments (\2)", cls.docstring.value
            )
