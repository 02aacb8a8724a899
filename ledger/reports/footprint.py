"""Emissions and the retirements that cover them: inventories of enterprises and of the park, pinned to a tree size.

All figures come of `ledger.core.carbon`; here its inputs are read as they were known at a size.
"""

import datetime
from collections import defaultdict
from decimal import Decimal
from typing import LiteralString

import msgspec

from ledger.core.activity import Meter, Reading
from ledger.core.carbon import Claim, Use, total
from ledger.core.facts import InventoryFacts
from ledger.core.inventory import SCOPES, Document, Inputs, causes, document
from ledger.core.policy import PolicyBook
from ledger.core.quantity import plain
from ledger.core.refusal import Refusal, refuse
from ledger.proof.merkle import Frontier
from ledger.reports.proofs import Proofs
from ledger.reports.reading import Reading as LedgerReading
from ledger.store.session import Query, Scope

RULES_MAX = 1_000_000


class Pin(msgspec.Struct, frozen=True):
    """What fixes an inventory for ever: the year, the size it is known at, the day whose factors judge."""

    year: str
    size: int
    on: datetime.date


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An enterprise whose emissions cannot be told, and why: it counts in no total."""

    enterprise: str
    code: str
    figures: dict[str, str]


class ParkInventory(msgspec.Struct, frozen=True, kw_only=True):
    """The park's year: the sum of the enterprises whose emissions are known."""

    year: str
    tree_size: str
    root: str
    factors_on: str
    figures: dict[str, str]
    enterprises: list[Document]
    refused: list[Refused]
    without_meters: list[str]
    """Enterprises that have no meter: no data, never zero."""

    @property
    def is_complete(self) -> bool:
        """Whether every enterprise is in the totals."""
        return not self.refused and not self.without_meters


class Footprint:
    """Reads inventories of one ledger and scope."""

    def __init__(self, reading: LedgerReading, proofs: Proofs, scope: Scope) -> None:
        self._reading = reading
        self._proofs = proofs
        self._scope = scope

    async def inputs(self, pin: Pin, *, enterprise: str | None = None) -> dict[str, Inputs]:
        """What each enterprise's inventory comes of, as known at the size; of one enterprise, or of all that have
        meters or claims.
        """
        meters, readings, claims = await self._reading.reader.fetch(
            self._scope,
            Query(_METERS, (pin.size, enterprise, enterprise)),
            Query(_READINGS, (enterprise, pin.year, pin.size)),
            Query(_CLAIMS, (enterprise, pin.year, pin.size)),
        )  # fmt: skip
        policies = await self.policies(pin.size)
        by_meter: dict[str, list[Reading]] = defaultdict(list)
        for row in readings:
            by_meter[row[1]].append(Reading(*row))
        uses: dict[str, list[Use]] = defaultdict(list)
        for row in meters:
            uses[row[2]].append(Use(Meter(*row), tuple(by_meter[row[0]])))
        claimed: dict[str, list[Claim]] = defaultdict(list)
        for transaction, beneficiary, purpose, site, quantity, on in claims:
            if quantity:
                one = Claim(transaction=transaction, purpose=purpose, site=site, quantity=quantity, effective_on=on)
                claimed[beneficiary].append(one)
        return {
            one: Inputs(
                enterprise=one, year=pin.year, uses=uses[one], claims=claimed[one], policies=policies,
                on=pin.on.isoformat(),
            )
            for one in sorted(uses.keys() | claimed.keys())
        }  # fmt: skip

    async def policies(self, size: int) -> PolicyBook:
        """The rules that were in the book at a size."""
        found = PolicyBook()
        for index, row in await self._reading.policies(self._scope, after=-1, limit=RULES_MAX):
            if index < size:
                found.add(index, row)
        return found

    async def inventory(self, pin: Pin, enterprise: str) -> Document | Refusal:
        """An enterprise's inventory; `not_found` where it has neither meters nor claims, or is another's."""
        found = (await self.inputs(pin, enterprise=enterprise)).get(enterprise)
        if found is None:
            return refuse("not_found", what=f"meters of {enterprise}")
        return document(found, tree_size=pin.size, root=await self._root(pin.size))

    async def park(self, pin: Pin) -> ParkInventory:
        """The inventories of all enterprises that the scope shows, and their sums."""
        root = await self._root(pin.size)
        documents, refused = [], []
        inputs = await self.inputs(pin)
        for enterprise, own in inputs.items():
            found = document(own, tree_size=pin.size, root=root)
            if isinstance(found, Refusal):
                refused.append(Refused(enterprise=enterprise, code=found.code, figures=found.figures))
            else:
                documents.append(found)
        query = Query(_ENTERPRISES, (pin.size,))
        (parties,) = await self._reading.reader.fetch(self._scope, query)
        return ParkInventory(
            year=pin.year, tree_size=str(pin.size), root=root, factors_on=pin.on.isoformat(),
            figures=_sums(documents), enterprises=documents, refused=refused,
            without_meters=[party for (party,) in parties if not (inputs.get(party) and inputs[party].uses)],
        )  # fmt: skip

    async def causes(self, before: Pin, after: Pin, enterprise: str) -> dict[str, dict[str, str]] | Refusal:
        """What of the difference between two inventories came of readings, retirements, methods and factors."""
        known = (await self.inputs(before, enterprise=enterprise)).get(enterprise)
        now = (await self.inputs(after, enterprise=enterprise)).get(enterprise)
        if known is None:
            return refuse("not_found", what=f"meters of {enterprise}")
        if now is None:
            now = msgspec.structs.replace(known, uses=(), claims=(), policies=await self.policies(after.size))
        return causes(known, now)

    async def submissions(self, *, after: int, limit: int, record: int | None = None) -> list[InventoryFacts]:
        """Submitted inventories after the one of this log index, in order; or the one of `record`."""
        query = Query(_SUBMISSIONS, (after, record, record, limit))
        (rows,) = await self._reading.reader.fetch(self._scope, query)
        names = InventoryFacts.__struct_fields__
        return [InventoryFacts(**dict(zip(names, row, strict=True))) for row in rows]

    async def _root(self, size: int) -> str:
        return Frontier(size, await self._proofs.edge(self._scope, size)).root().hex()


def _sums(documents: list[Document]) -> dict[str, str]:
    """Sums of what can be added up: emissions by scope and energy."""
    names = [f"scope{scope}" for scope in SCOPES] + ["consumed_mwh", "residual_mwh", "claimed_mwh", "excess_mwh"]
    return {name: plain(total(Decimal(one.figures[name]) for one in documents)) for name in names}


_METERS: LiteralString = """
    select meter_id, log_index, enterprise, site, stage, material, route, under, rating from visible_meter
    where under is null and log_index < %s and (%s::text is null or enterprise = %s)
    order by enterprise, site, meter_id
"""
_READINGS: LiteralString = """
    select log_index, meter_id, first_on::text, last_on::text, quantity from readings_of(%s, %s, %s)
"""
_CLAIMS: LiteralString = """
    select log_index, beneficiary, purpose, site, quantity, effective_on::text from claims_of(%s, %s, %s)
"""
_ENTERPRISES: LiteralString = """
    select party_id from visible_party where kind = 'enterprise' and log_index < %s order by party_id
"""
_SUBMISSIONS: LiteralString = """
    select log_index, enterprise, year, subject, tree_size, factors_on::text, digest, restates, scope1, findings, state,
        judged_index
    from visible_inventory where log_index > %s and (%s::bigint is null or log_index = %s)
    order by log_index limit %s
"""
