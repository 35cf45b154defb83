"""A small MCP server over stdio, whose tools are what models and adapters find difficult."""

from __future__ import annotations

import base64
import os

from mcp.server.fastmcp import FastMCP, Image
from pydantic import BaseModel, Field

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

server = FastMCP("orders", log_level="ERROR")


class Part(BaseModel):
    """A part, which may have parts of its own."""

    name: str
    parts: list[Part] = Field(default_factory=list)


@server.tool(name="orders.find_by-customer")
def find(customer: str, limit: int | None = None) -> str:
    """Find the orders of a customer."""
    return f"{customer}: A-17"


@server.tool()
def count_parts(part: Part) -> int:
    """Count the parts of a part, itself included."""
    return 1 + sum(map(count_parts, part.parts))


@server.tool()
def cancel(order_id: str) -> str:
    """Cancel an order."""
    raise ValueError(f"There is no order {order_id}.")


@server.tool()
def environment() -> str:
    """Return the names of the server's environment variables."""
    return " ".join(sorted(os.environ))


@server.tool(structured_output=False)
def photo() -> Image:
    """Return a photo of the stock."""
    return Image(data=base64.b64decode(PIXEL), format="png")


@server.tool(structured_output=False)
def clean() -> None:
    """Return nothing."""


if __name__ == "__main__":
    server.run()
