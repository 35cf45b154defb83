"""Fields and the arguments of calls are sent, and invalid ones are refused before anything is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.sandbox import Sandbox
from scripted import MODEL, answer, network

# Every model field or alias, a value for it, and what has to be sent.
FIELDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "temperature": (0.3, {"temperature": 0.3}),
    "top_p": (0.5, {"top_p": 0.5}),
    "max_tokens": (7, {"max_tokens": 7}),
    "min_tokens": (2, {"min_tokens": 2}),
    "stop": (["you"], {"stop": ["you"]}),
    "random_seed": (7, {"random_seed": 7}),
    "seed": (7, {"random_seed": 7}),
    "presence_penalty": (0.1, {"presence_penalty": 0.1}),
    "frequency_penalty": (0.1, {"frequency_penalty": 0.1}),
    "repetition_penalty": (1.1, {"repetition_penalty": 1.1}),
    "top_k": (40, {"top_k": 40}),
    "n": (2, {"n": 2}),
    "logprobs": (True, {"logprobs": True}),
    "top_logprobs": (3, {"top_logprobs": 3}),
    "safe_prompt": (True, {"safe_prompt": True}),
    "prompt_mode": ("reasoning", {"prompt_mode": "reasoning"}),
    "reasoning_effort": ("high", {"reasoning_effort": "high"}),
    "response_format": ({"type": "json_object"}, {"response_format": {"type": "json_object"}}),
    "prediction": (
        {"type": "content", "content": "x"},
        {"prediction": {"type": "content", "content": "x"}},
    ),
    "prompt_cache_key": ("a", {"prompt_cache_key": "a"}),
    "service_tier": ("auto", {"service_tier": "auto"}),
    "guardrails": ([{"block_on_error": True}], {"guardrails": [{"block_on_error": True}]}),
    "request_metadata": ({"a": "b"}, {"metadata": {"a": "b"}}),
    "model_kwargs": ({"new_thing": 1}, {"new_thing": 1}),
}


def chat(**fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    wire = network(answer("ok"), answer("ok"))
    connection = {
        "api_key": "k",
        "base_url": "https://mistral.test",
        "model": MODEL,
        **wire.clients,
    }
    return ChatPortkeyMistral(**(connection | fields)), wire


def test_fields_are_sent_under_mistrals_names() -> None:
    for name, (value, expected) in FIELDS.items():
        model, wire = chat(**{name: value})
        model.invoke("go")
        assert wire.bodies[0].items() >= expected.items(), name


def test_every_field_can_be_passed_to_a_call_or_bound() -> None:
    for name, (value, expected) in FIELDS.items():
        model, wire = chat(temperature=1)
        model.invoke("go", **{name: value})
        model.bind(**{name: value}).invoke("go")
        for body in wire.bodies:
            assert body.items() >= expected.items(), name


def test_unset_fields_are_not_sent() -> None:
    model, wire = chat()
    model.invoke("go")
    assert set(wire.bodies[0]) - {"stream"} == {"model", "messages"}


def test_a_call_overrides_fields_and_none_unsets_them() -> None:
    model, wire = chat(temperature=1, max_tokens=9)
    model.invoke("go", temperature=0.2, max_tokens=None, model="other")
    body = wire.bodies[0]
    assert (body["temperature"], body["model"], "max_tokens" in body) == (0.2, "other", False)


def test_model_none_means_the_model_of_the_object() -> None:
    model, wire = chat(model="mistral-large-latest")
    model.invoke("go", model=None)
    model.bind(model=None).invoke("go")
    assert [body["model"] for body in wire.bodies] == ["mistral-large-latest"] * 2
    assert model._get_ls_params(model=None)["ls_model_name"] == "mistral-large-latest"


@pytest.mark.parametrize(
    ("field", "argument", "sent"),
    [
        (["a"], None, ["a"]),
        ("a", None, "a"),
        (["a"], ["b"], ["b"]),
        ([], None, None),
        (["a"], [], None),
    ],
)
def test_stop_of_a_call_overrides_the_field(field: Any, argument: Any, sent: Any) -> None:
    model, wire = chat(stop=field)
    model.invoke("go", stop=argument)
    assert wire.bodies[0].get("stop") in (sent, [sent] if isinstance(sent, str) else sent)


def test_langchains_own_arguments_are_not_sent() -> None:
    model, wire = chat()
    model.generate([[HumanMessage("go")]], stream=False, ls_structured_output_format=None)
    assert set(wire.bodies[0]) - {"stream"} == {"model", "messages"}


WRONG_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"temprature": 1}, "unknown argument 'temprature'; did you mean 'temperature'"),
    ({"trace": "x"}, "unknown argument 'trace'; did you mean 'trace_id'"),
    ({"zzz": 1}, r"unknown argument 'zzz'\."),
    ({"response_format": "json"}, "response_format must be"),
]


@pytest.mark.parametrize("mode", ["invoke", "stream", "ainvoke", "astream"])
async def test_an_unknown_argument_is_refused_with_the_closest_name(mode: str) -> None:
    model, wire = chat()
    for arguments, text in WRONG_ARGUMENTS:
        with pytest.raises(InvalidRequestError, match=text):
            match mode:
                case "invoke":
                    model.invoke("go", **arguments)
                case "stream":
                    list(model.stream("go", **arguments))
                case "ainvoke":
                    await model.ainvoke("go", **arguments)
                case _:
                    _ = [chunk async for chunk in model.astream("go", **arguments)]
    assert wire.requests == []


def test_an_empty_list_of_messages_is_refused() -> None:
    model, wire = chat()
    with pytest.raises(InvalidRequestError, match="list of messages is empty: pass at least one"):
        model.invoke([])
    assert wire.requests == []


CONSTRUCTION: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"temprature": 1}, "unknown argument 'temprature'; did you mean 'temperature'"),
    "out of range": ({"temperature": 9}, "temperature: .*less than or equal to 1.5"),
    "field in model_kwargs": (
        {"model_kwargs": {"top_p": 1}},
        "'top_p' is a field: pass top_p=... instead of model_kwargs",
    ),
    "two names": ({"seed": 1, "random_seed": 2}, "."),
}


@pytest.mark.parametrize("name", CONSTRUCTION)
def test_constructor_errors_say_what_is_wrong(name: str) -> None:
    fields, text = CONSTRUCTION[name]
    with pytest.raises(ConfigurationError, match=text):
        ChatPortkeyMistral(base_url="sandbox:", **fields)


def test_call_options_reach_the_gateway() -> None:
    wire = network(answer("ok"), answer("ok"))
    model = ChatPortkeyMistral(
        api_key="k", gateway_url="https://gateway.test/v1", trace_id="t0", **wire.clients
    )
    model.invoke("go", trace_id="t1", portkey_metadata={"user": "ada"})
    model.bind(portkey_config={"retry": {"attempts": 1}}).invoke("go")
    first, second = (request.headers for request in wire.requests)
    assert first["x-portkey-trace-id"] == "t1"
    assert '"ada"' in first["x-portkey-metadata"]
    assert second["x-portkey-trace-id"] == "t0"
    assert "retry" in second["x-portkey-config"]


def test_the_timeout_of_a_call_overrides_the_field() -> None:
    model, wire = chat(timeout=60)
    model.invoke("go", timeout=3)
    assert wire.requests[0].extensions["timeout"]["read"] == 3


def test_unicode_text_is_sent_unchanged() -> None:
    text = "Grüße, 你好, 🦊, \u2028, e\u0301"
    model, wire = chat()
    model.invoke([("system", text), ("human", text)])
    assert [message["content"] for message in wire.bodies[0]["messages"]] == [text, text]


TIMEOUTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "seconds": (3, dict.fromkeys(("connect", "read", "write", "pool"), 3)),
    "none": (None, dict.fromkeys(("connect", "read", "write", "pool"))),
    "httpx": (
        httpx.Timeout(9, connect=2),
        {"connect": 2, "read": 9, "write": 9, "pool": 9},
    ),
}


@pytest.mark.parametrize("name", TIMEOUTS)
def test_a_timeout_may_be_seconds_none_or_httpx(name: str) -> None:
    timeout, expected = TIMEOUTS[name]
    model, wire = chat(timeout=timeout)
    model.invoke("go")
    assert wire.requests[0].extensions["timeout"] == expected


def test_default_headers_and_headers_of_a_call_are_sent() -> None:
    model, wire = chat(default_headers={"x-team": "a", "x-env": "test"})
    model.invoke("go", headers={"x-team": "b"})
    model.bind(headers={"x-team": "c"}).invoke("go")
    headers = [(request.headers["x-team"], request.headers["x-env"]) for request in wire.requests]
    assert headers == [("b", "test"), ("c", "test")]
    assert all("portkey-mistral" in request.headers["user-agent"] for request in wire.requests)


def test_headers_of_a_call_may_have_their_name_in_openais_sdk() -> None:
    model, wire = chat(default_headers={"x-team": "a"})
    model.invoke("go", extra_headers={"x-team": "b"})
    model.invoke("go", extra_headers={"x-team": "c", "x-env": "c"}, headers={"x-team": "d"})
    first, second = (request.headers for request in wire.requests)
    assert (first["x-team"], second["x-team"], second["x-env"]) == ("b", "d", "c")


INVALID_OPTIONS: list[tuple[str, Any]] = [
    ("timeout", "soon"),
    ("timeout", 0),
    ("timeout", -1),
    ("timeout", True),
    ("trace_id", 5),
    ("portkey_metadata", ["a"]),
    ("portkey_metadata", {"a": 1}),
    ("headers", {"x-a": 1}),
    ("headers", {"x-a": "b\r\nx-c: d"}),
    ("headers", {"x-a": "é"}),
    ("extra_headers", "x-a: b"),
    ("cache_force_refresh", "no"),
    ("forward_headers", "x-a"),
    ("cache_namespace", 3),
]


@pytest.mark.parametrize("mode", ["direct", "sandbox", "gateway"])
async def test_an_invalid_call_option_is_refused_before_sending(
    mode: str, mistral_sandbox: Sandbox
) -> None:
    wire = network()
    connections: dict[str, dict[str, Any]] = {
        "direct": {"api_key": "k", "base_url": "https://mistral.test", **wire.clients},
        "sandbox": {"base_url": "sandbox:"},
        "gateway": {
            "gateway_url": "https://gateway.test/v1",
            "provider": "mistral-ai",
            "api_key": "k",
            **wire.clients,
        },
    }
    model = ChatPortkeyMistral(**connections[mode])
    for option, value in INVALID_OPTIONS:
        arguments: dict[str, Any] = {option: value}
        text = rf"{option}(\[.*\]:)? must (be|contain) "
        with pytest.raises(InvalidRequestError, match=text):
            model.invoke("go", **arguments)
        with pytest.raises(InvalidRequestError, match=text):
            _ = [chunk async for chunk in model.astream("go", **arguments)]
    assert not wire.requests
    assert not mistral_sandbox.requests
