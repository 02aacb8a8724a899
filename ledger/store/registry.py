"""Load into a book what commands refer to by key or name: outcomes, evidence, parties, trades, credentials."""

from typing import Any

import psycopg

from ledger.core.book import Book
from ledger.core.claim import taken_back
from ledger.core.command import (
    Approve,
    ChangeParty,
    CreateCredential,
    RegisterMeter,
    RegisterParty,
    Reject,
    Request,
    RevokeCredential,
    SubmitInventory,
)
from ledger.core.events import (
    AnswerOffer,
    CorrectBundle,
    LinkCorrection,
    Posting,
    Reverse,
    Transfer,
    is_posting,
    parties_named,
    trade_named,
)
from ledger.core.facts import Known, OfferFacts, Party, ProposalFacts, TradeFacts
from ledger.core.party import lookup_name
from ledger.core.plans.transfers import opened_for
from ledger.core.record import PostingBody
from ledger.core.serial_range import SerialRange, merge
from ledger.core.settlement import settlement_key
from ledger.store.journal import records_at
from ledger.store.literals import texts

Connection = psycopg.AsyncConnection[Any]


async def rows_of(connection: Connection, text: str, *parameters: Any) -> list[Any]:
    """All rows of one query."""
    return await (await connection.execute(text, parameters)).fetchall()  # type: ignore[arg-type]  # constants only


async def load_keys(connection: Connection, ledger_id: int, book: Book, requests: list[Request]) -> None:
    """The outcomes that are frozen under the requests' keys."""
    keys = texts([request.request_key for request in requests])
    tenants = texts([request.principal.tenant or "" for request in requests])
    rows = await rows_of(
        connection,
        """
        select asked.tenant, asked.request_key, r.log_index, r.canonical, r.refused
        from unnest(%s::text[], %s::text[]) as asked (tenant, request_key)
        cross join lateral (
            select log_index, canonical, refused from request r
            where r.ledger_id = %s and r.tenant = asked.tenant and r.request_key = asked.request_key
            limit 1  -- so that each key is looked up by the index, however small the table was when this was planned
        ) as r
        """,
        tenants,
        keys,
        ledger_id,
    )
    for tenant, key, *known in rows:
        book.outcomes[tenant, key] = Known(*known)


async def load_evidence(connection: Connection, ledger_id: int, book: Book, requests: list[Request]) -> None:
    """Which of the evidence that the requests rest on, or speak of, is used up."""
    named = {request.evidence_key for request in requests}
    for command in (request.command for request in requests):
        if type(command) is CorrectBundle or type(command) is LinkCorrection:
            named.add(settlement_key(command.buyer, command.contract, command.lot))
    evidence = [key for key in named if key is not None and key not in book.evidence]
    if evidence:
        rows = await rows_of(connection, _EVIDENCE, texts(evidence), ledger_id)
        book.evidence.update(rows)


_EVIDENCE = """
    select asked.evidence_key, e.log_index from unnest(%s::text[]) as asked (evidence_key)
    cross join lateral (
        select log_index from evidence where ledger_id = %s and evidence.evidence_key = asked.evidence_key limit 1
    ) as e
"""


async def load_proposals(connection: Connection, ledger_id: int, book: Book, requests: list[Request]) -> None:
    """The proposals that a second person speaks of, and whether their evidence is used by now."""
    named = {r.command.proposal for r in requests if isinstance(r.command, Approve | Reject)}
    if missing := named.difference(book.proposals):
        rows = await rows_of(
            connection,
            """
            select log_index, command, role, subject, tenant, evidence_key, state, judged_index from proposal
            where ledger_id = %s and log_index = any(%s)
            """,
            ledger_id,
            list(missing),
        )
        names = ProposalFacts.__struct_fields__
        book.proposals.update((row[0], ProposalFacts(**dict(zip(names, row, strict=True)))) for row in rows)


async def load_offers(connection: Connection, ledger_id: int, book: Book, requests: list[Request]) -> None:
    """The offers that are answered."""
    named = {r.command.offer for r in requests if isinstance(r.command, AnswerOffer)}
    if missing := named.difference(book.offers):
        rows = await rows_of(
            connection,
            """
            select log_index, enterprise, receiver, expires_on::text, state, answered_index from offer
            where ledger_id = %s and log_index = any(%s)
            """,
            ledger_id,
            list(missing),
        )
        names = OfferFacts.__struct_fields__
        book.offers.update((row[0], OfferFacts(**dict(zip(names, row, strict=True)))) for row in rows)


async def load_originals(connection: Connection, ledger_id: int, book: Book, requests: list[Request]) -> None:
    """The transactions that reversals and answers name, what was taken back of them, and who took units further."""
    wanted = {r.command.transaction for r in requests if isinstance(r.command, Reverse)}
    offered = {r.command.offer for r in requests if isinstance(r.command, AnswerOffer)} & book.offers.keys()
    book.users.update(dict.fromkeys(wanted, ()))
    if not wanted and not offered:
        return
    # One that was not there before may be there by now.
    missing = [index for index in wanted | offered if book.originals.get(index) is None]
    if missing:
        rows = await rows_of(
            connection,
            "select reverses, log_index from event where ledger_id = %s and reverses = any(%s)",
            ledger_id,
            missing,
        )
        records = await records_at(connection, ledger_id, [*missing, *(index for _, index in rows)])
        bodies = {index: e.body for index, e in records.items() if isinstance(e.body, PostingBody)}
        for index in missing:
            book.originals[index] = bodies.get(index)
            book.reversals[index] = {later: bodies[later] for original, later in rows if original == index}
    for index, user in await rows_of(connection, _USERS, list(wanted), ledger_id, ledger_id, ledger_id, USERS_SHOWN):
        book.users[index] += (user,)


USERS_SHOWN = 10
"""Transactions named in the refusal of a reversal whose units have moved on."""
_USERS = """
    select o.log_index, u.log_index
    from unnest(%s::bigint[]) as o (log_index)
    cross join lateral (
        select distinct p.log_index from posting g
        join posting p on p.ledger_id = %s and p.account_id = g.account_id and p.log_index > g.log_index
            and p.lot_id = g.lot_id and p.quantity < 0
        where g.ledger_id = %s and g.log_index = o.log_index and g.quantity > 0
            and not exists (select from event e where e.ledger_id = %s and e.log_index = p.log_index
                and e.reverses = o.log_index)
        order by p.log_index limit %s
    ) as u
"""


async def load_names(connection: Connection, ledger_id: int, book: Book, requests: list[Request]) -> None:
    """The parties, names, trades and credentials that the commands name."""
    parties, names, trades, credentials = set(), set(), set(), set()
    for request in requests:
        if is_posting(request.command):
            parties |= _parties_of(request.command)
            if (trade := trade_named(request.command)) is not None:
                trades.add(trade)
            continue
        match request.command:
            case RegisterParty() as command:
                parties.add(command.party)
                names.update(lookup_name(name) for name in (command.name, *command.aliases))
            case ChangeParty() as command:
                parties.update(party for party in (command.party, command.into) if party is not None)
                names.update(() if command.name is None else (lookup_name(command.name),))
            case CreateCredential() as command:
                credentials.add(command.credential)
                parties.update(() if command.tenant is None else (command.tenant,))
            case RevokeCredential() as command:
                credentials.add(command.credential)
            case RegisterMeter() | SubmitInventory() as command:
                parties.add(command.enterprise)
    await _load_trades(connection, ledger_id, book, trades.difference(book.trades))
    # Where a trade's units go back to depends on what its seller is.
    parties |= {book.trades[trade].seller for trade in trades if trade in book.trades}
    await _load_parties(connection, ledger_id, book, parties.difference(book.parties), names.difference(book.names))
    heirs = {into for one in parties if one in book.parties and (into := book.parties[one].into) is not None}
    await _load_parties(connection, ledger_id, book, heirs.difference(book.parties), set())
    if credentials := credentials.difference(book.credentials):
        rows = await rows_of(
            connection,
            "select credential_id, state from credential where ledger_id = %s and credential_id = any(%s)",
            ledger_id,
            list(credentials),
        )
        book.credentials.update(rows)


def _parties_of(command: Posting) -> set[str]:
    if type(command) is not Transfer:
        return parties_named(command)
    # By far the most, and names none but whose account opens with it.
    return {party for leg in command.legs if (party := opened_for(leg)) is not None}


async def _load_parties(connection: Connection, ledger_id: int, book: Book, parties: set[str], names: set[str]) -> None:
    if parties:
        rows = await rows_of(
            connection,
            """
            select p.party_id, p.kind, p.log_index, c.changed_on::text, c."into"
            from party p left join lateral (
                select t.changed_on, t."into" from party_change t
                where t.ledger_id = p.ledger_id and t.party_id = p.party_id and t.change in ('exit', 'merger')
            ) c on true
            where p.ledger_id = %s and p.party_id = any(%s)
            """,
            ledger_id,
            list(parties),
        )
        book.parties.update((row[0], Party(*row)) for row in rows)
    if names:
        rows = await rows_of(
            connection,
            """
            select t.lookup, coalesce(p.party_id, c.party_id) from private_text t
            left join party p on p.ledger_id = t.ledger_id and p.log_index = t.log_index
            left join party_change c on c.ledger_id = t.ledger_id and c.log_index = t.log_index
            where t.ledger_id = %s and t.lookup = any(%s)
            """,
            ledger_id,
            list(names),
        )
        book.names.update(rows)


_TRADES = """
    select t.trade_id, t.log_index, t.buyer, t.seller, t.platform, l.code, t.lot_id, t.serials, t.quantity, t.price,
        t.amount_fen, t.state, t.transferred_index, t.voided, t.delivered_index
    from unnest(%s::text[]) as asked (trade_id)
    cross join lateral (select * from trade where ledger_id = %s and trade_id = asked.trade_id limit 1) as t
    cross join lateral (select code from lot where ledger_id = t.ledger_id and lot_id = t.lot_id limit 1) as l
"""


async def _load_trades(connection: Connection, ledger_id: int, book: Book, trades: set[str]) -> None:
    if not trades:
        return
    for row in await rows_of(connection, _TRADES, texts(list(trades)), ledger_id):
        values = dict(zip(TradeFacts.__struct_fields__, row, strict=True))
        values["ranges"] = merge(tuple(SerialRange(r.lower, r.upper) for r in values["ranges"]))
        book.trades[row[0]] = TradeFacts(**values)


async def load_in_transit(connection: Connection, ledger_id: int, book: Book, wanted: set[tuple[str, int]]) -> None:
    """How many units of a lot a buyer has bought that are not yet transferred, by (buyer, lot id)."""
    if not (missing := wanted - book.in_transit.keys()):
        return
    rows = await rows_of(
        connection,
        """
        select buyer, lot_id, trade_id, quantity - voided from trade
        where ledger_id = %s and buyer = any(%s) and state = 'TRADED'
        """,
        ledger_id,
        list({buyer for buyer, _ in missing}),
    )
    # What this process knows of a trade is newer than the table.
    open_trades = [(buyer, lot_id, units) for buyer, lot_id, trade, units in rows if trade not in book.trades]
    open_trades += [(one.buyer, one.lot_id, one.standing) for one in book.trades.values() if one.state == "TRADED"]
    book.in_transit.update(dict.fromkeys(missing, 0))
    for buyer, lot_id, units in open_trades:
        if (buyer, lot_id) in missing:
            book.in_transit[buyer, lot_id] += units


async def load_taken_back(connection: Connection, ledger_id: int, book: Book, lots: set[int]) -> None:
    """The serials of these lots whose claims were taken back: such reversals are few, and their records say it."""
    if not (missing := lots.difference(book.claims_known)):
        return
    rows = await rows_of(
        connection,
        """
        select e.log_index from event e
        cross join lateral (
            select from event o where o.ledger_id = %s and o.log_index = e.reverses and o.command = 'retire' offset 0
        ) as o
        where e.ledger_id = %s and e.reverses is not null and e.command = 'reverse'
        """,
        ledger_id,
        ledger_id,
    )
    records = await records_at(connection, ledger_id, [index for (index,) in rows])
    for index, envelope in records.items():
        for code, serials in taken_back(envelope.body):
            if code in book.lots:
                book.take_back(book.lots[code].lot_id, index, serials)
    book.claims_known.update(dict.fromkeys(missing))
