"""Late claims: a retirement dated back to before something that might forbid it today (design D6). Pure."""

from ledger.core.account import account_name
from ledger.core.book import Book, ordinal
from ledger.core.certificate import last_valid_day
from ledger.core.record import PostingBody

LATE = "late"
"""What a rule of approval calls such a retirement."""


def is_late(book: Book, enterprise: str, body: PostingBody, today: str) -> bool:
    """Whether a year end, an expiry or a freeze of these certificates lies between its day and today."""
    on = body.occurred_on
    if on >= today:
        return False
    return on[:4] < today[:4] or any(
        _lapsed(book, leg.lot, on, today) or _frozen_since(book, enterprise, leg.lot, on)
        for leg in body.legs
        if leg.commodity == "GEC" and leg.lot is not None and leg.quantity.startswith("-")
    )


def _lapsed(book: Book, lot: str, on: str, today: str) -> bool:
    month = book.lots[lot].facts.production_month
    rule = book.policies.validity(month, on)
    return rule is not None and last_valid_day(month, rule[1]).isoformat() < today


def _frozen_since(book: Book, enterprise: str, lot: str, on: str) -> bool:
    """Whether certificates of the lot were frozen, or released, on a later day."""
    frozen = book.accounts.get((account_name("frozen", enterprise), "GEC"))
    if frozen is None:
        return False
    return book.lot_balances.get((frozen.account_id, book.lots[lot].lot_id), (0, 0))[1] > ordinal(on)
