"""The chunks of a plain text: made and added up quickly, for there is one for each word.

LangChain's constructors cost 14 us a chunk, and this 0.5. When a stream has ended LangChain adds its chunks up,
field by field: neighbours that differ in nothing but their text are joined here first, and it adds up what is
left. All chunks of a stream are of one provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from functools import partial
from itertools import groupby
from typing import Any, SupportsIndex, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_portkey_mistral.metadata import PROVIDER
from portkey_mistral.moulding import Blank, blank, fits

__all__ = ["text_chunk"]


def constructed(text: str) -> ChatGenerationChunk:
    """Make the chunk as LangChain does."""
    message = AIMessageChunk(content=text, response_metadata={"model_provider": PROVIDER})
    return ChatGenerationChunk(message=message)


def _given(chunk: TextChunk) -> set[str]:
    return {"text", "message"} | (
        {"generation_info"} if chunk.generation_info is not None else set()
    )


def _not_kept(chunk: TextChunk, names: set[str]) -> None:
    """Pass over what pydantic notes when it copies a chunk: it follows from the fields."""


class TextChunk(ChatGenerationChunk):  # noqa: PLW1641  pydantic's objects have no hash
    """A chunk of LangChain's, also to who compares, prints or stores it.

    Its attributes are set past pydantic, and which of them were given is told when somebody asks.
    """

    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__  # as in `Blank`
    __pydantic_fields_set__ = cast("set[str]", property(_given, _not_kept))

    def __add__(
        self, other: ChatGenerationChunk | list[ChatGenerationChunk]
    ) -> ChatGenerationChunk:
        if not isinstance(other, list) or not _KINDS.issuperset(map(type, other)):
            return super().__add__(other)
        first, *others = joined([self, *other])
        return ChatGenerationChunk.__add__(first, others)

    def __eq__(self, other: object) -> bool:
        return plain(self) == plain(other)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return copy, (plain(self),)

    def __repr_name__(self) -> str:
        return ChatGenerationChunk.__name__

    @classmethod
    def lc_id(cls) -> list[str]:
        return ChatGenerationChunk.lc_id()


_KINDS = frozenset({ChatGenerationChunk, TextChunk})


def plain(chunk: object) -> object:
    """Return a chunk of LangChain's own class; anything else as it is."""
    if not isinstance(chunk, TextChunk):
        return chunk
    return ChatGenerationChunk.model_construct(chunk.model_fields_set, **vars(chunk))


class _Message(Blank):
    """An `AIMessageChunk` to be."""


def moulded(text: str) -> ChatGenerationChunk:
    """Make the chunk that `constructed` makes, field by field."""
    message = blank(_Message)
    message.content = text
    message.additional_kwargs = {}
    message.response_metadata = {"model_provider": PROVIDER}
    message.type = "AIMessageChunk"
    message.name = message.id = None
    message.tool_calls = []
    message.invalid_tool_calls = []
    message.usage_metadata = None
    message.tool_call_chunks = []
    message.chunk_position = None
    message.__pydantic_fields_set__ = {"content", "response_metadata"}
    message.__pydantic_extra__ = {}
    message.__pydantic_private__ = None
    message.__class__ = AIMessageChunk
    chunk = blank(TextChunk)
    chunk.text = text
    chunk.generation_info = None
    chunk.type = "ChatGenerationChunk"
    chunk.message = message
    chunk.__pydantic_extra__ = chunk.__pydantic_private__ = None
    made: ChatGenerationChunk = chunk
    return made


def joined(chunks: Iterable[ChatGenerationChunk]) -> Iterator[ChatGenerationChunk]:
    """Join neighbours that differ in nothing but their text."""
    for alike, run in groupby(chunks, _all_but_text):
        if alike is None:
            yield from run
        else:
            yield _one(list(run))


def _one(alike: list[ChatGenerationChunk]) -> ChatGenerationChunk:
    if len(alike) == 1:
        return alike[0]
    whole = moulded("".join([chunk.message.__dict__["content"] for chunk in alike]))
    whole.message.id = alike[0].message.id
    return whole


_METADATA = {"model_provider": PROVIDER}


def _all_but_text(chunk: ChatGenerationChunk) -> str | None:
    """Tell what LangChain would look at in a chunk of plain text, its id; None if there is more to add up."""
    message = chunk.message
    # Where pydantic keeps the fields; a fifth of the cost of asking for each.
    fields = message.__dict__
    if (
        type(message) is not AIMessageChunk
        or type(fields["content"]) is not str
        or fields["additional_kwargs"]
        or fields["tool_call_chunks"]
        or fields["usage_metadata"] is not None
        or fields["chunk_position"]
        or fields["response_metadata"] != _METADATA
        or chunk.generation_info
    ):
        return None
    return fields["id"] or ""


def sample_sum(make: Callable[[str], ChatGenerationChunk], text: str) -> ChatGenerationChunk:
    """Add up a short stream."""
    message = AIMessageChunk(content="", response_metadata={"id": "1"}, chunk_position="last")
    ending = ChatGenerationChunk(message=message, generation_info={"finish_reason": "stop"})
    others = [make(text), make("."), ending]
    return make("One") + others


def _made(text: str) -> Any:
    return plain(moulded(text))


_fit = fits(_made, constructed) and fits(
    partial(sample_sum, moulded), partial(sample_sum, constructed)
)

text_chunk = moulded if _fit else constructed
"""Make the chunk that says this text and nothing else."""
