"""Connections: which login one uses, and how a read is bound to its ledger and tenant."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

# Without just-in-time compilation: the filters of tenants look costly to the planner, and compiling them took 90 ms
# of a read that needs 8.
OPTIONS = "-c search_path=greenledger,public -c timezone=UTC -c jit=off"
BY_KEY = (
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c enable_sort=off -c enable_incremental_sort=off"
)
"""All that a writer asks is found by key. Planned while the tables are small, another way would be kept for long.
What it asks in the order of an index is found by that one, as it may not sort what another finds.
"""
STATEMENT_TIMEOUT_MS = 30_000
STREAMED_ROWS = 5_000
ALL_TENANTS = "*"


class Scope(msgspec.Struct, frozen=True):
    """What a reader may see: one ledger, and one tenant of it or all."""

    ledger_id: int
    tenant: str


class Query(msgspec.Struct, frozen=True):
    """One statement of a read."""

    text: LiteralString
    parameters: tuple[Any, ...] = ()


class Keyed(psycopg.AsyncConnection[Any]):
    """A connection whose statements are planned once and find all they ask for by key."""

    _planned_for = 0

    async def plan_for(self, size: int) -> None:
        """Plan anew when there is twice as much as there was. While a table is small, an index that only begins with
        the ledger is as good as the one of the key, and would be walked from end to end when the table is large.
        """
        if size >= 2 * self._planned_for:
            self._planned_for = max(size, 1)
            await self.execute("discard plans")


async def connect(url: str) -> Keyed:
    """A connection of one of the run-time logins; transactions on it are begun and ended by statements."""
    options = f"{OPTIONS} {BY_KEY}"
    return await Keyed.connect(url, options=options, prepare_threshold=1, autocommit=True)


def connect_sync(url: str) -> psycopg.Connection[Any]:
    """The same for tools that work alone."""
    return psycopg.connect(url, options=OPTIONS)


class Reader:
    """A pool of the reader's login; every read runs in one transaction, bound to a scope by SET LOCAL."""

    def __init__(self, url: str, *, connections_max: int = 8) -> None:
        options = f"{OPTIONS} -c statement_timeout={STATEMENT_TIMEOUT_MS} -c default_transaction_read_only=off"
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=connections_max,
            open=False,
            configure=_acquaint,
            kwargs={"options": options, "prepare_threshold": 2},
        )

    async def open(self) -> None:
        """Start the pool; waits until one connection is made."""
        await self._pool.open(wait=True, timeout=30)

    async def close(self) -> None:
        """End every connection."""
        await self._pool.close()

    async def fetch(self, scope: Scope, *queries: Query, at_one_snapshot: bool = True) -> list[list[Any]]:
        """The rows of each query, all under one scope and at one snapshot, in one round trip."""
        async with self._pool.connection() as connection:
            async with connection.pipeline():
                if at_one_snapshot:
                    await connection.execute("set transaction isolation level repeatable read")
                await connection.execute(_SCOPE, (str(scope.ledger_id), scope.tenant))
                cursors = [await connection.execute(query.text, query.parameters) for query in queries]
                results = [await cursor.fetchall() for cursor in cursors]
            await connection.rollback()
        return results

    async def stream(self, scope: Scope, query: Query) -> AsyncIterator[tuple[Any, ...]]:
        """The rows of one large query, under a scope and at one snapshot, as they come; no more than a page is held."""
        async with self._pool.connection() as connection:
            await connection.execute(_SCOPE, (str(scope.ledger_id), scope.tenant))
            await connection.execute(_LARGE, prepare=False)  # two statements cannot be prepared
            async with connection.cursor(name="stream", binary=True) as cursor:
                cursor.itersize = STREAMED_ROWS
                await cursor.execute(query.text, query.parameters)
                async for row in cursor:
                    yield row
            await connection.rollback()

    async def credential(self, credential: str, secret_sha256: str) -> Sequence[Any] | None:
        """(ledger id, ledger, zone, role, tenant, subject) of an active key, or None."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "select ledger_id, ledger, zone, role, tenant, subject from credential_of(%s, %s)",
                (credential, secret_sha256),
            )
            return await cursor.fetchone()


async def _acquaint(connection: psycopg.AsyncConnection[Any]) -> None:
    """Have a new connection learn what the views are made of before anybody waits for it: 10 ms of its first read."""
    await connection.execute(_SCOPE, ("0", ""))
    await connection.execute(_VIEWS)
    await connection.rollback()


_LARGE: LiteralString = (
    "set local work_mem = '64MB'; set local statement_timeout = '120s'; set local enable_nestloop = off"
)
"""A large read joins by hash: where tables were just filled and not analysed, nested loops took minutes for seconds."""
_VIEWS: LiteralString = """
    explain select from visible_account join visible_balance using (account_id) join visible_lot using (lot_id),
        visible_ledger, visible_party, visible_policy, visible_event, visible_trade, visible_posting
"""
_SCOPE: LiteralString = "select set_config('greenledger.ledger', %s, true), set_config('greenledger.tenant', %s, true)"
