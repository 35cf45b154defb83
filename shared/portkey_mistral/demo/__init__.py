"""The package at work, in seven scenes: `make demo`, or `portkey-mistral demo`.

It is a user of the package that happens to be shipped with it: it imports both adapters, which nothing
else in the core may do.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> int:
    """Play all scenes and return the exit status: the number of scenes that failed."""
    from portkey_mistral.demo.programme import play

    return play()
