"""What every class of both frameworks says to bad input: what would be right, and never a key."""

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
    """A class, one call of it in each mode, and where it takes what has no field."""

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
    """Give the text of an error, of what it carries and of all that it hangs on."""
    if error is None:
        return ""
    own = f"{error!r} {error} {vars(error)} {getattr(error, 'object', '')}"
    return own + everything_about(error.__cause__) + everything_about(error.__context__)


CUT_SHORT = f"{SECRET}…"
UNSENDABLE = "holds a character that cannot stand in a header"
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
        "default_headers['x-team']: can hold only printable ASCII",
    ),
    "header that splits": (
        {"default_headers": {"x-team": f"a\r\nx-other: {SECRET}"}},
        "default_headers['x-team']: can hold only printable ASCII",
    ),
    "header without a name": (
        {"default_headers": {"x team": SECRET}},
        "default_headers: must be the name of a header",
    ),
    "misspelt key in a config": (
        {"portkey_config": {"targets": [{"api_kye": SECRET}]}},
        "config.targets[0].api_kye: is no key of Portkey's; did you mean 'api_key'?",
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
        "config.api_key: is not inherited by targets",
    ),
    "key as an address": ({"base_url": SECRET}, "base_url must start with http://"),
    "key in an address": ({"base_url": f"https://{SECRET}@host/v1"}, "must not hold a user name"),
    "two keys for one target": (
        {"api_key": SECRET, "virtual_key": "v"},
        "a Portkey key goes into portkey_api_key=",
    ),
    "two names for one key": (
        {"api_key": SECRET, "mistral_api_key": SECRET},
        "'api_key' and 'mistral_api_key' are two names for one setting",
    ),
    "two names for one address": (
        {"endpoint": "sandbox:", "api_base": "sandbox:east"},
        "'endpoint' and 'api_base' are two names for one setting",
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
        "provider: is no provider of Portkey's; did you mean 'mistral-ai'?",
    ),
    "gateway and sandbox": (
        {"base_url": "sandbox:", "gateway_url": "http://localhost:8787"},
        "a gateway cannot reach it",
    ),
}


@CLASSES
@pytest.mark.parametrize("fault", CONSTRUCTION)
def test_construction_says_what_would_be_right_and_shows_no_key(kind: Kind, fault: str) -> None:
    fields, words = CONSTRUCTION[fault]
    with pytest.raises(ConfigurationError) as caught:
        kind.make(**fields)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{kind!r}: ")
    assert SECRET not in everything_about(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@CLASSES
@pytest.mark.parametrize("name", ["api_key", "mistral_api_key", "portkey_api_key", "virtual_key"])
def test_a_key_does_not_become_part_of_a_body(kind: Kind, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind.make(**{kind.extras: {name: SECRET}})
    assert f"{name!r} is a setting" in str(caught.value)
    assert kind.extras in str(caught.value)
    assert SECRET not in everything_about(caught.value)


@CLASSES
@MODES
@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_call_says_what_to_set(
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
def test_portkeys_own_service_is_not_called_without_its_key(
    kind: Kind, fields: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"No Portkey key for api\.portkey\.ai") as caught:
        kind.call(kind.make(**fields, **no_network()))
    assert "PORTKEY_API_KEY" in str(caught.value)
    assert SECRET not in everything_about(caught.value)


@pytest.mark.parametrize("kind", [CHAT_MODEL, EMBEDDINGS, LLM, EMBEDDING], ids=repr)
def test_a_target_at_openai_does_not_ask_for_mistrals_key(kind: Kind) -> None:
    config = {"provider": "openai", "override_params": {"model": "text-embedding-3-small"}}
    built = kind.make(api_key=SECRET, portkey_config=config, **no_network())
    with pytest.raises(ConfigurationError, match=r"api\.openai\.com.*the target's api_key"):
        kind.call(built)


@CLASSES
@MODES
def test_a_wrong_key_is_told_without_showing_it(
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
@pytest.mark.parametrize("way", WAYS)
def test_the_frames_of_an_error_show_no_key(kind: Kind, is_async: bool, way: str) -> None:
    """Tools that report errors, pytest among them, print what the variables of each frame hold."""
    transport = httpx.MockTransport(lambda _: httpx.Response(401, json={"detail": "no"}))
    clients = {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }
    built = kind.make(**WAYS[way], **clients)
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
    assert any("http1" in frame.f_code.co_filename for frame in frames_of(caught.value))
    assert not [text for text in held_by(frames_of(caught.value)) if SECRET in text]


@CLASSES
@MODES
def test_the_frames_of_a_refused_header_show_no_key(kind: Kind, is_async: bool) -> None:
    """Headers that are changed in place are checked by nobody before they are written."""
    headers = {"x-team": "a"}
    url = "http://localhost:9"
    built = kind.make(api_key=SECRET, base_url=url, default_headers=headers, max_retries=0)
    built.default_headers["x-team"] = f"{SECRET}\n"
    with pytest.raises(APIConnectionError, match="x-team") as caught:
        run(kind, built, is_async)
    assert any("http1" in frame.f_code.co_filename for frame in frames_of(caught.value))
    assert not [text for text in held_by(frames_of(caught.value)) if SECRET in text]


def frames_of(error: BaseException | None) -> list[FrameType]:
    """Give our own frames in the traces of an error and of all that led to it."""
    frames = []
    while error is not None:
        frames += [frame for frame, _ in traceback.walk_tb(error.__traceback__) if is_ours(frame)]
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
        pytest.warns(ModelRetiredWarning, match="2025-03-30. Use ministral-8b-2512") as told,
        pytest.raises(BadRequestError, match="use ministral-8b-2512"),
    ):
        kind.call(built)
    assert [warning.filename for warning in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadRequestError, match="use ministral-8b-2512"):
            kind.call(built)


RETIRED = {"provider": "mistral-ai", "override_params": {"model": "open-mistral-7b"}}
LIVE = {"provider": "mistral-ai", "override_params": {"model": "codestral-latest"}}


@pytest.mark.parametrize("kind", [CHAT_MODEL, FIM, LLM], ids=repr)
@pytest.mark.parametrize(
    ("model", "targets", "told"),
    [
        ("codestral-latest", [RETIRED, RETIRED], 1),
        ("codestral-latest", [LIVE, RETIRED], 1),
        ("open-mistral-7b", [LIVE, LIVE], 0),
        ("open-mistral-7b", [LIVE, {"provider": "mistral-ai"}], 1),
        ("open-mistral-7b", [{"provider": "openai", "custom_host": "sandbox:"}], 0),
    ],
)
def test_the_models_of_a_route_are_those_that_are_looked_at(
    kind: Kind,
    model: str,
    targets: list[dict[str, Any]],
    told: int,
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
    assert [warning.category for warning in seen] == [ModelRetiredWarning] * told


@CLASSES
def test_a_model_that_nobody_knows_is_sent_as_it_is(kind: Kind, mistral_sandbox: Sandbox) -> None:
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
    with pytest.raises(InvalidRequestError, match="empty.*at least one"):
        EMPTY[ask]()
    assert mistral_sandbox.requests == []


def test_no_texts_are_no_call(mistral_sandbox: Sandbox) -> None:
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
def test_a_text_that_is_too_long_is_counted_before_sending(
    embed: Callable[..., Any], mistral_sandbox: Sandbox
) -> None:
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens, but mistral-embed"):
        embed(["fine", "word " * 9000, "fine too"], base_url="sandbox:")
    assert mistral_sandbox.requests == []


@EMBEDS
def test_a_text_that_only_the_server_finds_too_long_is_pinned_to_its_place(
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
    assert "index 2, which begins 'long long" in "".join(caught.value.__notes__)


@EMBEDS
def test_half_a_surrogate_pair_is_no_obstacle(
    embed: Callable[..., Any], mistral_sandbox: Sandbox
) -> None:
    """Scraped texts hold such halves; no JSON can, and no tokenizer reads them."""
    assert len(embed(["fine", HALF], base_url="sandbox:")) == 2
    assert mistral_sandbox.requests[-1].body["input"][-1] == "a\ufffdb"
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens"):
        embed(["fine", HALF * 9000], base_url="sandbox:")


# --- what is said for one call -----------------------------------------------------------------------

ONE_CALL: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt": ({"temprature": 0}, "'temprature'; did you mean 'temperature'? What this package"),
    "key": ({"api_key": SECRET}, "unknown argument 'api_key': it is a setting of the object"),
    "address": ({"base_url": "sandbox:x"}, "'base_url': it is a setting of the object"),
    "timeout": ({"timeout": SECRET}, "timeout must be a number of seconds above 0"),
    "no time": ({"timeout": 0}, "timeout must be a number of seconds above 0"),
    "endless read": (
        {"timeout": httpx.Timeout(60, read=float("inf"))},
        "timeout must be a number of seconds above 0 or an httpx.Timeout of these",
    ),
    "headers": ({"headers": [SECRET]}, "headers must be a mapping of header names to texts"),
    "header": ({"headers": {"x-team": CUT_SHORT}}, "headers['x-team']: can hold only printable"),
    "header names": ({"forward_headers": SECRET}, "forward_headers must be a list of header names"),
    "trace id": ({"trace_id": [SECRET]}, "trace_id must be text, got list"),
    "metadata": ({"portkey_metadata": SECRET}, "portkey_metadata must be a mapping of texts"),
    "format": ({"response_format": "json"}, "response_format must be {'type': 'json_object'}"),
    "formats": ({"response_format": []}, "response_format must be {'type': 'json_object'}"),
    "config": ({"portkey_config": {"targets": [{"api_kye": SECRET}]}}, "did you mean 'api_key'?"),
}


@pytest.mark.parametrize("fault", ONE_CALL)
@pytest.mark.parametrize("kind", [CHAT_MODEL, LLM], ids=repr)
@MODES
def test_a_wrong_argument_of_a_call_is_told_before_sending(
    kind: Kind, fault: str, is_async: bool, mistral_sandbox: Sandbox
) -> None:
    said, words = ONE_CALL[fault]
    built = kind.make(base_url="sandbox:")
    verb, sent = ("invoke", "hi") if kind is CHAT_MODEL else ("chat", CHAT)
    with pytest.raises(PortkeyMistralError) as caught:
        _ = (
            asyncio.run(getattr(built, f"a{verb}")(sent, **said))
            if is_async
            else getattr(built, verb)(sent, **said)
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
def test_a_model_of_none_leaves_the_objects_own(kind: Kind, mistral_sandbox: Sandbox) -> None:
    verb, sent = ("invoke", "hi") if kind is CHAT_MODEL else ("chat", CHAT)
    getattr(kind.make(model="mistral-large-latest", base_url="sandbox:"), verb)(sent, model=None)
    assert mistral_sandbox.requests[-1].body["model"] == "mistral-large-latest"


def test_two_names_of_one_model_field_are_told() -> None:
    for cls in (ChatPortkeyMistral, PortkeyMistralFIM, PortkeyMistral):
        with pytest.raises(ConfigurationError, match="'random_seed' and 'seed' are two names"):
            cls(seed=1, random_seed=2)


# --- what traces and events are told ------------------------------------------------------------------

KEYS_OF_A_CALL = {
    "portkey_config": {"provider": "mistral-ai", "api_key": SECRET},
    "headers": {"x-team-key": SECRET},
}
MISPLACED: list[dict[str, Any]] = [
    {"api_key": SECRET},
    {"default_headers": {"x-team-key": SECRET}},
]


class Tracer(BaseCallbackHandler):
    """Keeps all that LangChain tells a tracer."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.told.append(repr((args, kwargs)))

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self.told.append(repr((args, kwargs)))


@pytest.mark.parametrize(
    "said", [KEYS_OF_A_CALL, *MISPLACED, {"model_kwargs": {"api_key": SECRET}}]
)
@pytest.mark.parametrize("cls", [ChatPortkeyMistral, PortkeyMistralFIM])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_tracers_are_told_no_key_of_a_call(
    cls: Any, said: dict[str, Any], streamed: bool, mistral_sandbox: Sandbox
) -> None:
    tracer, built = Tracer(), cls(base_url="sandbox:")
    with suppress(PortkeyMistralError):
        _ = (
            list(built.stream("hi", {"callbacks": [tracer]}, **said))
            if streamed
            else built.invoke("hi", {"callbacks": [tracer]}, **said)
        )
    assert not [text for text in tracer.told if SECRET in text]


class Events(BaseEventHandler):
    """Keeps all that LlamaIndex tells a handler of events."""

    told: list[str] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Events"

    def handle(self, event: Any, **_: Any) -> None:
        self.told.append(f"{event!r} {event.model_dump()}")


class Spans(SimpleSpanHandler):
    """Keeps what LlamaIndex's spans are opened with."""

    seen: list[str] = Field(default_factory=list)

    def new_span(self, id_: str, bound_args: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(repr(bound_args))
        return super().new_span(id_, bound_args, *args, **kwargs)


class Joke(BaseModel):
    setup: str


LLM_CALLS: dict[str, Callable[[PortkeyMistral, dict[str, Any]], Any]] = {
    "complete": lambda llm, said: llm.complete("hi", **said),
    "stream_complete": lambda llm, said: list(llm.stream_complete("hi", **said)),
    "chat": lambda llm, said: llm.chat(CHAT, **said),
    "astream_chat": lambda llm, said: asyncio.run(drain(llm, said)),
    "chat_with_tools": lambda llm, said: llm.chat_with_tools([], user_msg="hi", **said),
    "structured_predict": lambda llm, said: llm.structured_predict(
        Joke, PromptTemplate("{headers}"), llm_kwargs=said, headers={"of": "a table"}
    ),
    "structured, by position": lambda llm, said: llm.structured_predict(
        Joke, PromptTemplate("{headers}"), said, headers={"of": "a table"}
    ),
}


async def drain(llm: PortkeyMistral, said: dict[str, Any]) -> list[Any]:
    return [item async for item in await llm.astream_chat(CHAT, **said)]


@pytest.mark.parametrize("said", [KEYS_OF_A_CALL, *MISPLACED])
@pytest.mark.parametrize("ask", LLM_CALLS)
def test_events_and_spans_are_told_no_key_of_a_call(
    ask: str, said: dict[str, Any], mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher, events, spans = get_dispatcher(), Events(), Spans()
    monkeypatch.setattr(dispatcher, "event_handlers", [events])
    monkeypatch.setattr(dispatcher, "span_handlers", [spans])
    llm = PortkeyMistral(base_url="sandbox:")
    if said in MISPLACED:
        with pytest.raises(InvalidRequestError, match="it is a setting of the object"):
            LLM_CALLS[ask](llm, said)
    else:
        LLM_CALLS[ask](llm, said)
        assert events.told
        assert spans.seen
        assert mistral_sandbox.requests[-1].headers["x-team-key"] == SECRET
        assert mistral_sandbox.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    if "structured" in ask and mistral_sandbox.requests:
        assert "a table" in str(mistral_sandbox.requests[-1].body["messages"])
    assert not [text for text in (*events.told, *spans.seen) if SECRET in text]
