"""A lean HTTP/1.1 client for load: fixed requests over kept connections, on a loopback address only.

It runs as a process of its own (`main`), so that the server under test is alone in its
own. Input: one JSON document on standard input; output: one on standard output.
"""

import asyncio
import re
import sys
import time
from collections.abc import Iterator
from typing import cast

import msgspec
import uvloop


class Load(msgspec.Struct):
    """What to send: `bodies` in turn, each once, over this many connections."""

    port: int
    path: str
    connections: int
    keys: list[str]
    bodies: list[tuple[int, str, str]]
    """(which API key, Idempotency-Key, body)."""


class Measured(msgspec.Struct):
    """Answers per second and the latencies in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    failed: int


class _Caller(asyncio.Protocol):
    """One connection: sends the next request once the one before is answered. A plain protocol, since what the load
    takes of two cores is not there for the server.
    """

    def __init__(self, requests: Iterator[bytes], measured: list[tuple[float, bytes]]) -> None:
        self._requests, self._measured = requests, measured
        self._transport: asyncio.WriteTransport | None = None
        self._answer = bytearray()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        if (request := next(self._requests, None)) is None:
            self._transport.close()
            return
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator or len(body) < int(_LENGTH.search(head)[1]):  # type: ignore[index]  # the server always tells
            return
        self._measured.append(((time.perf_counter() - self._started) * 1000, bytes(head[9:12])))
        self._answer.clear()
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)


_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


async def run(load: Load) -> Measured:
    """Send everything; a caller on each connection waits for its answer before it sends again."""
    requests = iter([_request(load, *one) for one in load.bodies])
    measured: list[tuple[float, bytes]] = []
    connect = asyncio.get_running_loop().create_connection
    started = time.perf_counter()
    callers = [
        (await connect(lambda: _Caller(requests, measured), "127.0.0.1", load.port))[1] for _ in range(load.connections)
    ]
    await asyncio.gather(*(caller.done for caller in callers))
    seconds = time.perf_counter() - started
    failed = len(load.bodies) - sum(status in {b"200", b"201"} for _, status in measured)
    return Measured(len(measured) / seconds, *percentiles([took for took, _ in measured]), failed)


def _request(load: Load, key: int, idempotency: str, body: str) -> bytes:
    content = body.encode()
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {load.keys[key]}\r\n"
        f"Idempotency-Key: {idempotency}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def percentiles(latencies: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum."""
    ordered = sorted(latencies)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


def main() -> None:
    """Read a Load, send it, write what was measured."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(load))))
