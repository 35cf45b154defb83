"""Vectors are stored under everything that determines them, and several processes share a file."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import threading
from array import array

import pytest

from portkey_mistral._embedding.vector_store import VectorStore
from portkey_mistral.requests import EmbeddingRequest


def test_vectors_of_other_parameters_are_kept_apart(tmp_path: object) -> None:
    def store(**extra: object) -> VectorStore:
        request = EmbeddingRequest(model="m", inputs=["a"], extra=extra)
        return VectorStore(f"{tmp_path}/vectors.sqlite", request, endpoint_id="p")

    store().save({"a": [1.0]})
    store(task="search", depth=1).save({"a": [2.0]})
    assert store().load(["a"]) == {0: [1.0]}
    assert store(depth=1, task="search").load(["a"]) == {0: [2.0]}
    assert store(task="other").load(["a"]) == {}


@pytest.mark.parametrize(
    ("kind", "vector"),
    [("d", array("d", [1.0, math.nan]).tobytes()), ("f", array("f", [math.inf]).tobytes()), ("d", b""), ("d", b"abc"),
     ("xx", b"abcd"), ("u", b"abcd"), ("L", b"abcdefgh"), (None, b"abcd"), (5, b"abcd"), (b"d", b"abcdefgh"), ("d", None),
     ("d", 7), ("d", "text")],
    ids=repr,
)  # fmt: skip
def test_a_damaged_vector_is_left_out_with_a_warning(
    kind: object, vector: object, tmp_path: object
) -> None:
    path = f"{tmp_path}/vectors.sqlite"
    store = VectorStore(path, EmbeddingRequest(model="m", inputs=["a"]), endpoint_id="p")
    store.save({"a": [1.0], "b": [2.0]})
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        key = store._key("a")
        connection.execute(
            "UPDATE vectors SET kind = ?, vector = ? WHERE key = ?", (kind, vector, key)
        )
    with pytest.warns(UserWarning, match="1 saved vectors"):
        assert store.load(["a", "b"]) == {1: [2.0]}


@pytest.mark.parametrize("kind", ["f", "b", "B", "d", "h"])
def test_every_kind_of_vector_is_loaded_as_it_was_saved(kind: str, tmp_path: object) -> None:
    vector = array(kind, [1, 2])
    saved = vector if kind in "fbB" else vector.tolist()
    store = VectorStore(f"{tmp_path}/v", EmbeddingRequest(model="m", inputs=["a"]), endpoint_id="p")
    store.save({"a": saved})
    assert store.load(["a"]) == {0: saved}


def test_a_file_that_another_process_is_creating_is_waited_for(tmp_path: object) -> None:
    """Several workers open the same new file at once, and SQLite does not wait when it changes its mode."""
    path = f"{tmp_path}/vectors.sqlite"
    with contextlib.closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("CREATE TABLE unrelated (a)")
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(0.3, other.rollback)
        done.start()
        store = VectorStore(path, EmbeddingRequest(model="m", inputs=["a"]), endpoint_id="p")
        store.save({"a": [1.0]})
        done.join()
    assert store.load(["a"]) == {0: [1.0]}
