"""The API in a process of its own, as a benchmark's load finds it."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ledger.bench.client import Load, Measured
from ledger.store import schema


@contextmanager
def serving(urls: schema.Urls, home: Path | None = None) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The API on a free loopback port, with this data folder, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = (
        os.environ
        | {
            "DATABASE_URL_WRITER": urls.writer,
            "DATABASE_URL_READER": urls.reader,
            "DATABASE_URL": "",
        }
        | ({} if home is None else {"GREENLEDGER_HOME": str(home)})
    )
    process = subprocess.Popen(  # noqa: S603 (our own command)
        [sys.executable, "-m", "ledger.cli", "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port, process
    finally:
        process.terminate()
        process.wait(30)


async def send(load: Load) -> Measured:
    """Send the load from a process of its own, so that the server under test is alone in its own."""
    client = [sys.executable, "-c", "from ledger.bench.client import main; main()"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*client, stdin=pipe, stdout=pipe)
    output, _ = await process.communicate(msgspec.json.encode(load))
    return msgspec.json.decode(output, type=Measured)
