"""A process that writes as fast as it is answered, and says so line by line, until it is killed.

    asked KEY          about to submit
    posted KEY INDEX   acknowledged
    open KEY           unknown, or the database was away; it asks again with the same key
    lied KEY           was told nothing but that nothing was posted, and then that it had been

Arguments: URL of the writer's login, prefix of the keys, and `early` for the twin that answers before the commit.
"""

import asyncio
import datetime
import sys
import zlib
from typing import Any

import uvloop

from ledger.core.command import Principal, Request, canonical
from ledger.core.events import (
    Leg,
    Transfer,
)
from ledger.store import ledgers
from ledger.store.outcomes import Posted, Unknown
from ledger.store.session import connect_sync
from ledger.writer import Ledger, Writer

CALLERS = 6
ASK_AGAIN_SECONDS = 0.02


def request_for(key: str) -> Request:
    """One unit from GH-001 under this key, to an enterprise that most other processes do not touch."""
    target = f"Holding:Ent:GH-{2 + zlib.crc32(key.split('-', maxsplit=1)[0].encode()) % 5:03}"
    legs = (Leg("Holding:Ent:GH-001", "GEC", -1, "A"), Leg(target, "GEC", 1, "A"))
    principal = Principal(actor="load", role="enterprise", subject="system:load", tenant="GH-001")
    command = Transfer(legs=legs)
    return Request(command=command, principal=principal, request_key=key, canonical=canonical(command))


async def call(writer: Writer, prefix: str) -> None:
    """One caller: a command after another, each until it is certain."""
    number = 0
    while True:
        number += 1
        key = f"{prefix}-{number}"
        was_unknown = said_nothing_posted = False
        say("asked", key)
        while not isinstance(outcome := await writer.submit(request_for(key)), Posted):
            was_unknown |= isinstance(outcome, Unknown)
            said_nothing_posted = True
            say("open", key)
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        if outcome.replayed and said_nothing_posted and not was_unknown:
            say("lied", key)
        say("posted", key, outcome.index)


def say(*words: object) -> None:
    print(*words, flush=True)


async def answer_first(self: Writer, group: Any, **more: Any) -> Any:
    """The twin's flush: callers hear before the group is written."""
    await self._answer(group, datetime.datetime.now(datetime.UTC))
    return await flush(self, group, **more)


flush = Writer._flush


async def main(url: str, prefix: str, *options: str) -> None:
    if "early" in options:
        Writer._flush = answer_first  # type: ignore[method-assign]  # the fault on purpose
    with connect_sync(url) as connection:
        found = ledgers.find(connection, "ganhe")
    assert found is not None
    writer = Writer(url, Ledger(*found))
    await writer.start()
    await asyncio.gather(*(call(writer, f"{prefix}-{caller}") for caller in range(CALLERS)))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
