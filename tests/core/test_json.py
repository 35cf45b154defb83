from types import MappingProxyType

import pytest

from portkey_mistral._json import dumps, loads


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": [1, 2.5, None, True]}, b'{"a":[1,2.5,null,true]}'),
        ("Zürich 漢 🦙", '"Zürich 漢 🦙"'.encode()),
        (MappingProxyType({"a": (1, 2)}), b'{"a":[1,2]}'),
        ("NaN is not Infinity", b'"NaN is not Infinity"'),
        ("half \ud83d a pair", '"half � a pair"'.encode()),
        ({"k\udc00": ["\ud83e\udd99"]}, '{"k�":["🦙"]}'.encode()),
    ],
)
def test_dumps(value, written):
    assert dumps(value) == written


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], object(), {"a": object()}])
def test_dumps_refuses_values_that_json_cannot_express(value):
    with pytest.raises(ValueError):
        dumps(value)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('{"a":"é"}'.encode(), {"a": "é"}),
        (b'"\\ud83e\\udd99"', "🦙"),
        (b'["\\ud83e", "\\u00e9"]', ["�", "é"]),
    ],
)
def test_loads(data, value):
    assert loads(data) == value


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a":1}x', b"\xff", b'"\\ud8"', b'["\\u00e9",' * 100_000]
)
def test_loads_refuses_anything_but_one_json_value(data):
    with pytest.raises(ValueError):
        loads(data)
