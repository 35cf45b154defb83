"""Keeps vectors of different models apart in one `embeddings_cache`, whose keys in core are the bare texts."""

from __future__ import annotations

from typing import Any

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore

__all__ = ["NamespacedKVStore"]


class NamespacedKVStore(BaseKVStore):
    """A view of a key-value store that prefixes every key.

    `namespace` identifies everything that determines a vector besides its text.
    """

    def __init__(self, store: BaseKVStore, namespace: str) -> None:
        self._store = store
        self._prefix = f"{namespace}\n"

    def _key(self, text: str) -> str:
        return f"{self._prefix}{text}"

    def put(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        self._store.put(self._key(key), val, collection)

    async def aput(
        self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION
    ) -> None:
        await self._store.aput(self._key(key), val, collection)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        return self._store.get(self._key(key), collection)

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        return await self._store.aget(self._key(key), collection)

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        return self._own(self._store.get_all(collection))

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        return self._own(await self._store.aget_all(collection))

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return self._store.delete(self._key(key), collection)

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return await self._store.adelete(self._key(key), collection)

    def _own(self, entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            key.removeprefix(self._prefix): value
            for key, value in entries.items()
            if key.startswith(self._prefix)
        }
