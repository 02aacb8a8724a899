"""A process that imports one file, in small chunks, and is killed while it does.

Arguments: URLs of the writer's and the reader's login, the data folder, the file; `whole` for a file that posts in one
batch, `hasty` for the twin that notes a chunk as posted before it is. It prints the report when it is through.
"""

import sys
from pathlib import Path

import msgspec
import psycopg
import uvloop

from ledger.core.command import Principal
from ledger.imports import job
from ledger.imports.door import Door
from ledger.store import ledgers
from ledger.store.session import OPTIONS, Reader, connect_sync
from ledger.writer import Ledger, Writer

CHUNK_ROWS = 10
CLERK = Principal(actor="local:clerk", role="operator", subject="person:clerk")


async def main(writer_url: str, reader_url: str, home: str, file: str, *options: str) -> None:
    job.CHUNK_ROWS = CHUNK_ROWS
    if "whole" not in options:
        job.BATCH_MAX = 2 * CHUNK_ROWS
    if "hasty" in options:
        Door.chunk = hasty(writer_url)  # type: ignore[method-assign]  # the fault on purpose
    with connect_sync(writer_url) as connection:
        found = ledgers.find(connection, "ganhe")
    assert found is not None
    writer, reader = Writer(writer_url, Ledger(*found)), Reader(reader_url, connections_max=2)
    await writer.start()
    await reader.open()
    async with job.importing(writer, reader, url=writer_url, home=Path(home)) as importer:
        with Path(file).open("rb") as source:
            report = await job.import_file(importer, Path(file).name, source, by=CLERK)
    print(msgspec.json.encode(report).decode(), flush=True)
    await reader.close()
    await writer.stop()


def hasty(url: str):  # type: ignore[no-untyped-def]  # stands in for a method
    """The twin's door: the job says that a chunk is in before it is."""

    async def chunk(self: Door, wishes, *, at: int, of: int):  # type: ignore[no-untyped-def]  # as the method
        with psycopg.connect(url, options=OPTIONS, autocommit=True) as connection:
            connection.execute(
                "update import_job set posted_seq = %s where job_id = %s and posted_seq < %s",
                (at * CHUNK_ROWS, self._keys.partition("/")[0], at * CHUNK_ROWS),
            )
        return await true_chunk(self, wishes, at=at, of=of)

    return chunk


true_chunk = Door.chunk


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
