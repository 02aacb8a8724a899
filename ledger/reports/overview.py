"""The park in one table: subscribed, traded, held, in transit, frozen, retired by enterprise, at a tree size."""

import datetime

import msgspec

from ledger.reports.positions import PARK, positions
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
    found = await positions(reading, scope, None, today=today)
    (parties,) = await reading.reader.fetch(scope, Query(_PARTIES))
    size, _, root = await reading.head(scope)
    _, lines = await reading.trial_balance(scope, None)
    names = dict(parties)
    enterprises = [
        EnterpriseLine(
            enterprise=line.party,
            name=names[line.party] or line.party,
            **{figure: getattr(line, figure) for figure in _FIGURES},
        )
        for line in found.lines
        if line.kind == "enterprise"
    ]
    totals: dict[str, int] = {}
    for line in lines:
        totals[line.commodity] = totals.get(line.commodity, 0) + line.quantity
    return Overview(
        tree_size=size,
        root=root.hex(),
        enterprises=enterprises,
        unallocated=sum(line.subscribed for line in found.lines if line.party == PARK),
        trial_balance=totals,
    )


_FIGURES = ("subscribed", "traded", "in_transit", "held", "held_expired", "frozen", "retired")
_PARTIES = "select party_id, name from visible_party where kind = 'enterprise' order by 1"
