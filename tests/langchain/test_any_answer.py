"""Whatever a server answers, LangChain gets a message or one of our errors, and the fallback answers instead."""

from __future__ import annotations

from langchain_core.messages import AIMessage, AIMessageChunk

from any_answer import AnyServer, failures, streamed_bodies, whole_bodies
from langchain_portkey_mistral import ChatPortkeyMistral


def _models(server: AnyServer) -> tuple[ChatPortkeyMistral, ChatPortkeyMistral]:
    alone, falling_back = (
        ChatPortkeyMistral(model="mistral-small-latest", **server.fields(fall_back=each))
        for each in (False, True)
    )
    return alone, falling_back


def _text(message: AIMessage) -> str:
    """Read all that agents and tracers read of a message."""
    assert message.content_blocks is not None
    assert message.model_dump_json()
    return str(message.text)


def test_any_whole_answer() -> None:
    server = AnyServer()
    alone, falling_back = _models(server)
    wrong = failures(
        server,
        whole_bodies(step=4),
        lambda: _text(alone.invoke("Hi.")),
        lambda: _text(falling_back.invoke("Hi.")),
    )
    assert wrong == []


def test_any_streamed_answer() -> None:
    server = AnyServer()
    alone, falling_back = _models(server)

    def merged(model: ChatPortkeyMistral) -> str:
        chunks = [*model.stream("Hi.")]
        whole = sum(chunks[1:], chunks[0])
        assert isinstance(whole, AIMessageChunk)
        return _text(whole)

    wrong = failures(
        server, streamed_bodies(step=4), lambda: merged(alone), lambda: merged(falling_back)
    )
    # One choice was requested and another came, which LangChain's message cannot express.
    assert [each for each in wrong if "choices.0.index = " not in each] == []
