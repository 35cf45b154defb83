"""The errors of every class of both frameworks for bad input: they say what is valid, and contain no key."""

from __future__ import annotations

import asyncio
import json
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel, Field

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import CallOptions, models
from portkey_mistral.exceptions import (
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InvalidRequestError,
    PortkeyMistralError,
)
from portkey_mistral.models import ModelRetiredWarning
from portkey_mistral.sandbox import Sandbox
from raw_server import Peer, serving

SECRET = "sk-do-not-show-this-0123456789"
CHAT = [ChatMessage(role="user", content="hi")]
HOSTED = "https://api.portkey.ai/v1"


@dataclass(frozen=True)
class Kind:
    """A class, one call of it in each mode, and its argument for parameters without a field."""

    make: Callable[..., Any]
    call: Callable[..., Any]
    acall: Callable[..., Any]
    extras: str = "model_kwargs"

    def __repr__(self) -> str:
        return getattr(self.make, "__name__", "")


CHAT_MODEL = Kind(ChatPortkeyMistral, lambda o: o.invoke("hi"), lambda o: o.ainvoke("hi"))
EMBEDDINGS = Kind(
    PortkeyMistralEmbeddings, lambda o: o.embed_query("hi"), lambda o: o.aembed_query("hi")
)
FIM = Kind(PortkeyMistralFIM, lambda o: o.invoke("def"), lambda o: o.ainvoke("def"))
LLM = Kind(PortkeyMistral, lambda o: o.chat(CHAT), lambda o: o.achat(CHAT), "additional_kwargs")
EMBEDDING = Kind(
    PortkeyMistralEmbedding,
    lambda o: o.get_query_embedding("hi"),
    lambda o: o.aget_query_embedding("hi"),
    "additional_kwargs",
)
CLASSES = pytest.mark.parametrize("kind", [CHAT_MODEL, EMBEDDINGS, FIM, LLM, EMBEDDING], ids=repr)
MODES = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def run(kind: Kind, built: Any, is_async: bool) -> Any:
    return asyncio.run(kind.acall(built)) if is_async else kind.call(built)


def no_network() -> dict[str, Any]:
    """Clients that fail the test when something is sent."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"sent to {request.url}")

    transport = httpx.MockTransport(refuse)
    return {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }


def everything_about(error: BaseException | None) -> str:
    """Return the text of an error, its attributes, and its chain of causes."""
    if error is None:
        return ""
    own = f"{error!r} {error} {vars(error)} {getattr(error, 'object', '')}"
    return own + everything_about(error.__cause__) + everything_about(error.__context__)


CUT_SHORT = f"{SECRET}…"
UNSENDABLE = "contains a character that is not allowed in a header"
CONSTRUCTION: dict[str, tuple[dict[str, Any], str]] = {
    "unknown argument": ({"time_out": 3}, "unknown argument 'time_out'; did you mean 'timeout'?"),
    "nothing like any argument": ({"zzz": SECRET}, "unknown argument 'zzz'"),
    "misspelt key name": (
        {"api_kye": SECRET},
        "unknown argument 'api_kye'; did you mean 'api_key'",
    ),
    "key of the wrong type": ({"api_key": [SECRET]}, "api_key: Input should be a valid string"),
    "key cut short": ({"api_key": CUT_SHORT}, f"api_key: {UNSENDABLE}"),
    "key with its line's end": ({"api_key": f"{SECRET}\n"}, f"api_key: {UNSENDABLE}"),
    "Portkey key cut short": ({"portkey_api_key": CUT_SHORT}, f"portkey_api_key: {UNSENDABLE}"),
    "virtual key cut short": ({"virtual_key": CUT_SHORT}, f"virtual_key: {UNSENDABLE}"),
    "target's key cut short": (
        {"portkey_config": {"provider": "mistral-ai", "api_key": CUT_SHORT}},
        f"config.api_key: {UNSENDABLE}",
    ),
    "header that cannot be sent": (
        {"default_headers": {"x-team": CUT_SHORT}},
        "default_headers['x-team']: must contain only printable ASCII",
    ),
    "header that splits": (
        {"default_headers": {"x-team": f"a\r\nx-other: {SECRET}"}},
        "default_headers['x-team']: must contain only printable ASCII",
    ),
    "header that frames the request": (
        {"default_headers": {"Transfer-Encoding": SECRET}},
        "default_headers['Transfer-Encoding']: is set by the HTTP library and cannot be given",
    ),
    "header of another host": (
        {"default_headers": {"Host": SECRET}},
        "default_headers['Host']: is set by the HTTP library and cannot be given",
    ),
    "header without a name": (
        {"default_headers": {"x team": SECRET}},
        "default_headers: must be the name of a header",
    ),
    "misspelt key in a config": (
        {"portkey_config": {"targets": [{"api_kye": SECRET}]}},
        "config.targets[0].api_kye: unknown key; did you mean 'api_key'?",
    ),
    "wrong word in a config": (
        {"portkey_config": {"strategy": {"mode": "fallbak"}, "targets": [{"api_key": SECRET}]}},
        "config.strategy.mode: must be one of",
    ),
    "config that is no JSON": ({"portkey_config": f'{{"api_key": {SECRET}'}, "JSON text"),
    "key as a config": ({"portkey_config": SECRET}, "neither JSON"),
    "key at a strategy": (
        {
            "portkey_config": {
                "api_key": SECRET,
                "strategy": {"mode": "fallback"},
                "targets": [{"provider": "mistral-ai"}],
            }
        },
        "config.api_key: is not inherited",
    ),
    "key as an address": ({"base_url": SECRET}, "base_url must start with http://"),
    "key in an address": (
        {"base_url": f"https://{SECRET}@host/v1"},
        "must not contain a user name",
    ),
    "two keys for one target": (
        {"api_key": SECRET, "virtual_key": "v"},
        "a Portkey key is passed as portkey_api_key=",
    ),
    "two names for one key": (
        {"api_key": SECRET, "mistral_api_key": SECRET},
        "'api_key' and 'mistral_api_key' are names of the same setting",
    ),
    "two names for one address": (
        {"endpoint": "sandbox:", "api_base": "sandbox:east"},
        "'endpoint' and 'api_base' are names of the same setting",
    ),
    "port that cannot be": ({"base_url": "http://localhost:99999"}, "a port from 1 to 65535"),
    "query in an address": ({"base_url": "https://host/v1?a=b"}, "base_url must be a host"),
    "proxy without a scheme": (
        {"proxy": f"user:{SECRET}@proxy.example:3128"},
        "proxy must be a URL that begins with http://",
    ),
    "negative timeout": ({"timeout": -1}, "timeout must be a number of seconds above 0"),
    "endless timeout": ({"timeout": float("inf")}, "None (waits for ever)"),
    "endless wait for a permit": (
        {"timeout": httpx.Timeout(60, pool=float("inf"))},
        "None (waits for ever) or an httpx.Timeout of these",
    ),
    "negative read": ({"timeout": httpx.Timeout(60, read=-1)}, "an httpx.Timeout of these"),
    "timeout that is none": ({"timeout": SECRET}, "timeout must be a number of seconds above 0"),
    "endless first token": (
        {"first_token_timeout": float("inf")},
        "first_token_timeout: Input should be less than or equal to",
    ),
    "endless gap": (
        {"idle_timeout": float("inf")},
        "idle_timeout: Input should be less than or equal to",
    ),
    "misnomer of Mistral": (
        {"provider": "mistral"},
        "provider: unknown provider; did you mean 'mistral-ai'?",
    ),
    "gateway and sandbox": (
        {"base_url": "sandbox:", "gateway_url": "http://localhost:8787"},
        "a gateway cannot reach it",
    ),
}


@CLASSES
@pytest.mark.parametrize("fault", CONSTRUCTION)
def test_construction_errors_explain_without_showing_keys(kind: Kind, fault: str) -> None:
    fields, words = CONSTRUCTION[fault]
    with pytest.raises(ConfigurationError) as caught:
        kind.make(**fields)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{kind!r}: ")
    assert SECRET not in everything_about(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@CLASSES
@pytest.mark.parametrize("name", ["api_key", "mistral_api_key", "portkey_api_key", "virtual_key"])
def test_a_key_is_refused_among_the_members_of_the_body(kind: Kind, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind.make(**{kind.extras: {name: SECRET}})
    assert f"{name!r} is a setting" in str(caught.value)
    assert kind.extras in str(caught.value)
    assert SECRET not in everything_about(caught.value)


@CLASSES
@MODES
@pytest.mark.parametrize("key", [None, ""])
def test_a_call_without_a_key_names_the_variables_to_set(
    kind: Kind, is_async: bool, key: str | None
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run(kind, kind.make(api_key=key, **no_network()), is_async)
    text = str(caught.value)
    assert text.startswith("No API key for api.mistral.ai. ")
    assert all(word in text for word in ("MISTRAL_API_KEY", "PORTKEY_API_KEY", "'sandbox:'"))


@CLASSES
@pytest.mark.parametrize(
    "fields",
    [{"gateway_url": HOSTED, "api_key": SECRET}, {"virtual_key": SECRET}, {"config": "pc-abc"}],
    ids=["url", "virtual key", "slug"],
)
def test_hosted_portkey_is_not_called_without_its_key(kind: Kind, fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"No Portkey key for api\.portkey\.ai") as caught:
        kind.call(kind.make(**fields, **no_network()))
    assert "PORTKEY_API_KEY" in str(caught.value)
    assert SECRET not in everything_about(caught.value)


@pytest.mark.parametrize("kind", [CHAT_MODEL, EMBEDDINGS, LLM, EMBEDDING], ids=repr)
def test_a_missing_openai_key_is_not_reported_as_mistrals(kind: Kind) -> None:
    config = {"provider": "openai", "override_params": {"model": "text-embedding-3-small"}}
    built = kind.make(api_key=SECRET, portkey_config=config, **no_network())
    with pytest.raises(ConfigurationError, match=r"api\.openai\.com.*the target's api_key"):
        kind.call(built)


@CLASSES
@MODES
def test_a_wrong_key_is_not_in_its_error(
    kind: Kind, is_async: bool, mistral_sandbox: Sandbox
) -> None:
    mistral_sandbox.fail(401, body={"detail": f"Unauthorized: {SECRET}"})
    with pytest.raises(AuthenticationError, match=r"401: Unauthorized.*MISTRAL_API_KEY") as caught:
        run(kind, kind.make(api_key=SECRET, base_url="sandbox:"), is_async)
    assert len(mistral_sandbox.requests) == 1
    assert SECRET not in everything_about(caught.value)


WAYS: dict[str, dict[str, Any]] = {
    "direct": {"api_key": SECRET},
    "config": {"portkey_config": {"provider": "mistral-ai", "api_key": SECRET}},
    "headers": {"api_key": "k", "default_headers": {"x-team-key": SECRET}},
    "gateway": {"gateway_url": "http://gateway.test", "portkey_api_key": SECRET, "api_key": SECRET},
}


@CLASSES
@MODES
@pytest.mark.parametrize("mode", WAYS)
def test_the_frames_of_an_error_show_no_key(kind: Kind, is_async: bool, mode: str) -> None:
    """Tools that report errors, pytest among them, print what the variables of each frame hold."""
    transport = httpx.MockTransport(lambda _: httpx.Response(401, json={"detail": "no"}))
    clients = {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }
    built = kind.make(**WAYS[mode], **clients)
    with pytest.raises(AuthenticationError) as caught:
        run(kind, built, is_async)
    ours = [frame for frame in traceback.walk_tb(caught.value.__traceback__) if is_ours(frame[0])]
    assert ours
    shown = [repr(value) for frame, _ in ours for value in frame.f_locals.values()]
    assert not [text for text in shown if SECRET in text]


@CLASSES
@MODES
def test_the_frames_of_a_broken_connection_show_no_key(kind: Kind, is_async: bool) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.reset()

    with serving(script) as server:
        built = kind.make(api_key=SECRET, base_url=server.url, max_retries=0)
        with pytest.raises(APIConnectionError) as caught:
            run(kind, built, is_async)
    frames = frames_of(caught.value)
    assert any("_transport" in frame.f_code.co_filename for frame in frames)
    assert not [text for text in held_by(frames) if SECRET in text]


@CLASSES
@MODES
def test_the_frames_of_a_refused_header_show_no_key(kind: Kind, is_async: bool) -> None:
    """Headers that are changed in place are not checked before they are written."""
    headers = {"x-team": "a"}
    url = "http://localhost:9"
    built = kind.make(api_key=SECRET, base_url=url, default_headers=headers, max_retries=0)
    built.default_headers["x-team"] = f"{SECRET}\n"
    with pytest.raises(APIConnectionError, match="x-team") as caught:
        run(kind, built, is_async)
    frames = frames_of(caught.value)
    assert any("_transport" in frame.f_code.co_filename for frame in frames)
    assert not [text for text in held_by(frames) if SECRET in text]


def frames_of(error: BaseException | None) -> list[FrameType]:
    """Return the frames in the tracebacks of an error and its causes, except the caller's own."""
    frames = []
    while error is not None:
        found = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        first = next((at for at, frame in enumerate(found) if is_ours(frame)), len(found))
        frames += found[first:]
        error = error.__cause__ or error.__context__
    return frames


def held_by(frames: list[FrameType]) -> list[str]:
    return [repr(value) for frame in frames for value in frame.f_locals.values()]


def is_ours(frame: FrameType) -> bool:
    return "portkey_mistral" in str(frame.f_globals.get("__name__"))


def test_the_options_of_a_call_show_no_key() -> None:
    config = {"provider": "mistral-ai", "api_key": SECRET}
    assert SECRET not in repr(CallOptions(portkey_config=config, headers={"x-key": SECRET}))


@CLASSES
def test_a_retired_model_warns_once_and_its_refusal_names_the_replacement(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, mistral_sandbox: Sandbox
) -> None:
    monkeypatch.setattr(models, "_warned", set())
    built = kind.make(model="open-mistral-7b", base_url="sandbox:")
    with (
        pytest.warns(ModelRetiredWarning, match="2025-03-30. Use ministral-8b-2512") as recorded,
        pytest.raises(BadRequestError, match="use ministral-8b-2512"),
    ):
        kind.call(built)
    assert [warning.filename for warning in recorded] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadRequestError, match="use ministral-8b-2512"):
            kind.call(built)


RETIRED = {"provider": "mistral-ai", "override_params": {"model": "open-mistral-7b"}}
LIVE = {"provider": "mistral-ai", "override_params": {"model": "codestral-latest"}}


@pytest.mark.parametrize("kind", [CHAT_MODEL, FIM, LLM], ids=repr)
@pytest.mark.parametrize(
    ("model", "targets", "recorded"),
    [
        ("codestral-latest", [RETIRED, RETIRED], 1),
        ("codestral-latest", [LIVE, RETIRED], 1),
        ("open-mistral-7b", [LIVE, LIVE], 0),
        ("open-mistral-7b", [LIVE, {"provider": "mistral-ai"}], 1),
        ("open-mistral-7b", [{"provider": "openai", "custom_host": "sandbox:"}], 0),
    ],
)
def test_warnings_are_about_the_models_that_the_route_reaches(
    kind: Kind,
    model: str,
    targets: list[dict[str, Any]],
    recorded: int,
    monkeypatch: pytest.MonkeyPatch,
    mistral_sandbox: Sandbox,
) -> None:
    monkeypatch.setattr(models, "_warned", set())
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    built = kind.make(model=model, base_url="sandbox:", portkey_config=config)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with suppress(PortkeyMistralError):
            kind.call(built)
    assert [warning.category for warning in seen] == [ModelRetiredWarning] * recorded


@CLASSES
def test_an_unknown_model_is_sent_unchanged(kind: Kind, mistral_sandbox: Sandbox) -> None:
    with pytest.raises(BadRequestError, match="Invalid model: brand-new-1"):
        kind.call(kind.make(model="brand-new-1", base_url="sandbox:"))
    assert mistral_sandbox.requests[-1].body["model"] == "brand-new-1"


EMPTY: dict[str, Callable[..., Any]] = {
    "invoke": lambda: ChatPortkeyMistral(base_url="sandbox:").invoke([]),
    "ainvoke": lambda: asyncio.run(ChatPortkeyMistral(base_url="sandbox:").ainvoke([])),
    "stream": lambda: list(ChatPortkeyMistral(base_url="sandbox:").stream([])),
    "chat": lambda: PortkeyMistral(base_url="sandbox:").chat([]),
    "achat": lambda: asyncio.run(PortkeyMistral(base_url="sandbox:").achat([])),
    "stream_chat": lambda: list(PortkeyMistral(base_url="sandbox:").stream_chat([])),
}


@pytest.mark.parametrize("ask", EMPTY)
def test_an_empty_conversation_is_refused_before_sending(
    ask: str, mistral_sandbox: Sandbox
) -> None:
    with pytest.raises(InvalidRequestError, match="empty"):
        EMPTY[ask]()
    assert mistral_sandbox.requests == []


def test_without_texts_nothing_is_sent(mistral_sandbox: Sandbox) -> None:
    embeddings = PortkeyMistralEmbeddings(base_url="sandbox:")
    embedding = PortkeyMistralEmbedding(base_url="sandbox:")
    assert embeddings.embed_documents([]) == []
    assert asyncio.run(embeddings.aembed_documents([])) == []
    assert embedding.get_text_embedding_batch([]) == []
    assert asyncio.run(embedding.aget_text_embedding_batch([])) == []
    assert mistral_sandbox.requests == []


HALF = "a\ud800b"
EMBEDS = pytest.mark.parametrize(
    "embed",
    [
        lambda texts, **fields: PortkeyMistralEmbeddings(**fields).embed_documents(texts),
        lambda texts, **fields: asyncio.run(
            PortkeyMistralEmbeddings(**fields).aembed_documents(texts)
        ),
        lambda texts, **fields: PortkeyMistralEmbedding(**fields).get_text_embedding_batch(texts),
        lambda texts, **fields: asyncio.run(
            PortkeyMistralEmbedding(**fields).aget_text_embedding_batch(texts)
        ),
    ],
    ids=["langchain", "langchain async", "llamaindex", "llamaindex async"],
)


@EMBEDS
def test_a_text_that_is_too_long_is_refused_before_sending(
    embed: Callable[..., Any], mistral_sandbox: Sandbox
) -> None:
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens, but mistral-embed"):
        embed(["fine", "word " * 9000, "fine too"], base_url="sandbox:")
    assert mistral_sandbox.requests == []


@EMBEDS
def test_a_text_that_the_server_refuses_is_named_by_its_index(
    embed: Callable[..., Any],
) -> None:
    """As for a model that the catalog does not know: its tokens cannot be counted here."""

    def answer(request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["input"]
        if any(len(text) > 50 for text in texts):
            fault = {"message": "Too many tokens overall, split into more batches.", "code": "3210"}
            return httpx.Response(400, json=fault)
        rows = [{"index": n, "embedding": [1.0]} for n in range(len(texts))]
        return httpx.Response(200, json={"model": "m", "data": rows})

    transport = httpx.MockTransport(answer)
    with pytest.raises(BadRequestError, match="Too many tokens overall") as caught:
        embed(
            ["fine", "also fine", "long " * 20, "fine too"],
            model="embed-next",
            api_key="k",
            http_client=httpx.Client(transport=transport),
            http_async_client=httpx.AsyncClient(transport=transport),
        )
    assert "index 2, which begins with 'long long" in "".join(caught.value.__notes__)


@EMBEDS
def test_a_lone_surrogate_is_replaced(embed: Callable[..., Any], mistral_sandbox: Sandbox) -> None:
    """Scraped texts contain lone surrogates, which JSON cannot represent and tokenizers reject."""
    assert len(embed(["fine", HALF], base_url="sandbox:")) == 2
    assert mistral_sandbox.requests[-1].body["input"][-1] == "a\ufffdb"
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens"):
        embed(["fine", HALF * 9000], base_url="sandbox:")


# --- arguments of one call -----------------------------------------------------------------------

ONE_CALL: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt": (
        {"temprature": 0},
        "'temprature'; did you mean 'temperature'? Parameters that this package",
    ),
    "key": ({"api_key": SECRET}, "unknown argument 'api_key': it is a setting of the object"),
    "address": ({"base_url": "sandbox:x"}, "'base_url': it is a setting of the object"),
    "timeout": ({"timeout": SECRET}, "timeout must be a number of seconds above 0"),
    "no time": ({"timeout": 0}, "timeout must be a number of seconds above 0"),
    "endless read": (
        {"timeout": httpx.Timeout(60, read=float("inf"))},
        "timeout must be a number of seconds above 0 or an httpx.Timeout of these",
    ),
    "headers": ({"headers": [SECRET]}, "headers must be a mapping of header names to strings"),
    "header": (
        {"headers": {"x-team": CUT_SHORT}},
        "headers['x-team']: must contain only printable",
    ),
    "header names": ({"forward_headers": SECRET}, "forward_headers must be a list of header names"),
    "trace id": ({"trace_id": [SECRET]}, "trace_id must be a string, got list"),
    "metadata": ({"portkey_metadata": SECRET}, "portkey_metadata must be a mapping of strings"),
    "a value of metadata": (
        {"portkey_metadata": {"_user": "ada", "tries": 3}},
        "got int for 'tries'",
    ),
    "format": ({"response_format": "json"}, "response_format must be {'type': 'json_object'}"),
    "formats": ({"response_format": []}, "response_format must be {'type': 'json_object'}"),
    "config": ({"portkey_config": {"api_kye": SECRET}}, "did you mean 'api_key'?"),
}


@pytest.mark.parametrize("fault", ONE_CALL)
@pytest.mark.parametrize("kind", [CHAT_MODEL, LLM], ids=repr)
@MODES
def test_a_wrong_argument_of_a_call_is_refused_before_sending(
    kind: Kind, fault: str, is_async: bool, mistral_sandbox: Sandbox
) -> None:
    call_arguments, words = ONE_CALL[fault]
    built = kind.make(base_url="sandbox:")
    verb, sent = ("invoke", "hi") if kind is CHAT_MODEL else ("chat", CHAT)
    with pytest.raises(PortkeyMistralError) as caught:
        _ = (
            asyncio.run(getattr(built, f"a{verb}")(sent, **call_arguments))
            if is_async
            else getattr(built, verb)(sent, **call_arguments)
        )
    assert isinstance(caught.value, InvalidRequestError | ConfigurationError)
    assert words in str(caught.value)
    assert SECRET not in everything_about(caught.value)
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("kind", [CHAT_MODEL, LLM], ids=repr)
def test_a_key_among_the_extra_members_of_a_call_is_not_sent(
    kind: Kind, mistral_sandbox: Sandbox
) -> None:
    verb, sent = ("invoke", "hi") if kind is CHAT_MODEL else ("chat", CHAT)
    built = kind.make(base_url="sandbox:")
    with pytest.raises(InvalidRequestError, match="'api_key' is a setting") as caught:
        getattr(built, verb)(sent, **{kind.extras: {"api_key": SECRET}})
    assert SECRET not in everything_about(caught.value)
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("kind", [CHAT_MODEL, LLM], ids=repr)
def test_a_model_of_none_keeps_the_objects_model(kind: Kind, mistral_sandbox: Sandbox) -> None:
    verb, sent = ("invoke", "hi") if kind is CHAT_MODEL else ("chat", CHAT)
    getattr(kind.make(model="mistral-large-latest", base_url="sandbox:"), verb)(sent, model=None)
    assert mistral_sandbox.requests[-1].body["model"] == "mistral-large-latest"


def test_two_names_of_one_model_field_are_refused() -> None:
    for cls in (ChatPortkeyMistral, PortkeyMistralFIM, PortkeyMistral):
        with pytest.raises(
            ConfigurationError, match="'random_seed' and 'seed' are names of the same setting"
        ):
            cls(seed=1, random_seed=2)


# --- what traces and events contain ------------------------------------------------------------------

KEYS_OF_A_CALL = {
    "portkey_config": {"provider": "mistral-ai", "api_key": SECRET},
    "headers": {"x-team-key": SECRET},
    "forward_headers": ["x-team-key"],
}
MISPLACED: list[dict[str, Any]] = [
    {"api_key": SECRET},
    {"default_headers": {"x-team-key": SECRET}},
]


class Tracer(BaseCallbackHandler):
    """Records everything that LangChain passes to a tracer."""

    def __init__(self) -> None:
        self.recorded: list[str] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.recorded.append(repr((args, kwargs)))

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self.recorded.append(repr((args, kwargs)))


@pytest.mark.parametrize(
    "call_arguments", [KEYS_OF_A_CALL, *MISPLACED, {"model_kwargs": {"api_key": SECRET}}]
)
@pytest.mark.parametrize("cls", [ChatPortkeyMistral, PortkeyMistralFIM])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_langchain_tracers_see_no_key_of_a_call(
    cls: Any, call_arguments: dict[str, Any], streamed: bool, mistral_sandbox: Sandbox
) -> None:
    tracer, built = Tracer(), cls(base_url="sandbox:")
    with suppress(PortkeyMistralError):
        _ = (
            list(built.stream("hi", {"callbacks": [tracer]}, **call_arguments))
            if streamed
            else built.invoke("hi", {"callbacks": [tracer]}, **call_arguments)
        )
    assert not [text for text in tracer.recorded if SECRET in text]


class Events(BaseEventHandler):
    """Records everything that LlamaIndex passes to an event handler."""

    recorded: list[str] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Events"

    def handle(self, event: Any, **_: Any) -> None:
        self.recorded.append(f"{event!r} {event.model_dump()}")


class Spans(SimpleSpanHandler):
    """Records the arguments of LlamaIndex's spans."""

    seen: list[str] = Field(default_factory=list)

    def new_span(self, id_: str, bound_args: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(repr(bound_args))
        return super().new_span(id_, bound_args, *args, **kwargs)


class Joke(BaseModel):
    setup: str


LLM_CALLS: dict[str, Callable[[PortkeyMistral, dict[str, Any]], Any]] = {
    "complete": lambda llm, call_arguments: llm.complete("hi", **call_arguments),
    "stream_complete": lambda llm, call_arguments: list(
        llm.stream_complete("hi", **call_arguments)
    ),
    "chat": lambda llm, call_arguments: llm.chat(CHAT, **call_arguments),
    "astream_chat": lambda llm, call_arguments: asyncio.run(drain(llm, call_arguments)),
    "chat_with_tools": lambda llm, call_arguments: llm.chat_with_tools(
        [], user_msg="hi", **call_arguments
    ),
    "structured_predict": lambda llm, call_arguments: llm.structured_predict(
        Joke, PromptTemplate("{headers}"), llm_kwargs=call_arguments, headers={"of": "a table"}
    ),
    "structured, by position": lambda llm, call_arguments: llm.structured_predict(
        Joke, PromptTemplate("{headers}"), call_arguments, headers={"of": "a table"}
    ),
}


async def drain(llm: PortkeyMistral, call_arguments: dict[str, Any]) -> list[Any]:
    return [item async for item in await llm.astream_chat(CHAT, **call_arguments)]


@pytest.mark.parametrize("call_arguments", [KEYS_OF_A_CALL, *MISPLACED])
@pytest.mark.parametrize("ask", LLM_CALLS)
def test_llamaindex_events_and_spans_contain_no_key_of_a_call(
    ask: str,
    call_arguments: dict[str, Any],
    mistral_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatcher, events, spans = get_dispatcher(), Events(), Spans()
    monkeypatch.setattr(dispatcher, "event_handlers", [events])
    monkeypatch.setattr(dispatcher, "span_handlers", [spans])
    llm = PortkeyMistral(base_url="sandbox:")
    if call_arguments in MISPLACED:
        with pytest.raises(InvalidRequestError, match="it is a setting of the object"):
            LLM_CALLS[ask](llm, call_arguments)
    else:
        LLM_CALLS[ask](llm, call_arguments)
        assert events.recorded
        assert spans.seen
        assert mistral_sandbox.requests[-1].headers["x-team-key"] == SECRET
        assert mistral_sandbox.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    if "structured" in ask and mistral_sandbox.requests:
        assert "a table" in str(mistral_sandbox.requests[-1].body["messages"])
    assert not [text for text in (*events.recorded, *spans.seen) if SECRET in text]
