"""Print what this package and its peers do when something goes wrong: a table of the README.

A local server misbehaves in one way each, and every client has the settings that it has by default. Packages that are not
installed are left out. Run it in an environment of its own:

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install '.[all]' langchain-mistralai langchain-openai llama-index-llms-mistralai portkey-ai litellm
    /tmp/peers/bin/python scripts/compare_peers.py
"""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "mistral-small-latest"
ARGUMENTS = {"city": "Paris"}
RETRY_AFTER = 2
QUESTION = [{"role": "user", "content": "Hello!"}]


# --- the server ------------------------------------------------------------------------------------


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
    }


def answer() -> dict[str, Any]:
    message = {"role": "assistant", "content": "One two three."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9}
    return {**chunk({}), "object": "chat.completion", "choices": [choice], "usage": usage}


def call(arguments: str, **identity: Any) -> dict[str, Any]:
    """One piece of the only tool call. Its id and name are in the first."""
    name = {"name": "weather"} if identity else {}
    return chunk(
        {"tool_calls": [{"index": 0, "function": {"arguments": arguments, **name}, **identity}]}
    )


def fragments() -> list[dict[str, Any]]:
    text = json.dumps(ARGUMENTS)
    return [
        call(text[:6], id="abcdefghi"),
        call(text[6:12]),
        call(text[12:]),
        chunk({}, "tool_calls"),
    ]


class Server(BaseHTTPRequestHandler):
    """The first part of the path is what goes wrong."""

    protocol_version = "HTTP/1.1"
    times: dict[str, list[float]] = {}  # noqa: RUF012 - of the process, which runs one server

    def do_POST(self) -> None:
        scenario = self.path.split("/")[1]
        self.rfile.read(int(self.headers["Content-Length"]))
        seen = self.times.setdefault(scenario, [])
        seen.append(time.monotonic())
        match scenario:
            case "busy" if len(seen) == 1:
                error = {"object": "error", "message": "Rate limit exceeded", "type": "rate_limit"}
                self._send(429, error, ("Retry-After", str(RETRY_AFTER)))
            case "ends":
                self._stream(
                    [chunk({"role": "assistant", "content": ""}), chunk({"content": "One "})]
                )
            case "fragments":
                self._stream([*fragments(), "[DONE]"])
            case _:
                self._send(200, answer())

    def _send(self, status: int, body: dict[str, Any], *headers: tuple[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        fixed = (("Content-Type", "application/json"), ("Content-Length", str(len(data))))
        for name, value in (*fixed, *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, events: Iterable[dict[str, Any] | str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event)
            data = f"data: {text}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def serving() -> Iterator[Callable[[str], str]]:
    """Run the server, and yield a function that gives the base URL of a scenario."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield lambda scenario: f"http://127.0.0.1:{server.server_port}/{scenario}/v1"
    finally:
        server.shutdown()
        server.server_close()


# --- the clients -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Peer:
    """How a client is made for a base URL, asked, and asked with a tool; `arguments` are those of the tool call."""

    make: Callable[[str], Any]
    ask: Callable[[Any], Any]
    ask_async: Callable[[Any], Any]
    stream: Callable[[Any], Any]
    arguments: Callable[[Any], Any]


def weather(city: str) -> str:
    """Return the weather in a city."""
    return city


def langchain(make: Callable[[str], Any]) -> Peer:
    def arguments(model: Any) -> Any:
        first, *rest = model.bind_tools([weather]).stream("Hello!")
        calls = sum(rest, start=first).tool_calls
        return calls[0]["args"] if calls else None

    return Peer(
        make,
        lambda model: model.invoke("Hello!"),
        lambda model: model.ainvoke("Hello!"),
        lambda model: list(model.stream("Hello!")),
        arguments,
    )


def llamaindex(make: Callable[[str], Any]) -> Peer:
    def arguments(llm: Any) -> Any:
        from llama_index.core.tools import FunctionTool

        tools = [FunctionTool.from_defaults(weather)]
        *_, last = llm.stream_chat_with_tools(tools, "Hello!")
        return llm.get_tool_calls_from_response(last)[0].tool_kwargs

    return Peer(
        make,
        lambda llm: llm.complete("Hello!"),
        lambda llm: llm.acomplete("Hello!"),
        lambda llm: list(llm.stream_complete("Hello!")),
        arguments,
    )


def completions(
    make: Callable[[str], Any], create: Callable[..., Any], acreate: Callable[..., Any]
) -> Peer:
    """A client in the style of OpenAI's, whose caller joins the pieces of a tool call."""

    def arguments(client: Any) -> Any:
        properties = {"city": {"type": "string"}}
        parameters = {"type": "object", "properties": properties, "required": ["city"]}
        tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
        pieces = [
            call.function.arguments
            for chunk in create(client, messages=QUESTION, stream=True, tools=[tool])
            for call in (chunk.choices[0].delta.tool_calls or [])
        ]
        return json.loads("".join(pieces))

    return Peer(
        make,
        lambda client: create(client, messages=QUESTION),
        lambda client: acreate(client, messages=QUESTION),
        lambda client: list(create(client, messages=QUESTION, stream=True)),
        arguments,
    )


def here_langchain() -> Peer:
    from langchain_portkey_mistral import ChatPortkeyMistral

    return langchain(lambda url: ChatPortkeyMistral(model=MODEL, base_url=url, api_key="key"))


def here_llamaindex() -> Peer:
    from llamaindex_portkey_mistral import PortkeyMistral

    return llamaindex(lambda url: PortkeyMistral(model=MODEL, base_url=url, api_key="key"))


def chat_mistral_ai() -> Peer:
    from langchain_mistralai import ChatMistralAI

    return langchain(lambda url: ChatMistralAI(model=MODEL, endpoint=url, api_key="key"))


def chat_openai() -> Peer:
    from langchain_openai import ChatOpenAI
    from portkey_ai import createHeaders

    headers = createHeaders(api_key="key", provider="mistral-ai")
    return langchain(
        lambda url: ChatOpenAI(model=MODEL, base_url=url, api_key="key", default_headers=headers)
    )


def mistral_ai() -> Peer:
    from llama_index.llms.mistralai import MistralAI

    return llamaindex(
        lambda url: MistralAI(model=MODEL, endpoint=url.removesuffix("/v1"), api_key="key")
    )


def portkey() -> Peer:
    from portkey_ai import AsyncPortkey, Portkey

    def make(url: str) -> Any:
        return [
            kind(api_key="key", base_url=url, provider="mistral-ai")
            for kind in (Portkey, AsyncPortkey)
        ]

    return completions(
        make,
        lambda clients, **request: clients[0].chat.completions.create(model=MODEL, **request),
        lambda clients, **request: clients[1].chat.completions.create(model=MODEL, **request),
    )


def litellm_router() -> Peer:
    import litellm

    litellm.suppress_debug_info = True

    def make(url: str) -> Any:
        parameters = {"model": f"mistral/{MODEL}", "api_base": url, "api_key": "key"}
        return litellm.Router(model_list=[{"model_name": MODEL, "litellm_params": parameters}])

    return completions(
        make,
        lambda router, **request: router.completion(model=MODEL, **request),
        lambda router, **request: router.acompletion(model=MODEL, **request),
    )


OURS = {"here (LangChain)": here_langchain, "here (LlamaIndex)": here_llamaindex}
PEERS = {
    **OURS,
    "`ChatMistralAI`": chat_mistral_ai,
    "`ChatOpenAI` with Portkey's headers": chat_openai,
    "`MistralAI` of LlamaIndex": mistral_ai,
    "`Portkey`": portkey,
    "LiteLLM's `Router`": litellm_router,
}


# --- what they do ----------------------------------------------------------------------------------


def busy(peer: Peer, url: Callable[[str], str]) -> str:
    Server.times.pop("busy", None)
    peer.ask(peer.make(url("busy")))
    first, second, *_ = Server.times["busy"]
    # A tenth less, because clocks and timers are not exact.
    return "waits, retries" if second - first > 0.9 * RETRY_AFTER else "retries too early"


def ends_early(peer: Peer, url: Callable[[str], str]) -> str:
    try:
        peer.stream(peer.make(url("ends")))
    except Exception:  # noqa: BLE001 - each has errors of its own
        return "an error"
    return "taken for complete"


def in_fragments(peer: Peer, url: Callable[[str], str]) -> str:
    return "joined" if peer.arguments(peer.make(url("fragments"))) == ARGUMENTS else "lost"


def two_loops(peer: Peer, url: Callable[[str], str]) -> str:
    client = peer.make(url("plain"))
    for _ in range(2):
        asyncio.run(_awaited(peer.ask_async(client)))
    return "works"


async def _awaited(awaitable: Any) -> None:
    await awaitable


def pickled(peer: Peer, url: Callable[[str], str]) -> str:
    peer.ask(pickle.loads(pickle.dumps(peer.make(url("plain")))))  # noqa: S301 - our own bytes
    return "works"


ROWS = {
    "a 429 with Retry-After": busy,
    "a stream that ends without a finish reason": ends_early,
    "tool arguments streamed in pieces": in_fragments,
    "one object in two event loops, one after the other": two_loops,
    "a pickled object": pickled,
}


def table(peers: dict[str, Callable[[], Peer]]) -> Iterator[Sequence[str]]:
    """Yield the head, and a row for each thing that goes wrong."""
    made = dict(_importable(peers))
    yield ("", *made)
    with serving() as url:
        for name, row in ROWS.items():
            yield (name, *(_cell(row, peer, url) for peer in made.values()))


def _importable(peers: dict[str, Callable[[], Peer]]) -> Iterator[tuple[str, Peer]]:
    for name, peer in peers.items():
        try:
            yield name, peer()
        except ImportError as error:
            print(f"{name} is left out: {error}")


def _cell(row: Callable[..., str], peer: Peer, url: Callable[[str], str]) -> str:
    try:
        return row(peer, url)
    except Exception as error:  # noqa: BLE001 - an error is a result
        return f"fails: `{type(error).__name__}`"


def main() -> None:
    for number, row in enumerate(table(PEERS)):
        print("|", " | ".join(row), "|", flush=True)
        if not number:
            print("|---" * len(row) + "|")


if __name__ == "__main__":
    main()
