"""A server whose script controls every byte, for behaviour that no HTTP server has on purpose."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["Peer", "RawServer", "Script", "answer", "serving", "tunnelling"]

_RESET = struct.pack("ii", 1, 0)


@dataclass
class Peer:
    """One connection, seen from the server."""

    socket: socket.socket
    server: RawServer
    number: int = 0

    def read(self) -> bytes:
        """Read one request and record it; empty if the client has disconnected."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += (came := self.socket.recv(65536))
            if not came:
                return b""
        head, _, begun = data.partition(b"\r\n\r\n")
        body = bytearray(begun)
        lengths = [x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")]
        while lengths and len(body) < int(lengths[0].split(b":")[1]):
            body += (came := self.socket.recv(65536))
            if not came:
                return b""
        self.server.requests.append(head + b"\r\n\r\n" + body)
        self.server.by_connection.append(self.number)
        return head

    def send(self, data: bytes, *, pieces: int | None = None) -> None:
        for at in range(0, len(data), pieces or len(data) or 1):
            self.socket.sendall(data[at : at + (pieces or len(data))])

    def wait_for_end(self) -> None:
        """Wait until the client closes the connection, and record that it did."""
        with suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        self.server.left.set()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


Script = Callable[[Peer], None]


@dataclass
class RawServer:
    """Runs the scripts, one per connection; the last one is repeated."""

    scripts: list[Script]
    tls: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    by_connection: list[int] = field(default_factory=list)  # the connection of each request
    left: threading.Event = field(default_factory=threading.Event)
    peers: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}/v1"


@contextmanager
def serving(
    *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[RawServer]:
    server = RawServer(list(scripts), tls)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listening:
        server.port = listening.getsockname()[1]
        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=_accept, args=(server, listening, threads), daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join(5)
            # Pools keep their connections: a script that waits for the next request is to end.
            for peer in server.peers:
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_RD)
            for thread in threads:
                thread.join(5)


def tunnelling(peer: Peer) -> None:
    """Be a proxy: connect to where CONNECT says, whatever the host's name is, on this machine."""
    head = peer.read()
    port = int(head.split(b" ")[1].rpartition(b":")[2])
    with socket.create_connection(("127.0.0.1", port)) as upstream:
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_pump, args=(upstream, peer.socket), daemon=True)
        back.start()
        _pump(peer.socket, upstream)
        back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


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
            threading.Thread(
                target=_talk, args=(server, connected, script, server.connections), daemon=True
            )
        )
        threads[-1].start()


def _talk(server: RawServer, connected: socket.socket, script: Script, number: int) -> None:
    # A client that leaves, and one that does not trust the certificate, are part of many a script.
    with suppress(OSError), connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.peers.append(connected)
        if server.tls is None:
            script(Peer(connected, server, number))
        else:
            with server.tls.wrap_socket(connected, server_side=True) as secured:
                server.peers.append(secured)
                script(Peer(secured, server, number))
