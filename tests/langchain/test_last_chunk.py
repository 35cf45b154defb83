"""The last chunk of a stream, made quickly, is the one that LangChain makes."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk

from langchain_portkey_mistral.last_chunk import (
    constructed_last,
    last_chunk,
    moulded_last,
    sample_last,
)
from langchain_portkey_mistral.text_chunks import constructed, text_chunk
from portkey_mistral.moulding import fits


def test_with_this_version_of_langchain_it_is_moulded() -> None:
    assert fits(partial(sample_last, moulded_last), partial(sample_last, constructed_last))
    assert last_chunk is moulded_last


def said(
    content: str | list[Any] = "", pieces: tuple[ToolCallChunk, ...] = (), usage: Any = None
) -> dict[str, Any]:
    return {
        "content": content,
        "tool_call_chunks": list(pieces),
        "usage_metadata": usage and usage | {"total_tokens": 3},
        "response_metadata": {"id": "1"},
        "chunk_position": "last",
    }


@pytest.mark.parametrize("content", ["", []])
@pytest.mark.parametrize("usage", [None, {"input_tokens": 1, "output_tokens": 2}])
@pytest.mark.parametrize("args", [None, "{", '""]'])
def test_the_last_chunk_is_a_constructed_one(
    content: str | list[Any], usage: Any, args: str | None
) -> None:
    pieces = (tool_call_chunk(name="f", args=args, id="1", index=1),) if args else ()
    ours, theirs = (
        make(said(content, pieces, usage), {"finish": "stop"})
        for make in (last_chunk, constructed_last)
    )
    assert ours == theirs
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert dumps(ours) == dumps(theirs)
    assert text_chunk("a") + ours == constructed("a") + theirs


def test_last_chunks_share_nothing() -> None:
    one, two = last_chunk(said(), {}), last_chunk(said(), {})
    one.message.additional_kwargs["seen"] = True
    assert isinstance(one.message, AIMessageChunk)
    one.message.invalid_tool_calls.append(
        {"name": "x", "args": "", "id": "1", "error": None, "type": "invalid_tool_call"}
    )
    assert two == constructed_last(said(), {})
