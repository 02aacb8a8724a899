"""The expiry job: makes visible what has lapsed, certificates and offers.

Nothing depends on it: an expired certificate and a lapsed offer are refused anyway.
"""

import datetime
from zoneinfo import ZoneInfo

import msgspec

from ledger.core.certificate import last_valid_day
from ledger.core.command import Principal
from ledger.core.events import AnswerOffer, Expire
from ledger.core.policy import PolicyBook, PolicyRow
from ledger.database import request
from ledger.store.session import Query, Reader, Scope
from ledger.writer import Posted, Refused, Unknown, Writer

RANGES_EACH = 90
"""Serial ranges in one transaction, so that it never has too many pieces."""


class ExpiryReport(msgspec.Struct, kw_only=True):
    """What the job did."""

    today: str
    certificates: int = 0
    offers: int = 0
    transactions: int = 0
    refused: list[str] = msgspec.field(default_factory=list)


async def expire(writer: Writer, reader: Reader, scope: Scope, principal: Principal) -> ExpiryReport:
    """Move every certificate whose last valid day has passed to `Expired:<holder>`; running it again does nothing.

    Offers whose day has passed go back first.

    Each move counts from the day after the last valid day, or since the units came to the account if that was later.
    """
    today = datetime.datetime.now(ZoneInfo(writer.ledger.zone)).date()
    report = ExpiryReport(today=today.isoformat())
    (lapsed,) = await reader.fetch(scope, Query(_LAPSED, (today,)))
    for (offer,) in lapsed:
        outcome = await writer.submit(request(AnswerOffer(offer=offer, answer="lapse"), principal))
        if isinstance(outcome, Posted):
            report.offers += 1
            report.transactions += 1
        else:
            report.refused.append(f"offer {offer}: {_why(outcome)}")
    policies, held = await reader.fetch(
        scope, Query("select log_index, content from visible_policy order by 1"), Query(_HELD)
    )
    rules = PolicyBook()
    for index, content in policies:
        rules.add(index, msgspec.convert(content, PolicyRow))
    for account, lot, month, quantity, last_on, pieces in held:
        rule = rules.validity(month, today.isoformat())
        if rule is None or (last := last_valid_day(month, rule[1])) >= today:
            continue
        on = min(max(last + datetime.timedelta(days=1), last_on), today).isoformat()
        for part in _parts(quantity, pieces):
            command = Expire(account=account, lot=lot, quantity=part, effective_on=on)
            outcome = await writer.submit(request(command, principal))
            if isinstance(outcome, Posted):
                report.transactions += 1
                report.certificates += part
            else:
                report.refused.append(f"{account} {lot}: {_why(outcome)}")
    return report


def _why(outcome: Refused | Unknown) -> str:
    return outcome.refusal.detail() if isinstance(outcome, Refused) else "the outcome is not known"


def _parts(quantity: int, pieces: list[int] | None) -> list[int]:
    """How many to move in each transaction: so many ranges, lowest first; counted units all at once."""
    if not pieces:
        return [quantity]
    return [sum(pieces[at : at + RANGES_EACH]) for at in range(0, len(pieces), RANGES_EACH)]


_LAPSED = "select log_index from visible_offer where state = 'open' and expires_on < %s order by 1"
_HELD = """
    select a.name, l.code, l.production_month, b.quantity, b.last_on, array(
        select upper(s.serials) - lower(s.serials) from visible_serial_position s
        where s.account_id = a.account_id and s.lot_id = l.lot_id order by lower(s.serials)
    )
    from visible_account a join visible_balance b using (account_id) join visible_lot l using (lot_id)
    where a.kind in ('holding_ent', 'holding_project', 'holding_province', 'listed') and b.quantity > 0
    order by 1, 2
"""
