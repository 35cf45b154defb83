"""Tools of an MCP server, by llama-index-tools-mcp over stdio: what the model is sent, and what is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

SERVER = Path(__file__).parents[1] / "support" / "mcp_server.py"
# Not count_parts: the package follows a recursive parameter without end.
NAMES = ["orders.find_by-customer", "cancel", "environment"]


@pytest.fixture(scope="module")
def tools() -> list[FunctionTool]:
    client = BasicMCPClient(sys.executable, args=[str(SERVER)])
    return McpToolSpec(client, allowed_tools=NAMES).to_tool_list()


@pytest.mark.parametrize("streaming", [True, pytest.param(False, marks=pytest.mark.full)])
async def test_an_agent_calls_the_tools_of_a_server(
    streaming, tools, make_llm, mistral_sandbox, monkeypatch
):
    monkeypatch.setenv("MISTRAL_API_KEY", "a-secret")
    calls = [
        {"name": "orders_find_by-customer", "arguments": {"customer": "Ada"}},
        {"name": "cancel", "arguments": {"order_id": "Z-99"}},
        {"name": "environment", "arguments": {}},
    ]
    mistral_sandbox.reply(calls=calls)
    mistral_sandbox.reply("Done.")
    agent = FunctionAgent(tools=tools, llm=make_llm(), streaming=streaming)
    result = await agent.run("Go.", memory=ChatMemoryBuffer.from_defaults(token_limit=10_000))
    assert str(result) == "Done."
    first, second = (request.body for request in mistral_sandbox.requests)
    assert [tool["function"]["name"] for tool in first["tools"]] == [call["name"] for call in calls]
    assert first["tools"][0]["function"]["parameters"]["required"] == ["customer"]
    found, refused, names = (m["content"] for m in second["messages"] if m["role"] == "tool")
    assert "Ada: A-17" in found
    assert "There is no order Z-99." in refused
    assert "PATH" in names
    assert "KEY" not in names
