"""Makes the chunks of a plain text quickly: LangChain's constructors cost 14 us, once a word; this costs 1."""

from __future__ import annotations

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_portkey_mistral.metadata import PROVIDER
from portkey_mistral.moulding import fields_of, fits, mould

__all__ = ["text_chunk"]


def constructed(text: str) -> ChatGenerationChunk:
    """Make the chunk as LangChain does."""
    message = AIMessageChunk(content=text, response_metadata={"model_provider": PROVIDER})
    return ChatGenerationChunk(message=message)


_SAMPLE = constructed("")
_MESSAGE, _CHUNK = fields_of(_SAMPLE.message), fields_of(_SAMPLE)


def moulded(text: str) -> ChatGenerationChunk:
    """Make the same chunk."""
    fields, chunk = _MESSAGE.copy(), _CHUNK.copy()
    fields["content"] = chunk["text"] = text
    # No two chunks may share a container.
    fields["additional_kwargs"] = {}
    fields["response_metadata"] = {"model_provider": PROVIDER}
    fields["tool_calls"] = []
    fields["invalid_tool_calls"] = []
    fields["tool_call_chunks"] = []
    chunk["message"] = mould(AIMessageChunk, fields, {"content", "response_metadata"}, {})
    return mould(ChatGenerationChunk, chunk, {"text", "message"})


text_chunk = moulded if fits(moulded, constructed) else constructed
"""Make the chunk that says this text and nothing else."""
