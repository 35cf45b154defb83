from array import array
from base64 import b64encode

import pytest

from portkey_mistral._wire.embeddings import decode_embeddings
from portkey_mistral._wire.malformed import MalformedResponse
from portkey_mistral.responses import Usage


def embeddings(*vectors, **more):
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    return {"id": "e", "object": "list", "model": "mistral-embed", "data": data, **more}


def test_embeddings_come_in_the_order_of_the_inputs():
    raw = embeddings([1.0, 2.0], [3.0, 4.0], usage={"prompt_tokens": 4, "total_tokens": 4})
    raw["data"].reverse()
    assert decode_embeddings(raw, expected=2) == (
        [[1.0, 2.0], [3.0, 4.0]],
        "mistral-embed",
        Usage(4, 0, 4),
    )


def test_embeddings_without_an_index_are_in_order():
    raw = embeddings([1.0], [2.0])
    for row in raw["data"]:
        del row["index"]
    assert decode_embeddings(raw, expected=2)[0] == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("dtype", "code", "values"),
    [
        ("float", "f", [0.5, -1.25]),
        ("int8", "b", [-128, 127]),
        ("uint8", "B", [0, 255]),
        ("binary", "b", [-1, 5]),
        ("ubinary", "B", [255, 0]),
    ],
)
def test_base64(dtype, code, values):
    packed = b64encode(array(code, values).tobytes()).decode()
    assert decode_embeddings(embeddings(packed), expected=1, dtype=dtype)[0] == [values]


def test_a_zero_without_a_point_is_a_float():
    (vector,), *_ = decode_embeddings(embeddings([0, 1, -0.5]), expected=1)
    assert [type(number) for number in vector] == [float] * 3
    assert vector == [0.0, 1.0, -0.5]


def test_packed_vectors_stay_arrays():
    one, two = array("f", [0.5, -1.25]), array("f", [2.0**127, -(2.0**127)])
    body = embeddings(*(b64encode(vector.tobytes()).decode() for vector in (one, two)))
    assert decode_embeddings(body, expected=2, packed=True)[0] == [one, two]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_packed_vectors_are_finite(number, packed):
    body = embeddings(b64encode(array("f", [1.0, number]).tobytes()).decode())
    with pytest.raises(MalformedResponse, match="not a finite number"):
        decode_embeddings(body, expected=1, packed=packed)


@pytest.mark.parametrize(
    ("raw", "message", "index"),
    [
        (embeddings([1.0]), "expected 2 embeddings, got 1", None),
        (embeddings([1.0], []), "has 0 numbers", 1),
        (embeddings([1.0, 2.0], [1.0]), "has 1 numbers, the first has 2", 1),
        (embeddings([1.0], [float("nan")]), "not a finite number", 1),
        (embeddings([1.0], [float("inf")]), "not a finite number", 1),
        (embeddings([1.0], [None]), "not a finite number", 1),
        (embeddings([1.0], ["x"]), "not a finite number", 1),
        (embeddings([1.0], [10**400]), "not a finite number", 1),
        (embeddings([1.0], None), "is NoneType", 1),
        (embeddings([1.0], "no base64!"), "not base64", 1),
        (embeddings([1.0], "AAAA"), "not base64 of float", 1),
        ({"data": [{"index": 0, "embedding": [1.0]}] * 2}, "duplicate or out of range", None),
        ({"data": [{"index": 5, "embedding": [1.0]}] * 2}, "duplicate or out of range", None),
        ({"data": [1, 2]}, "is int", None),
        ({}, "no embeddings", None),
        ("text", "is str", None),
    ],
)
def test_invalid_embeddings(raw, message, index):
    with pytest.raises(MalformedResponse, match=message) as raised:
        decode_embeddings(raw, expected=2)
    assert raised.value.index == index


@pytest.mark.parametrize(
    ("dtype", "element"),
    [("int8", 128), ("binary", -129), ("uint8", -1), ("ubinary", 256), ("int8", True), ("int8", "x"), ("uint8", None),
     ("int8", 10**400), ("int8", [])],
)  # fmt: skip
def test_an_integer_out_of_the_range_of_its_dtype_is_malformed(dtype, element):
    with pytest.raises(MalformedResponse, match=f"embedding 1 has an element that is no {dtype}"):
        decode_embeddings(embeddings([1], [element]), expected=2, dtype=dtype)


def test_large_but_finite_numbers_are_fine():
    assert decode_embeddings(embeddings([1.7e308, 1.7e308]), expected=1)[0] == [[1.7e308, 1.7e308]]
