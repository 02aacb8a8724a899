"""A statement's line against the book's trade: matched, or what kind of break (domain reference, 5.3). Pure."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from ledger.imports.documents import TRANSFERRED, WITHDRAWN

Kind = Literal[
    "MATCHED", "QTY_DIFF", "PRICE_DIFF", "MISSING_IN_LEDGER", "MISSING_IN_STATEMENT", "TIMING", "DUPLICATE",
    "UNIT_SUSPECT", "NAME_UNKNOWN",
]  # fmt: skip
DAYS_APART_MAX = 3
"""How far apart two documents may date the same trade, where their numbers differ."""
_FACTORS = (10, 1_000, 10_000)
"""万千瓦时 for MWh, kWh for MWh, 万张 for 张."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """What a statement says of a trade; `buyer` is None where nobody has that name."""

    trade_id: str
    import_id: str
    source: str
    line: int
    buyer: str | None
    buyer_name: str
    quantity: int
    price: str | None
    amount_fen: int | None
    traded_on: datetime.date
    transferred_on: datetime.date | None
    state: str


class Held(msgspec.Struct, frozen=True, gc=False):
    """What the book has of a trade at a moment; quantity is what still stands."""

    trade_id: str
    buyer: str
    quantity: int
    price: str | None
    amount_fen: int | None
    traded_on: datetime.date
    transferred_on: datetime.date | None


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Where a statement and the book do not agree."""

    kind: Kind
    source: str
    trade_id: str
    import_id: str | None
    line: int | None
    buyer: str | None
    field: str
    stated: str | None
    held: str | None
    age_days: int
    """Since the trade was concluded."""


def compared(said: Said, held: Held | None) -> tuple[Kind, str, object, object]:
    """(kind, field, stated, held) of a statement's line beside the book's trade of the same document number."""
    stands = 0 if said.state == WITHDRAWN else said.quantity
    if held is None or held.quantity == 0:
        if not stands:
            return "MATCHED", "", None, None
        if said.buyer is None:
            return "NAME_UNKNOWN", "buyer", said.buyer_name, None
        return "MISSING_IN_LEDGER", "quantity", stands, None
    if said.buyer is None:
        return "NAME_UNKNOWN", "buyer", said.buyer_name, held.buyer
    if stands != held.quantity:
        return _quantity_kind(stands, held.quantity), "quantity", stands, held.quantity
    if said.buyer != held.buyer:
        return "MISSING_IN_LEDGER", "buyer", said.buyer, held.buyer
    if said.price != held.price:
        return "PRICE_DIFF", "price", said.price, held.price
    if said.amount_fen is not None and held.amount_fen is not None and said.amount_fen != held.amount_fen:
        return "PRICE_DIFF", "amount_fen", said.amount_fen, held.amount_fen
    if said.traded_on != held.traded_on:
        return "TIMING", "traded_on", said.traded_on, held.traded_on
    moved = said.transferred_on if said.state == TRANSFERRED else None
    if moved != held.transferred_on:
        return "TIMING", "transferred_on", moved, held.transferred_on
    return "MATCHED", "", None, None


def _quantity_kind(stated: int, held: int) -> Kind:
    """A ratio of 10, 1,000 or 10,000 within 0.1 % is a unit misread; anything else is another quantity."""
    less, more = sorted((abs(stated), abs(held)))
    is_suspect = less and any(abs(more - less * factor) * 1_000 <= less * factor for factor in _FACTORS)
    return "UNIT_SUSPECT" if is_suspect else "QTY_DIFF"


def paired(missing: Iterable[Said], unstated: Iterable[Held]) -> Iterator[tuple[Said, Held]]:
    """Lines and trades of different document numbers that are the same trade: buyer, quantity, price, nearest day."""
    by_content: dict[tuple[str, int, str | None], list[Held]] = defaultdict(list)
    for held in unstated:
        by_content[held.buyer, held.quantity, held.price].append(held)
    for said in missing:
        near = by_content.get((said.buyer or "", said.quantity, said.price), [])
        found = min(near, key=lambda held: abs(held.traded_on - said.traded_on), default=None)
        if found is not None and abs((found.traded_on - said.traded_on).days) <= DAYS_APART_MAX:
            near.remove(found)
            yield said, found


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A printed figure of the park's summary against the book: within the rounding of its last digit, or not."""

    enterprise: str | None
    figure: Literal["subscribed", "traded"]
    printed: int
    half_unit: int
    held: int
    kind: Kind


def column(
    enterprise: str | None, figure: Literal["subscribed", "traded"], printed: int, half: int, held: int
) -> Column:
    """Compare a figure that is rounded to within `half` either way with the book's."""
    matched = held == printed or abs(held - printed) <= half
    kind: Kind = "MATCHED" if matched else _quantity_kind(printed, held)
    return Column(enterprise=enterprise, figure=figure, printed=printed, half_unit=half, held=held, kind=kind)
