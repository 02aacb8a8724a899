"""Chain of custody: from any serial back to its issuance and forward to where it is; and what a retirement says.

Every hop is a transaction with its log index. An enterprise sees the hops of its own accounts, and of others' that
they are withheld; what it never had is as what does not exist.
"""

import datetime
from collections.abc import Iterable, Iterator

import msgspec
from psycopg.types.range import Int8Range

from ledger.core.book import serial_ranges
from ledger.core.certificate import LotFacts, code_given, read_code_range, written_code
from ledger.core.policy import CodeLayout, PolicyRow
from ledger.core.record import Envelope, PostingBody, RetirementBody, decode
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges, SerialRange, intersect
from ledger.reports.reading import HEAD, Reading
from ledger.store.session import ALL_TENANTS, Query, Scope

WITHHELD = "withheld"
TRANSACTIONS_MAX = 500
"""Transactions, and places, of one answer."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One move of certificates from one account to another."""

    transaction: int
    command: str
    occurred_on: str
    effective_on: str
    recorded_at: str
    source: str
    target: str
    quantity: int
    serials: SerialRange | None
    """None while they were counted and had no serials in the book."""
    level: str
    document: str | None
    line: str | None


class Place(msgspec.Struct, frozen=True):
    """Where certificates lie now."""

    account: str
    serials: SerialRange
    since: datetime.date


class Custody(msgspec.Struct, frozen=True, kw_only=True):
    """The way of a range of certificates; `next_after` is the transaction to go on after, where there are more."""

    size: int
    lot: LotFacts
    serials: Ranges
    places: list[Place]
    hops: list[Hop]
    next_after: int | None


class RetiredLot(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates of one lot that a claim rests on."""

    lot: LotFacts
    quantity: int
    serials: Ranges
    codes: tuple[tuple[str, str], ...]
    """First and last code of each range, where a layout writes them."""


class Retirement(msgspec.Struct, frozen=True, kw_only=True):
    """A retirement as it stands: what was claimed, with which certificates, and what was taken back of it."""

    transaction: int
    claim_record: int
    envelope: Envelope
    claim: RetirementBody
    lots: list[RetiredLot]
    reversed_by: tuple[int, ...]


async def custody_of_code(
    reading: Reading, scope: Scope, first: str, last: str | None, *, after: int
) -> Custody | Refusal:
    """The way of the certificates from one code to another of its series, both included.

    `not_found` for what is not in the book, `code_malformed` and `code_damaged` for what can be no code.
    """
    low, high = code_given(first), code_given(last or first)
    if isinstance(low, Refusal):
        return low
    if isinstance(high, Refusal):
        return high
    for layout in await _layouts(reading, scope):
        read = read_code_range(low, high, layout)
        if read is not None and (lot := await _lot(reading, scope, read.series)) is not None:
            return await custody(reading, scope, lot, (read.serials,), after=after)
    return refuse("not_found", what=f"certificate {first}")


async def custody(
    reading: Reading, scope: Scope, lot: tuple[int, LotFacts], serials: Ranges, *, after: int
) -> Custody | Refusal:
    """The way of these serials of a lot (its id and facts), from transaction `after` on."""
    lot_id, facts = lot
    span = Int8Range(serials[0].first, serials[-1].end)
    head, moved, lie, own, linked = await reading.reader.fetch(
        scope,
        HEAD,
        Query("select log_index, content from moves_of(%s, %s, %s, %s)", (lot_id, span, after, TRANSACTIONS_MAX + 1)),
        Query("select account, serials, since from places_of(%s, %s, %s)", (lot_id, span, TRANSACTIONS_MAX)),
        Query("select distinct name from visible_account where owner is not null"),
        Query(_TRADES, (lot_id, span)),
    )
    visible = None if scope.tenant == ALL_TENANTS else {name for (name,) in own}
    records = [(index, decode(bytes(content))) for index, content in moved[:TRANSACTIONS_MAX] if content is not None]
    hops = [hop for index, envelope in records for hop in _hops(index, envelope, facts.code, serials, visible)]
    if after < 0:
        hops = [*await _counted(reading, scope, linked, visible), *hops]
    places = [
        Place(account, piece, since)
        for account, held, since in lie
        for piece in intersect((SerialRange(held.lower, held.upper),), serials)
    ]
    if not hops and not places:
        return refuse("not_found", what=f"certificate of lot {facts.code}")
    more = moved[TRANSACTIONS_MAX - 1][0] if len(moved) > TRANSACTIONS_MAX else None
    return Custody(size=head[0][0], lot=facts, serials=serials, places=places, hops=hops, next_after=more)


def _hops(index: int, envelope: Envelope, lot: str, asked: Ranges, visible: set[str] | None) -> Iterator[Hop]:
    """What the transaction did to the serials asked for: one hop for each giver and taker."""
    body = envelope.body
    assert isinstance(body, PostingBody)
    legs = [(leg, intersect(serial_ranges(leg.serials), asked)) for leg in body.legs if leg.lot == lot and leg.serials]
    for giver, given in legs:
        for taker, taken in legs:
            if giver.quantity.startswith("-") and not taker.quantity.startswith("-"):
                for piece in intersect(given, taken):
                    found = _hop(index, envelope, giver.account, taker.account, piece.end - piece.first, piece)
                    yield from _withheld(found, visible)


def _hop(index: int, envelope: Envelope, source: str, target: str, quantity: int, serials: SerialRange | None) -> Hop:
    body = envelope.body
    return Hop(
        transaction=index,
        command=body.command,
        occurred_on=body.occurred_on,
        effective_on=body.effective_on,
        recorded_at=envelope.recorded_at,
        source=source,
        target=target,
        quantity=quantity,
        serials=serials,
        level=body.evidence.level,
        document=body.evidence.document,
        line=body.evidence.line,
    )


def _withheld(hop: Hop, visible: set[str] | None) -> Iterator[Hop]:
    """The hop as an enterprise may see it, which sees none between others' accounts."""
    if visible is None:
        yield hop
    elif {hop.source, hop.target} & visible:
        source, target = (name if name in visible else WITHHELD for name in (hop.source, hop.target))
        yield msgspec.structs.replace(hop, source=source, target=target)


async def _counted(
    reading: Reading, scope: Scope, trades: Iterable[tuple[int, int | None, int]], visible: set[str] | None
) -> list[Hop]:
    """The hops of trades whose units were counted when they came, and numbered later."""
    hops = []
    for index in sorted({index for trade in trades for index in trade[:2] if index is not None}):
        found = await reading.record(scope, index)
        if isinstance(found, Refusal):
            continue
        envelope = found[1]
        legs = [leg for leg in envelope.body.legs if leg.commodity == "GEC"]
        giver, taker = sorted(legs, key=lambda leg: int(leg.quantity))
        if not giver.serials:
            hop = _hop(index, envelope, giver.account, taker.account, int(taker.quantity), None)
            hops += _withheld(hop, visible)
    return hops


async def retirement(reading: Reading, scope: Scope, index: int) -> Retirement | Refusal:
    """The statement of one retirement; `not_found` also for another enterprise's."""
    found = await reading.record(scope, index)
    claimed = await reading.record(scope, index - 1)
    if isinstance(found, Refusal) or isinstance(claimed, Refusal):
        return refuse("not_found", what=f"retirement {index}")
    envelope, claim = found[1], claimed[1].body
    if not isinstance(claim, RetirementBody) or claimed[1].caused_by != str(index):
        return refuse("not_found", what=f"retirement {index}")
    assert isinstance(envelope.body, PostingBody)
    layouts = await _layouts(reading, scope)
    lots = []
    for leg in envelope.body.legs:
        if leg.commodity == "GEC" and not leg.quantity.startswith("-"):
            lot = await _lot(reading, scope, leg.lot or "")
            assert lot is not None
            serials = serial_ranges(leg.serials)
            codes = tuple(_codes(lot[1].code, piece, layouts) for piece in serials)
            quantity = int(leg.quantity)
            lots.append(RetiredLot(lot=lot[1], quantity=quantity, serials=serials, codes=tuple(filter(None, codes))))
    query = Query("select log_index from visible_event where reverses = %s order by 1", (index,))
    (back,) = await reading.reader.fetch(scope, query)
    return Retirement(
        transaction=index,
        claim_record=index - 1,
        envelope=envelope,
        claim=claim,
        lots=lots,
        reversed_by=tuple(row[0] for row in back),
    )


async def custody_of_retirement(reading: Reading, scope: Scope, index: int) -> list[Custody] | Refusal:
    """The way of all numbered certificates of a retirement, a chain for each lot."""
    found = await retirement(reading, scope, index)
    if isinstance(found, Refusal):
        return found
    chains = []
    for one in found.lots:
        lot = await _lot(reading, scope, one.lot.code)
        if lot is not None and one.serials:
            chain = await custody(reading, scope, lot, one.serials, after=-1)
            assert not isinstance(chain, Refusal)
            chains.append(chain)
    return chains


def _codes(series: str, serials: SerialRange, layouts: list[CodeLayout]) -> tuple[str, str] | None:
    for layout in layouts:
        first, last = (written_code(series, serial, layout) for serial in (serials.first, serials.end - 1))
        if first is not None and last is not None:
            return first, last
    return None


async def _layouts(reading: Reading, scope: Scope) -> list[CodeLayout]:
    """How codes are cut, by the newest rule first; a code printed long ago may need an older one."""
    (rows,) = await reading.reader.fetch(scope, Query(_LAYOUTS))
    rules = [msgspec.convert(content, PolicyRow).rule for (content,) in rows]
    return [rule for rule in rules if isinstance(rule, CodeLayout)]


async def _lot(reading: Reading, scope: Scope, code: str) -> tuple[int, LotFacts] | None:
    (rows,) = await reading.reader.fetch(scope, Query(_LOT, (code,)))
    return None if not rows else (rows[0][0], LotFacts(**dict(zip(_LOT_FIELDS, rows[0][1:], strict=True))))


_LAYOUTS = """
    select content from visible_policy where content -> 'rule' ->> 'kind' = 'code_layout' order by log_index desc
"""
_LOT_FIELDS = (
    "code", "scheme", "project", "production_month", "numbered", "tradable", "energy_class", "trade_class", "source",
    "province",
)  # fmt: skip
_LOT = """
    select lot_id, code, scheme, project, production_month, numbered, tradable, energy_class, trade_class, source,
        province
    from visible_lot where code = %s
"""
_TRADES = """
    select log_index, transferred_index, lot_id from visible_trade
    where lot_id = %s and serials && int8multirange(%s::int8range) order by log_index limit 100
"""
