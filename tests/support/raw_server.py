"""A server that says what a script says, byte by byte: for what no HTTP server would do on purpose."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["Peer", "RawServer", "Script", "answer", "serving"]

_RESET = struct.pack("ii", 1, 0)


@dataclass
class Peer:
    """One connection, seen from the server."""

    socket: socket.socket
    server: RawServer

    def read(self) -> bytes:
        """Read one request and note it; empty where the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += (came := self.socket.recv(65536))
            if not came:
                return b""
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")]
        while lengths and len(body) < int(lengths[0].split(b":")[1]):
            body += self.socket.recv(65536)
        self.server.requests.append(head + b"\r\n\r\n" + body)
        return head

    def send(self, data: bytes, *, pieces: int | None = None) -> None:
        for at in range(0, len(data), pieces or len(data) or 1):
            self.socket.sendall(data[at : at + (pieces or len(data))])

    def wait_for_end(self) -> None:
        """Wait until the client closes the connection, and note that it did."""
        self.socket.settimeout(5)
        with suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        self.server.left.set()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


Script = Callable[[Peer], None]


@dataclass
class RawServer:
    """Runs the scripts, one a connection, the last one again and again."""

    scripts: list[Script]
    tls: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}/v1"


@contextmanager
def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    server = RawServer(list(scripts), tls)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.port = listening.getsockname()[1]
        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=_accept, args=(server, listening, threads), daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join(5)
            for thread in threads:
                thread.join(5)


def answer(data: bytes, *, pieces: int | None = None) -> Script:
    """Answer every request of a connection like this."""

    def script(peer: Peer) -> None:
        while peer.read():
            peer.send(data, pieces=pieces)

    return script


def _accept(server: RawServer, listening: socket.socket, threads: list[threading.Thread]) -> None:
    while True:
        try:
            connected, _ = listening.accept()
        except OSError:
            return
        script = server.scripts[min(server.connections, len(server.scripts) - 1)]
        server.connections += 1
        threads.append(
            threading.Thread(target=_talk, args=(server, connected, script), daemon=True)
        )
        threads[-1].start()


def _talk(server: RawServer, connected: socket.socket, script: Script) -> None:
    # A client that leaves, and one that does not trust the certificate, are part of many a script.
    with suppress(OSError), connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls is None:
            script(Peer(connected, server))
        else:
            with server.tls.wrap_socket(connected, server_side=True) as secured:
                script(Peer(secured, server))
