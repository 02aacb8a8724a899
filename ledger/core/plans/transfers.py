"""A transfer, and the accounts that open with it: where nobody has had any of a commodity, there is no account yet."""

from ledger.core.account import kind_of
from ledger.core.book import Book
from ledger.core.events import Leg, Transfer
from ledger.core.plans.plan import Plan, missing_party, planned

_OPENING = {"cea_ent": "CEA", "ccer_ent": "CCER", "cash": "CNY"}
"""Allowances and reductions when they are first received, and cash when something is first paid (domain 3.3, row 7)."""
_COMMODITIES = frozenset(_OPENING.values())


def transfer(command: Transfer, book: Book, _: str) -> Plan:
    """The legs as they were asked for."""
    found = [(leg.account, party) for leg in command.legs if (party := opened_for(leg)) is not None]
    opens = tuple(one for one in found if missing_party(book, enterprise=one[1]) is None)
    return planned("transfer", command, command.legs, opens=opens)


def opened_for(leg: Leg) -> str | None:
    """The enterprise whose account opens with this leg if it has none, going by the account's name."""
    if leg.commodity not in _COMMODITIES:
        return None
    kind = kind_of(leg.account)
    is_one = kind is not None and _OPENING.get(kind.code) == leg.commodity and (leg.quantity > 0 or kind.code == "cash")
    return leg.account.rpartition(":")[2] if is_one else None
