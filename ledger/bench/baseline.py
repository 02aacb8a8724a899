"""What the product is held against in the same run, on the same server with the same settings.

*Naive*: one SQL transaction for each transfer, as a careful programmer writes it first: a key, two balances locked
in order, two postings. *Limit*: a raw COPY of the very rows that the product's batches wrote, into tables with
the same indexes and nothing else to do.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from ledger.bench.workload import pairs

SCHEMA = """
    drop schema if exists bench cascade;
    create schema bench;
    create table bench.naive_balance (account_id int primary key, balance bigint not null check (balance >= 0));
    create table bench.naive_key (request_key text primary key, transfer_id bigint not null);
    create table bench.naive_posting (transfer_id bigint, leg smallint, account_id int not null,
        quantity bigint not null, balance bigint not null, effective_on date not null, primary key (transfer_id, leg));
    create index on bench.naive_posting (account_id, transfer_id);
    create index on bench.naive_posting (account_id, effective_on);
    create sequence bench.naive_id;
    insert into bench.naive_balance select n, 1000000000000 from generate_series(0, 999) n;
"""
HOT_TABLES = ("posting", "request", "journal_segment", "hash_tile")


async def naive_singles(url: str, *, callers: int, seconds: int, hot: bool, seed: int) -> float:
    """Transfers per second of one transaction each, by this many callers over 32 connections."""
    async with AsyncConnectionPool(url, min_size=32, max_size=32, open=False) as pool:
        await pool.wait()
        numbers, done = itertools.count(), 0
        chosen = pairs(seed, hot=hot)
        stop = time.perf_counter() + seconds

        async def caller() -> None:
            nonlocal done
            while time.perf_counter() < stop:
                source, target = next(chosen)
                async with pool.connection() as connection:
                    await _naive_transfer(connection, source, target, f"n-{hot}-{seed}-{next(numbers)}")
                done += 1

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return done / (time.perf_counter() - started)


async def _naive_transfer(connection: psycopg.AsyncConnection[Any], source: int, target: int, key: str) -> None:
    async with connection.transaction():
        found = await (await connection.execute("select nextval('bench.naive_id')")).fetchone()
        assert found is not None
        await connection.execute("insert into bench.naive_key values (%s, %s)", (key, found[0]))
        # Locked in the order of their numbers, so that two transfers cannot wait for each other.
        cursor = await connection.execute(
            "select account_id, balance from bench.naive_balance where account_id = any(%s) order by 1 for update",
            ([source, target],),
        )
        balances = dict(await cursor.fetchall())
        assert balances[source] >= 5
        for leg, (account, quantity) in enumerate(((source, -5), (target, 5))):
            await connection.execute(
                "update bench.naive_balance set balance = %s where account_id = %s",
                (balances[account] + quantity, account),
            )
            await connection.execute(
                "insert into bench.naive_posting values (%s, %s, %s, %s, %s, current_date)",
                (found[0], leg, account, quantity, balances[account] + quantity),
            )


def copy_limit(connection: psycopg.Connection[Any], first: int, size: int, tell: Callable[[str], None]) -> float:
    """Transfers per second of a raw COPY of all rows of records [first, size), in all their tables."""
    contents = {table: _dump(connection, table, first, size) for table in HOT_TABLES}
    best = float("inf")
    for attempt in range(3):
        for table in HOT_TABLES:
            name = sql.Identifier("bench", table)
            source = sql.Identifier("greenledger", table)
            connection.execute(sql.SQL("drop table if exists {}").format(name))
            connection.execute(sql.SQL("create table {} (like {} including all)").format(name, source))
        connection.commit()
        started = time.perf_counter()
        for table, content in contents.items():
            statement = sql.SQL("copy {} from stdin (format binary)").format(sql.Identifier("bench", table))
            with connection.cursor().copy(statement) as copy:
                copy.write(content)
        connection.commit()
        best = min(best, time.perf_counter() - started)
        tell(f"raw COPY, attempt {attempt + 1}")
    return (size - first) / best


def _dump(connection: psycopg.Connection[Any], table: str, first: int, size: int) -> bytes:
    column = {"journal_segment": "first_index", "hash_tile": "tile_index * 256"}.get(table, "log_index")
    more = " and level = 0" if table == "hash_tile" else ""
    rows = f"select * from greenledger.{table} where {column} >= {first} and {column} < {size}{more}"
    text = f"copy ({rows}) to stdout (format binary)"
    with connection.cursor().copy(text) as copy:  # type: ignore[call-overload]  # our own names and numbers
        return b"".join(bytes(block) for block in copy)
