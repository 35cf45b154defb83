"""The choice of HTTP library, and the lifetime of connections."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import httpx2
import pytest
import trustme

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import APIConnectionError, Client, ResponseFormatError
from portkey_mistral._transport import pools
from portkey_mistral._transport.library import choose_library
from portkey_mistral._transport.options import TransportOptions
from portkey_mistral._transport.pools import async_transport, sync_transport
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.settings.connection import ConnectionSettings
from portkey_mistral.settings.proxies import EnvironmentProxies
from raw_server import Peer, answer, serving
from transports import limits

ANSWER = b'{"model": "m", "choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}'
OK = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
    + ANSWER
)
ALL = [*KINDS, *STREAMED]
every = pytest.mark.parametrize("kind", ALL)
MODES = pytest.mark.parametrize("is_async", [False, True])


def client(url: str, **fields: object) -> Client:
    return Client(**{"base_url": url, "api_key": "k", "max_retries": 0, **fields})


# --- which library ----------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize(
    ("options", "library", "reason"),
    [
        ({}, None, ""),
        ({"library": "httpx"}, "httpx", "transport='httpx'"),
        ({"proxy": "http://proxy.test:3128"}, None, ""),
        ({"proxy": "socks5://proxy.test:1080"}, "httpx", "SOCKS"),
        (
            {"environment_proxies": EnvironmentProxies(https="socks5h://proxy.test")},
            "httpx",
            "SOCKS",
        ),
        (
            {
                "environment_proxies": EnvironmentProxies(
                    https="socks5h://a.test", no_proxy="api.test"
                )
            },
            None,
            "",
        ),
    ],
)
def test_the_http_library_of_a_call(
    options: dict[str, Any], library: str | None, reason: str, is_async: bool
) -> None:
    found = choose_library(TransportOptions(**options), "https://api.test/v1", is_async=is_async)
    assert found.library == library or (library is None and found.library == default(is_async))
    assert reason in found.reason
    assert bool(found.reason) == bool(reason)


def default(is_async: bool) -> str:
    return "aiohttp" if is_async else "urllib3"


@pytest.mark.parametrize("library", [httpx, httpx2])
@every
def test_a_client_of_the_users_own_is_used_as_it_is(kind: Kind, library: Any) -> None:
    seen: list[str] = []

    def answer_it(request: Any) -> Any:
        seen.append(request.headers["user-agent"])
        headers = {"content-type": "application/json"}
        return library.Response(200, content=ANSWER, headers=headers)

    transport = library.MockTransport(answer_it)
    with library.Client(transport=transport) as own:
        mine = client(
            "https://api.test/v1",
            http_client=own,
            http_async_client=library.AsyncClient(transport=transport),
            timeout=library.Timeout(7.0, read=3.0),
        )
        assert kind.run(mine, ask(), None).text == "fine"
    assert len(seen) == 1
    assert seen[0].startswith("portkey-mistral/")


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_client_of_the_wrong_kind_is_refused(library: Any) -> None:
    with pytest.raises(ConfigurationError, match="http_client"):
        ConnectionSettings(api_key="k", http_client=library.AsyncClient())


@every
@pytest.mark.parametrize("given", ["argument", "variable"])
def test_httpx_can_be_chosen(kind: Kind, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if given == "variable":
        monkeypatch.setenv("PORTKEY_MISTRAL_TRANSPORT", "httpx")
    with serving(answer(OK)) as server:
        mine = client(server.url, **({"transport": "httpx"} if given == "argument" else {}))
        assert kind.run(mine, ask(), None).text == "fine"
    # httpx writes the names of these headers as we do, but asks for this one by itself.
    assert b"connection: keep-alive\r\n" in server.requests[0].lower()


def test_another_name_of_a_library_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="transport"):
        ConnectionSettings(api_key="k", transport="requests")


def test_a_socks_proxy_without_its_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "find_spec", lambda _: None)
    options = TransportOptions(proxy="socks5://me:secret@proxy.test:1080")
    with pytest.raises(ConfigurationError, match=r"portkey-mistral\[socks\]") as caught:
        sync_transport(options, "https://api.test/v1")
    assert not [text for text in held_by_frames(caught.tb) if "secret" in text]
    with pytest.raises(ConfigurationError, match=r"portkey-mistral\[socks\]") as caught:
        asyncio.run(async_transport(options, "https://api.test/v1"))
    assert not [text for text in held_by_frames(caught.tb) if "secret" in text]


def held_by_frames(raised: TracebackType) -> list[str]:
    """Return what tools that report errors print of the frames of our transports."""
    frames = [frame for frame, _ in traceback.walk_tb(raised)]
    ours = [frame for frame in frames if "_transport" in frame.f_code.co_filename]
    assert len(ours) > 1
    return [repr(value) for frame in ours for value in frame.f_locals.values()]


@MODES
@pytest.mark.parametrize("url", ["http://proxy.test", "socks5://proxy.test"])
def test_the_choice_shows_no_password(url: str, is_async: bool) -> None:
    proxy = url.replace("//", "//me:secret@")
    found = choose_library(TransportOptions(proxy=proxy), "https://api.test/v1", is_async=is_async)
    assert found.proxy == proxy
    assert "secret" not in repr(found)


@every
def test_a_socks_proxy(kind: Kind) -> None:
    def socks(peer: Peer) -> None:
        peer.socket.recv(100)
        peer.send(b"\x05\x00")
        request = peer.socket.recv(100)
        peer.server.requests.append(request)
        peer.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        peer.read()
        peer.send(OK)

    with serving(socks) as proxy:
        mine = client("http://api.test/v1", proxy=f"socks5h://127.0.0.1:{proxy.port}")
        assert kind.run(mine, ask(), None).text == "fine"
    assert b"api.test" in proxy.requests[0]


# --- the environment --------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment(
    kind: Kind, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answer(OK)) as proxy:
        before = client("http://api.test/v1")
        monkeypatch.setenv(variable, f"http://me:p%40ss@127.0.0.1:{proxy.port}")
        assert kind.run(client("http://api.test/v1"), ask(), None).text == "fine"
        assert b"proxy-authorization: basic bwu6cebzcw==\r\n" in proxy.requests[0].lower()
        with pytest.raises(APIConnectionError):  # an object that was made before goes directly
            kind.run(before, ask(), None)
        monkeypatch.setenv("NO_PROXY", "elsewhere.test, .test:80")
        with pytest.raises(APIConnectionError):
            kind.run(client("http://api.test/v1"), ask(), None)
    assert len(proxy.requests) == 1


@every
def test_the_proxy_argument_overrides_the_environment(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(answer(OK)) as proxy:
        mine = client("http://api.test/v1", proxy=f"http://127.0.0.1:{proxy.port}")
        assert kind.run(mine, ask(), None).text == "fine"


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_exempt"),
    [
        ("*", "https://api.test/v1", True),
        ("api.test", "https://api.test/v1", True),
        ("api.test", "https://API.test/v1", True),
        ("test", "https://api.test/v1", True),
        (".test", "https://api.test/v1", True),
        ("*.test", "https://api.test/v1", True),
        ("pi.test", "https://api.test/v1", False),
        ("api.test.other", "https://api.test/v1", False),
        ("api.test:443", "https://api.test/v1", True),
        ("api.test:8443", "https://api.test/v1", False),
        ("localhost 127.0.0.1", "http://127.0.0.1:8000/v1", True),
        ("10.0.0.0/8", "http://10.1.2.3/v1", True),
        ("10.0.0.0/8", "http://11.1.2.3/v1", False),
        ("10.0.0.0/8", "http://ten.test/v1", False),
        ("::1", "http://[::1]:8000/v1", True),
        ("[::1]:8000", "http://[::1]:8000/v1", True),
        (",, ,", "https://api.test/v1", False),
    ],
)
def test_hosts_that_need_no_proxy(no_proxy: str, url: str, is_exempt: bool) -> None:
    network = EnvironmentProxies(
        http="http://proxy.test", https="http://proxy.test", no_proxy=no_proxy
    )
    assert (network.proxy_for(url) is None) == is_exempt


def test_the_environment_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.test")
    settings = ConnectionSettings(api_key="k")
    assert settings.environment_proxies.https == "http://me:secret@proxy.test"
    assert "secret" not in repr(settings) + repr(settings.environment_proxies) + repr(
        settings.model_dump()
    )


def test_a_proxy_without_a_scheme_is_an_http_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    assert EnvironmentProxies.read().https == "http://proxy.test:3128"


@every
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", None])
def test_authorities_of_the_environment(
    kind: Kind, variable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    with serving(answer(OK), tls=tls) as server:
        mine = client(server.url)
        if variable is None:
            with pytest.raises(APIConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
                kind.run(mine, ask(), None)
            return
        monkeypatch.setenv(variable, str(file))
        assert kind.run(mine, ask(), None).text == "fine"


@pytest.mark.parametrize("transport", ["auto", "httpx"])
def test_no_cookie_is_kept(transport: str) -> None:
    """Connections are shared by all keys of a process."""

    async def twice(url: str) -> None:
        for key in ("one", "two"):
            await client(url, api_key=key, transport=transport).achat(ask())

    with serving(answer(OK.replace(b"content-type", b"set-cookie: a=b\r\ncontent-type"))) as server:
        for key in ("one", "two"):
            client(server.url, api_key=key, transport=transport).chat(ask())
        asyncio.run(twice(server.url))
    assert len(server.requests) == 4
    assert not [request for request in server.requests if b"cookie" in request.lower()]


# --- connections are kept, and given back -----------------------------------------------------------


async def test_objects_with_the_same_settings_share_connections() -> None:
    one, other = TransportOptions(), TransportOptions(ssl_context=ssl.create_default_context())
    url = "http://api.test/v1"
    assert sync_transport(one, url) is sync_transport(TransportOptions(), url)
    assert sync_transport(one, url) is not sync_transport(other, url)
    assert await async_transport(one, url) is await async_transport(TransportOptions(), url)
    assert await async_transport(one, url) is not await async_transport(other, url)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep at every call."""
    monkeypatch.setattr(pools, "_SWEEP_SECONDS", 0.0)


def closes(peer: Peer) -> None:
    """Close a connection that rests."""
    peer.socket.settimeout(0.2)
    answer(OK)(peer)


def open_sockets() -> int:
    gc.collect()
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one of the iteration is gone
            found += str(descriptor.readlink()).startswith("socket:")
    return found


@pytest.mark.usefixtures("impatient")
def test_idle_connections_of_all_hosts_are_closed() -> None:
    with serving(closes) as one, serving(closes) as other:
        for server in (one, other):
            client(server.url).chat(ask())
        options = TransportOptions(environment_proxies=EnvironmentProxies.read())
        transport = sync_transport(options, other.url)
        idle = transport._pools[("http", "localhost", other.port)].pool.queue  # type: ignore[attr-defined]
        assert len(idle) == 1
        time.sleep(0.5)  # both servers have closed theirs
        client(one.url).chat(ask())
        assert len(idle) == 0


@pytest.mark.usefixtures("impatient")
@MODES
def test_pools_of_unused_ssl_contexts_are_closed(
    is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(url: str) -> int:
        for _ in range(5):
            await client(url, ssl_context=ssl.create_default_context()).achat(ask())
        monkeypatch.setattr(pools, "KEEP_SECONDS", 0.1)
        await asyncio.sleep(0.2)
        await client(url).achat(ask())
        return len(pools._loops[asyncio.get_running_loop()].kept)

    with serving(answer(OK)) as server:
        if is_async:
            assert asyncio.run(run(server.url)) == 1
            return
        before = set(pools._sync)
        for _ in range(5):
            client(server.url, ssl_context=ssl.create_default_context()).chat(ask())
        assert len(set(pools._sync) - before) == 5
        monkeypatch.setattr(pools, "KEEP_SECONDS", 0.1)
        time.sleep(0.2)
        client(server.url).chat(ask())
        assert len([key for key in pools._sync if key not in before]) <= 1


@pytest.mark.usefixtures("impatient")
def test_a_pool_with_a_response_in_progress_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "KEEP_SECONDS", 0.0)
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK[:-5])
        go_on.wait(5)
        peer.send(OK[-5:])

    got: list[str] = []
    with serving(script, answer(OK)) as server:
        mine = client(server.url, ssl_context=ssl.create_default_context())
        slow = threading.Thread(target=lambda: got.append(mine.chat(ask()).text))
        slow.start()
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.1)
        client(server.url).chat(ask())
        go_on.set()
        slow.join()
    assert got == ["fine"]


# --- loops, threads, processes ----------------------------------------------------------------------


def test_each_loop_has_connections_of_its_own_and_closes_them() -> None:
    with serving(answer(OK)) as server, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        mine = client(server.url)
        before = open_sockets()

        async def some() -> list[str]:
            responses = await asyncio.gather(*(mine.achat(ask()) for _ in range(3)))
            return [response.text for response in responses]

        for _ in range(3):
            assert asyncio.run(some()) == ["fine"] * 3
        threads = [threading.Thread(target=asyncio.run, args=(some(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + 10
        while open_sockets() > before and time.monotonic() < deadline:
            time.sleep(0.05)  # the server's ends
        assert open_sockets() <= before
        gc.collect()
    assert [str(each.message) for each in warned if "nclosed" in str(each.message)] == []


# asyncio's own transports warn of a loop that was closed under them, whenever they are collected.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_closed_without_shutdown_asyncgens() -> None:
    """No `shutdown_asyncgens`, so nothing signals its end."""
    with serving(answer(OK)) as server:
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(client(server.url).achat(ask())).text == "fine"
        kept = list(pools._loops[loop].kept.values())
        loop.close()
        assert asyncio.run(client(server.url).achat(ask())).text == "fine"
        assert loop not in pools._loops
        with warnings.catch_warnings():
            # asyncio's own transports complain of a loop that was closed under them.
            warnings.simplefilter("ignore", ResourceWarning)
            del kept
            gc.collect()


def test_a_stream_that_outlives_its_loop() -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        event = b'{"model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]}'
        peer.send(b"data: " + event + b"\n\n")
        peer.wait_for_end()

    kept = []

    async def begin(url: str) -> None:
        stream = client(url).astream(ask())
        kept.append(stream)
        assert (await anext(stream)).text == "a"

    with serving(script) as server:
        asyncio.run(begin(server.url))
        assert server.left.wait()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@MODES
def test_a_forked_child_has_connections_of_its_own(is_async: bool) -> None:
    code = f"""
import asyncio, os, sys, warnings
from portkey_mistral import ChatRequest, Client, Message
warnings.simplefilter("error")
mine = Client(base_url=sys.argv[1], api_key="k", max_retries=0)
request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hi")])
def call():
    return asyncio.run(mine.achat(request)).text if {is_async} else mine.chat(request).text
assert call() == "fine"
if pid := os.fork():
    assert os.waitpid(pid, 0)[1] == 0
    assert call() == "fine"
else:
    assert call() == "fine"
"""
    with serving(answer(OK)) as server:
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, server.url],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.connections == (3 if is_async else 2)


def test_the_first_async_call_does_not_block_its_loop() -> None:
    """aiohttp takes half a second to import."""
    code = """
import asyncio, sys, threading
from portkey_mistral import ChatRequest, Client, Message
mine = Client(base_url=sys.argv[1], api_key="k", max_retries=0)
request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hi")])
threads = set()
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "aiohttp":
            threads.add(threading.current_thread() is threading.main_thread())
sys.meta_path.insert(0, Finder())
async def main():
    print(*[each.text for each in await asyncio.gather(*(mine.achat(request) for _ in range(5)))])
asyncio.run(main())
assert threads == {False}, threads
"""
    with serving(answer(OK)) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url], capture_output=True, text=True, check=False
        )
    assert (done.stdout.split(), done.stderr) == (["fine"] * 5, "")


# --- what the plan makes of it ----------------------------------------------------------------------


def deaf(peer: Peer) -> None:
    """Answer once, read the next request, and break."""
    peer.read()
    peer.send(OK)
    peer.read()
    peer.reset()


@pytest.mark.parametrize("kind", [KINDS[0], STREAMED[0]])
def test_a_dead_kept_connection_is_a_failed_attempt_that_the_plan_retries(kind: Kind) -> None:
    """The server may have accepted the request, so no transport sends it again; `attempts` lists both."""
    with serving(deaf, answer(OK)) as server:
        mine = client(server.url, max_retries=1)
        assert kind.run(mine, ask(), None).text == "fine"
        response = kind.run(mine, ask(), None)
    assert response.text == "fine"
    assert [attempt.status for attempt in response.info.attempts] == [500, 200]
    assert len(server.requests) == 3


async def test_a_dead_kept_connection_on_a_loop() -> None:
    with serving(deaf, answer(OK)) as server:
        mine = client(server.url, max_retries=1)
        assert (await mine.achat(ask())).text == "fine"
        response = await mine.achat(ask())
    assert [attempt.status for attempt in response.info.attempts] == [500, 200]
    assert len(server.requests) == 3


@every
def test_a_response_that_is_too_large(kind: Kind) -> None:
    with serving(answer(OK)) as server, pytest.raises(ResponseFormatError) as caught:
        kind.run(client(server.url, max_response_bytes=20), ask(), None)
    assert "more than 20 bytes (max_response_bytes)" in str(caught.value)


@every
def test_an_error_page_without_end_is_read_in_part(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 503 Unavailable\r\ncontent-type: text/plain\r\n\r\n")
        for _ in range(200):
            peer.send(b"a" * 65536)

    with serving(script) as server, pytest.raises(APIConnectionError.__mro__[1]) as caught:
        kind.run(client(server.url), ask(), None)
    assert caught.value.status_code == 503  # type: ignore[attr-defined]


@every
def test_an_error_page_that_cannot_be_decoded_keeps_its_status(kind: Kind) -> None:
    page = b"HTTP/1.1 401 No\r\ncontent-encoding: br\r\ncontent-length: 4\r\n\r\n\x00\x01\x02\x03"
    with serving(answer(page)) as server, pytest.raises(APIConnectionError.__mro__[1]) as caught:
        kind.run(client(server.url), ask(), None)
    assert caught.value.status_code == 401  # type: ignore[attr-defined]


def test_zero_second_limits_are_valid() -> None:
    """httpx.Timeout(0) may be given; to a socket it would mean not to wait at all."""
    with serving(lambda peer: peer.wait_for_end()) as server, pytest.raises(APIConnectionError):
        client(server.url, timeout=httpx.Timeout(5, read=0.0)).chat(ask())
    assert limits(0.0).capped(1.0) == limits(0.0)


class EndlessBody(httpx.SyncByteStream):
    """A body that notes when nobody reads it any more."""

    is_abandoned = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
        finally:
            self.is_abandoned = True


def test_a_body_that_is_too_large_is_abandoned_although_its_error_is_kept() -> None:
    body = EndlessBody()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
    with httpx.Client(transport=transport) as own, pytest.raises(ResponseFormatError) as caught:
        Client(api_key="k", max_response_bytes=5_000, http_client=own).chat(ask())
    assert body.is_abandoned
    assert "more than 5000 bytes" in str(caught.value)


class TinyPieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer with much white space after it, two bytes at a time."""

    body = ANSWER + b" " * 100_000

    def __iter__(self) -> Iterator[bytes]:
        return (self.body[at : at + 2] for at in range(0, len(self.body), 2))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_in_tiny_pieces_takes_little_more_memory_than_its_size(kind: Kind) -> None:
    """Kept as they came, pieces of two bytes would take sixty times the `max_response_bytes`."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=TinyPieces()))
    mine = Client(
        api_key="k",
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
    )
    assert kind.run(mine, ask(), None).text == "fine"
    tracemalloc.start()
    kind.run(mine, ask(), None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(TinyPieces.body)
