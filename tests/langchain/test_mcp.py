"""Tools of an MCP server, by langchain-mcp-adapters over stdio: what the model is sent, and what is run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.sandbox import Sandbox

SERVER = Path(__file__).parents[1] / "support" / "mcp_server.py"
# The name of a tool as it is sent to Mistral, the arguments of a call, and the result that is sent back.
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("orders_find_by-customer", {"customer": "Ada"}, "Ada: A-17"),
    ("count_parts", {"part": {"name": "lamp", "parts": [{"name": "bulb"}]}}, "2"),
    ("cancel", {"order_id": "Z-99"}, "Error executing tool cancel: There is no order Z-99."),
    ("cancel", {}, "order_id\n  Field required"),
    ("photo", {}, "data:image/png;base64,iVBORw0KGgo"),
    ("clean", {}, ""),
]


def content_of(body: dict[str, Any]) -> str:
    """Return the text, or the URL of an image, of the last message, which is a tool's."""
    message = body["messages"][-1]
    assert message["role"] == "tool"
    chunks = message["content"]
    return (
        chunks
        if isinstance(chunks, str)
        else chunks[0].get("text") or chunks[0]["image_url"]["url"]
    )


async def test_an_agent_calls_the_tools_of_a_server(
    mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "a-secret")
    monkeypatch.setenv("PORTKEY_API_KEY", "another-secret")
    model = ChatPortkeyMistral(
        model="mistral-medium-latest", base_url=f"sandbox:{mistral_sandbox.name}"
    )
    client = MultiServerMCPClient(
        {"orders": {"transport": "stdio", "command": sys.executable, "args": [str(SERVER)]}}
    )
    async with client.session("orders") as session:
        agent = create_agent(model, await load_mcp_tools(session))

        async def content_after(name: str, arguments: dict[str, Any]) -> str:
            mistral_sandbox.reply(calls=[{"name": name, "arguments": arguments}])
            mistral_sandbox.reply("Done.")
            state = await agent.ainvoke({"messages": "Go."})
            assert state["messages"][-1].text == "Done."
            return content_of(mistral_sandbox.requests[-1].body)

        for name, arguments, expected in CALLS:
            assert expected in await content_after(name, arguments)
        assert "KEY" not in await content_after("environment", {})
    assert {request.status for request in mistral_sandbox.requests} == {200}
    declared = [tool["function"] for tool in mistral_sandbox.requests[0].body["tools"]]
    assert {tool["name"] for tool in declared} == {name for name, *_ in CALLS} | {"environment"}
    (parts,) = (tool["parameters"] for tool in declared if tool["name"] == "count_parts")
    assert parts["$defs"]["Part"]["properties"]["parts"]["items"] == {"$ref": "#/$defs/Part"}
