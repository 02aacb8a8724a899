"""A lean HTTP/1.1 client for load: fixed requests over kept connections, on a loopback address only.

It runs as a process of its own (`main`), so that the server under test is alone in its
own. Input: one JSON document on standard input; output: one on standard output.
"""

import asyncio
import sys
import time

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


async def run(load: Load) -> Measured:
    """Send everything; a caller on each connection waits for its answer before it sends again."""
    queue = iter(load.bodies)
    latencies: list[float] = []
    failed = 0

    async def caller() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
        for key, idempotency, body in queue:
            content = body.encode()
            head = (
                f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {load.keys[key]}\r\n"
                f"Idempotency-Key: {idempotency}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            started = time.perf_counter()
            writer.write(head.encode() + content)
            status = await _answer(reader)
            latencies.append((time.perf_counter() - started) * 1000)
            failed += status not in {200, 201}
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(load.connections)))
    seconds = time.perf_counter() - started
    return Measured(len(latencies) / seconds, *percentiles(latencies), failed)


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12])


def percentiles(latencies: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum."""
    ordered = sorted(latencies)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


def main() -> None:
    """Read a Load, send it, write what was measured."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(load))))
