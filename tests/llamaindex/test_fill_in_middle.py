"""Fill-in-the-middle with Codestral."""

from __future__ import annotations

import pytest

from portkey_mistral.exceptions import CapabilityError, InvalidRequestError

METHODS = (
    "fill_in_middle",
    "afill_in_middle",
    "stream_fill_in_middle",
    "astream_fill_in_middle",
)


@pytest.fixture
def coder(make_llm):
    return make_llm(model="codestral-latest", temperature=0.1, presence_penalty=0.5, max_tokens=40)


@pytest.mark.parametrize("method", METHODS)
async def test_the_middle_is_filled(coder, mistral_sandbox, ask, bodies, method):
    mistral_sandbox.reply("    return a + b  # é\n")
    items = await ask(coder, method, "def add(a, b):\n", suffix="\nprint(add(1, 2))", stop=["\n\n"])
    assert items[-1].text == "    return a + b  # é\n"
    if "stream" in method:
        assert "".join(item.delta for item in items) == items[-1].text
    assert items[-1].additional_kwargs["finish_reason"] == "stop"
    assert items[-1].raw["usage"]["total_tokens"] > 0
    sent = bodies()[0]
    sent.pop("stream", None)
    assert sent == {
        "model": "codestral-latest",
        "prompt": "def add(a, b):\n",
        "suffix": "\nprint(add(1, 2))",
        "stop": ["\n\n"],
        "temperature": 0.1,
        "max_tokens": 40,
    }
    assert mistral_sandbox.requests[0].path == "/v1/fim/completions"


@pytest.mark.parametrize("method", METHODS)
async def test_the_suffix_may_come_second_or_not_at_all(coder, ask, bodies, method):
    await ask(coder, method, "def f(")
    assert not bodies()[0].get("suffix")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kwargs", "error", "expected"),
    [
        ({"model": "mistral-small-latest"}, CapabilityError, "cannot complete code.*codestral"),
        ({"n": 2}, InvalidRequestError, "does not take 'n'"),
        ({"sufix": "x"}, InvalidRequestError, "unknown argument 'sufix'"),
    ],
)
async def test_what_cannot_succeed_is_not_sent(
    coder, mistral_sandbox, ask, method, kwargs, error, expected
):
    with pytest.raises(error, match=expected):
        await ask(coder, method, "def f(", **kwargs)
    assert mistral_sandbox.requests == []
