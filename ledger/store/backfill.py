"""Fill projections that came with a later version from the journal, so that a ledger made before goes on."""

from typing import Any

import psycopg

from ledger.core.book import Book
from ledger.core.decision import learn
from ledger.core.record import PostingBody, decode
from ledger.store.changes import Changes, serial_moves, statements
from ledger.store.journal import read_records


def backfill(connection: psycopg.Connection[Any], ledger_id: int, name: str) -> int:
    """Fill what transactions were, which serials they moved and marked; how many transactions that was.

    Only where the ledger has postings and nothing of all this: then no writer of this version has been here. The
    head is locked meanwhile; the caller commits.
    """
    connection.execute("select from head where ledger_id = %s for update", (ledger_id,))
    row = connection.execute(_IS_NEEDED, {"ledger": ledger_id}).fetchone()
    if row is None or not row[0]:
        return 0
    book, made = Book(name), Changes()
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
    for text, parameters in (
        *statements(ledger_id, made, first_index=0),
        *statements(ledger_id, later, first_index=book.size),
    ):
        connection.execute(text, parameters)  # type: ignore[arg-type]  # constants of this room
    return len(made.events)


_IS_NEEDED = """
    select exists (select from posting where ledger_id = %(ledger)s)
        and not exists (select from event where ledger_id = %(ledger)s)
"""
