"""The park in one table: subscribed, traded, held, in transit, frozen, retired by enterprise, at a tree size."""

import datetime

import msgspec

from ledger.core.certificate import valid_until
from ledger.core.policy import PolicyRow, Validity, in_force
from ledger.reports.reading import Reading
from ledger.store.session import Query, Scope


class EnterpriseLine(msgspec.Struct, kw_only=True):
    """One enterprise; all figures are certificates, and different things: they are never added up."""

    enterprise: str
    name: str
    subscribed: int = 0
    traded: int = 0
    in_transit: int = 0
    held: int = 0
    held_expired: int = 0
    """The part of `held` whose validity has passed."""
    frozen: int = 0
    retired: int = 0


class Overview(msgspec.Struct, kw_only=True):
    """The park at a size."""

    tree_size: int
    root: str
    enterprises: list[EnterpriseLine]
    unallocated: int
    """Subscribed by no enterprise in particular: lump rows and intentions."""
    trial_balance: dict[str, int]
    """Sum of all accounts for each commodity: zero."""

    @property
    def subscribed(self) -> int:
        """Subscribed in all, unallocated included."""
        return self.unallocated + sum(line.subscribed for line in self.enterprises)

    @property
    def traded(self) -> int:
        """Traded in all."""
        return sum(line.traded for line in self.enterprises)


async def park_overview(reading: Reading, scope: Scope, today: datetime.date) -> Overview:
    """The park's table as it is now, with expiry judged on `today`."""
    reader = reading.reader
    parties, balances, trades, policies = await reader.fetch(
        scope, Query(_PARTIES), Query(_BALANCES), Query(_TRADES), Query("select content from visible_policy")
    )
    size, _, root = await reading.head(scope)
    _, lines = await reading.trial_balance(scope, None)
    rules = [msgspec.convert(content, PolicyRow) for (content,) in policies]
    validities = tuple(row.rule for row in rules if isinstance(row.rule, Validity) and in_force(row, today.isoformat()))
    found = {party: EnterpriseLine(enterprise=party, name=name or party) for party, name in parties}
    unallocated = 0
    for kind, owner, month, quantity in balances:
        if kind == "commitment_unallocated":
            unallocated += quantity
        elif owner in found:
            _add(found[owner], kind, month, quantity, validities, today)
    for buyer, state, quantity in trades:
        found[buyer].traded += quantity
        found[buyer].in_transit += quantity if state == "TRADED" else 0
    totals: dict[str, int] = {}
    for line in lines:
        totals[line.commodity] = totals.get(line.commodity, 0) + line.quantity
    return Overview(
        tree_size=size, root=root.hex(), enterprises=list(found.values()), unallocated=unallocated, trial_balance=totals
    )


def _add(
    line: EnterpriseLine, kind: str, month: str | None, quantity: int, rules: tuple[Validity, ...], today: datetime.date
) -> None:
    match kind:
        case "commitment_ent":
            line.subscribed += quantity
        case "frozen":
            line.frozen += quantity
        case "retired":
            line.retired += quantity
        case "holding_ent":
            line.held += quantity
            last = valid_until(month, rules) if month else None
            line.held_expired += quantity if last is not None and last < today else 0


_PARTIES = "select party_id, name from visible_party where kind = 'enterprise' order by 1"
_BALANCES = """
    select a.kind, a.owner, l.production_month, sum(b.quantity)::bigint
    from visible_account a join visible_balance b using (account_id) left join visible_lot l using (lot_id)
    where a.kind in ('commitment_ent', 'commitment_unallocated', 'holding_ent', 'frozen', 'retired') group by 1, 2, 3
"""
_TRADES = "select buyer, state, sum(quantity)::bigint from visible_trade where state <> 'VOID' group by 1, 2"
