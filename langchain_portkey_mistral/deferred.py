"""An async stream that begins when its first chunk is asked for, and is chosen only then."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Generic, Self, TypeVar

__all__ = ["Deferred"]

T = TypeVar("T")


class Deferred(AsyncIterator[T], Generic[T]):
    """Gives what the chosen stream gives.

    A generator would hold another generator here. At the end of a loop asyncio closes both at once, and complains
    of the inner one, which its outer one is closing.
    """

    def __init__(self, choose: Callable[[], AsyncGenerator[T]]) -> None:
        self._choose: Callable[[], AsyncGenerator[T]] | None = choose
        self._stream: AsyncGenerator[T] = _nothing()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:
        if (choose := self._choose) is not None:
            self._choose = None
            self._stream = choose()
        return self._stream.__anext__()

    async def aclose(self) -> None:
        self._choose = None
        await self._stream.aclose()


async def _nothing() -> AsyncGenerator[Any]:
    return
    yield
