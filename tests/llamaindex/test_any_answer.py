"""Whatever a server answers, LlamaIndex gets a message or one of our errors, and the fallback answers instead."""

from __future__ import annotations

import pytest
from llama_index.core.llms import ChatMessage, ChatResponse

from any_answer import AnyServer, failures, streamed_bodies, whole_bodies
from llamaindex_portkey_mistral import PortkeyMistral

HI = [ChatMessage("Hi.")]


def _last(llm: PortkeyMistral) -> ChatResponse:
    *_, last = llm.stream_chat(HI)
    return last


@pytest.mark.parametrize("streamed", [False, True])
def test_any_answer(streamed: bool) -> None:
    server = AnyServer()
    alone, falling_back = (
        PortkeyMistral(model="mistral-small-latest", **server.fields(fall_back=each))
        for each in (False, True)
    )

    def text(llm: PortkeyMistral) -> str:
        """Read all that agents and tracers read of an answer."""
        response = _last(llm) if streamed else llm.chat(HI)
        assert response.model_dump_json()
        llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        return response.message.content or ""

    bodies = streamed_bodies(step=8) if streamed else whole_bodies(step=4)
    assert failures(server, bodies, lambda: text(alone), lambda: text(falling_back)) == []
