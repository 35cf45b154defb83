"""Keeps the vectors of different models apart in one cache: core's keys are the bare texts."""

from __future__ import annotations

from typing import Any

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore

__all__ = ["SpacedStore"]


class SpacedStore(BaseKVStore):
    """One vector space within a store. `space` names all that decides a vector, except its text."""

    def __init__(self, store: BaseKVStore, space: str) -> None:
        self._store = store
        self._start = f"{space}\n"

    def put(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        self._store.put(self._start + key, val, collection)

    async def aput(
        self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION
    ) -> None:
        await self._store.aput(self._start + key, val, collection)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        return self._store.get(self._start + key, collection)

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        return await self._store.aget(self._start + key, collection)

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        return self._mine(self._store.get_all(collection))

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        return self._mine(await self._store.aget_all(collection))

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return self._store.delete(self._start + key, collection)

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return await self._store.adelete(self._start + key, collection)

    def _mine(self, everything: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            key.removeprefix(self._start): value
            for key, value in everything.items()
            if key.startswith(self._start)
        }
