"""The demo: scenes that show the package at work, in the frameworks that are installed.

Run it by `make demo` or `portkey-mistral demo`.

It is a user of the package that is shipped with it, so it may import both adapters, which nothing else in
the core does.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> int:
    """Run all scenes and return the exit status: the number of scenes that failed."""
    from portkey_mistral.demo.programme import play

    return play()
