"""Whether accounts have enough to give, on every day from a posting's own on. Pure."""

from ledger.core.account import Account
from ledger.core.book import Book, ordinal
from ledger.core.plans import Plan
from ledger.core.quantity import QUANTITY_MAX
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_choice import Placed

_EMPTY = (0, 0)


def enough(book: Book, plan: Plan, legs: list[Placed], effective_on: str) -> tuple[str, ...] | Refusal:
    """Refuse an overdraft on any day; a CONFIRMED statement fact may dip between days, with a finding."""
    day, gross = ordinal(effective_on), 0
    gives: dict[tuple[int, int], int] = {}
    for leg in legs:
        if leg.quantity < 0:
            key = (leg.account.account_id, leg.lot_id)
            gives[key] = gives.get(key, 0) - leg.quantity
        gross += abs(leg.quantity)
    room = QUANTITY_MAX - gross
    for leg in legs:
        account = leg.account
        account_id = account.account_id
        now = book.lot_balances.get((account_id, leg.lot_id), _EMPTY)[0]
        total, on_day = book.totals.get(account_id, _EMPTY)[0], book.day_balances.get((account_id, day), 0)
        if -room <= now <= room and -room <= total <= room and -room <= on_day <= room:
            continue
        if _overflows(legs, account, (now, total, on_day)):
            return refuse("balance_overflow", account=account.name, commodity=account.commodity)
    findings = []
    for leg in legs:
        account, key = leg.account, (leg.account.account_id, leg.lot_id)
        if leg.quantity > 0 or account.kind.may_go_below_zero:
            continue
        asked, have = gives[key], book.available(*key, day)
        if have >= asked:
            continue
        now = book.lot_balances.get(key, _EMPTY)[0]
        if not is_certain(plan) or now < asked:
            return insufficient(account, have, asked, effective_on)
        findings.append(f"negative_since:{effective_on}:{account.name}")
    return tuple(dict.fromkeys(findings)) if findings else ()


def is_certain(plan: Plan) -> bool:
    """Whether it is a platform's fact that is confirmed: it happened, whatever the days say. A wish is none."""
    return plan.trade is not None and plan.evidence.level == "CONFIRMED"


def _overflows(legs: list[Placed], account: Account, figures: tuple[int, ...]) -> bool:
    """Whether any figure could leave the range of a bigint between two postings of the transaction."""
    own = [leg.quantity for leg in legs if leg.account is account]
    taken, got = sum(q for q in own if q < 0), sum(q for q in own if q > 0)
    return min(figures) + taken < -QUANTITY_MAX or max(figures) + got > QUANTITY_MAX


def insufficient(account: Account, have: int, asked: int, effective_on: str) -> Refusal:
    """What the account had to give on that day."""
    return refuse(
        "insufficient_balance",
        account=account.name,
        commodity=account.commodity,
        available=have,
        asked=asked,
        effective_on=effective_on,
    )
