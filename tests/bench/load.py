"""A load generator that costs little: raw keep-alive connections, requests signed beforehand."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LENGTH = b"content-length:"


@dataclass(frozen=True)
class Measured:
    """One run: requests per second, latencies in milliseconds, and answers that were not 200.

    `latencies` are all of them in seconds, in order of size.
    """

    rate: float
    p50: float
    p99: float
    failures: int
    done: int
    latencies: tuple[float, ...] = ()


class _Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.socket = self._connect()
        self._got = b""
        self.began = 0.0

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def send(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self._got = b""
        self.socket.sendall(request)

    def read(self) -> int | None:
        """Take what came; return the status once the response is whole."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection while it was asked")
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return None
        lower = head.lower()
        at = lower.find(_LENGTH)
        if at < 0:
            raise ValueError("the server names no Content-Length")
        length = int(lower[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        return int(head[9:12]) if len(body) >= length else None


def run(port: int, requests: Sequence[bytes], connections: int) -> Measured:
    """Send every request once over this many connections and measure."""
    left: Iterator[bytes] = iter(requests)
    selector = selectors.DefaultSelector()
    latencies: list[float] = []
    failures = 0
    open_ones = 0
    began = time.perf_counter()
    for _ in range(connections):
        request = next(left, None)
        if request is None:
            break
        connection = _Connection(port)
        connection.send(request)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        open_ones += 1
    while open_ones:
        for key, _events in selector.select(timeout=30):
            connection = key.data
            status = connection.read()
            if status is None:
                continue
            latencies.append(time.perf_counter() - connection.began)
            failures += status != 200
            request = next(left, None)
            if request is None:
                selector.unregister(connection.socket)
                connection.socket.close()
                open_ones -= 1
            else:
                connection.send(request)
    seconds = time.perf_counter() - began
    latencies.sort()

    def part(share: float) -> float:
        return latencies[min(len(latencies) - 1, int(share * len(latencies)))] * 1000

    return Measured(
        len(latencies) / seconds, part(0.5), part(0.99), failures, len(latencies), tuple(latencies)
    )
