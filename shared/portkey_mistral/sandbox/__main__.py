"""Run the sandbox over HTTP: `python -m portkey_mistral.sandbox [--host H] [--port P]`."""

from __future__ import annotations

from argparse import ArgumentParser

from portkey_mistral.sandbox.server import serve


def main() -> None:
    """Read the command line and serve until interrupted."""
    parser = ArgumentParser(prog="python -m portkey_mistral.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--port", type=int, default=8765, help="port to listen on, 0 for a free one"
    )
    given = parser.parse_args()
    serve(given.host, given.port)


if __name__ == "__main__":
    main()
