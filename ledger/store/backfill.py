"""Fill projections that came with a later version from the journal, so that a ledger made before goes on."""

from typing import Any

import psycopg

from ledger.core.book import Book
from ledger.core.decision import learn
from ledger.core.record import PostingBody, RetirementBody, decode
from ledger.store.carbon import claim_values
from ledger.store.changes import Changes, moved, new_rows, serial_moves
from ledger.store.journal import read_records
from ledger.store.new_rows import columns, parts


def backfill(connection: psycopg.Connection[Any], ledger_id: int, name: str) -> int:
    """Fill what transactions were, which serials they moved and marked, and what they claimed; how many rows.

    Only where the ledger has postings, or retirements, and nothing of all this: then no writer of this version has
    been here. The head is locked meanwhile; the caller commits.
    """
    connection.execute("select from head where ledger_id = %s for update", (ledger_id,))
    row = connection.execute(_IS_NEEDED, {"ledger": ledger_id}).fetchone()
    assert row is not None
    without_events, without_claims = row
    made = Changes()
    if without_events:
        _fill_events(connection, ledger_id, name, made)
    if without_events or without_claims:
        connection.execute("delete from claim where ledger_id = %s", (ledger_id,))
        made.claims = [
            claim_values(index + 1, body)
            for index, content in enumerate(read_records(connection, ledger_id))
            if isinstance(body := decode(content).body, RetirementBody)
        ]
    if rows := new_rows(made, first_index=0):
        text = f"with {parts(tuple(rows))} select"
        connection.execute(text, {"ledger": ledger_id, **columns(rows)})  # type: ignore[arg-type]  # as below
    return len(made.events) + len(made.claims)


def _fill_events(connection: psycopg.Connection[Any], ledger_id: int, name: str, made: Changes) -> None:
    book = Book(name)
    for index, content in enumerate(read_records(connection, ledger_id)):
        body = decode(content).body
        rows = learn(book, index, body)
        if isinstance(body, PostingBody):
            made.moves += serial_moves(index, body, rows)
            if body.command != "transfer":
                made.events.append((index, body))
    made.marks = {
        (lot_id, event, index): serials
        for (lot_id, event), by_index in book.marks.items()
        for index, serials in by_index.items()
    }
    later = Changes(trades=book.trades)  # what of them is void was not kept before
    for text, parameters in moved(ledger_id, later, first_index=book.size):
        connection.execute(text, parameters)  # type: ignore[arg-type]  # constants of this room


_IS_NEEDED = """
    select exists (select from posting where ledger_id = %(ledger)s)
            and not exists (select from event where ledger_id = %(ledger)s),
        (select count(*) from event where ledger_id = %(ledger)s and command = 'retire')
            > (select count(*) from claim where ledger_id = %(ledger)s)
"""
