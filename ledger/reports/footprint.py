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
from ledger.core.inventory import SCOPES, Document, Inputs, document
from ledger.core.policy import PolicyBook, PolicyRow
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
    without_readings: list[str]
    """Enterprises of whose meters none was read in the year, and that claim nothing: no data either."""


class Footprint:
    """Reads inventories of one ledger and scope."""

    def __init__(self, reading: LedgerReading, proofs: Proofs, scope: Scope) -> None:
        self._reading = reading
        self._proofs = proofs
        self._scope = scope
        self._rules: list[tuple[int, PolicyRow]] | None = None
        """Read once for each request: whatever size it asks about was there when it began."""

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
        if self._rules is None:
            self._rules = await self._reading.policies(self._scope, after=-1, limit=RULES_MAX)
        found = PolicyBook()
        for index, row in self._rules:
            if index < size:
                found.add(index, row)
        return found

    async def enterprises(self, size: int) -> list[str]:
        """The enterprises that were registered at a size."""
        (rows,) = await self._reading.reader.fetch(self._scope, Query(_ENTERPRISES, (size,)))
        return [party for (party,) in rows]

    async def of(self, pin: Pin, enterprise: str) -> Inputs | Refusal:
        """What an inventory comes of; `not_found` where there are neither meters nor claims, or they are another's."""
        found = (await self.inputs(pin, enterprise=enterprise)).get(enterprise)
        return found or refuse("not_found", what=f"inventory of {enterprise}")

    async def now(self, before: Inputs, pin: Pin) -> Inputs:
        """The same year at a later size; nothing of it may be left, where all claims of a year were taken back."""
        found = (await self.inputs(pin, enterprise=before.enterprise)).get(before.enterprise)
        return found or msgspec.structs.replace(before, uses=(), claims=(), policies=await self.policies(pin.size))

    async def document(self, inputs: Inputs, pin: Pin) -> Document | Refusal:
        """The inventory of these inputs."""
        return document(inputs, tree_size=pin.size, root=await self._root(pin.size))

    async def park(self, pin: Pin) -> ParkInventory:
        """The inventories of all enterprises that the scope shows, and their sums."""
        root = await self._root(pin.size)
        documents, refused, unread = [], [], []
        inputs = await self.inputs(pin)
        for enterprise, own in inputs.items():
            if not own.claims and not any(use.readings for use in own.uses):
                unread.append(enterprise)
                continue
            found = document(own, tree_size=pin.size, root=root)
            if isinstance(found, Refusal):
                refused.append(Refused(enterprise=enterprise, code=found.code, figures=found.figures))
            else:
                documents.append(found)
        return ParkInventory(
            year=pin.year, tree_size=str(pin.size), root=root, factors_on=pin.on.isoformat(),
            figures=_sums(documents), enterprises=documents, refused=refused,
            without_meters=[
                party
                for party in await self.enterprises(pin.size)
                if not (inputs.get(party) and inputs[party].uses)
            ],
            without_readings=unread,
        )  # fmt: skip

    async def submissions(self, *, after: int, limit: int, record: int | None = None) -> list[InventoryFacts]:
        """Submitted inventories after the one of this log index, in order; or the one of `record`."""
        query = Query(_SUBMISSIONS, (after, record, record, limit))
        (rows,) = await self._reading.reader.fetch(self._scope, query)
        names = InventoryFacts.__struct_fields__
        return [InventoryFacts(**dict(zip(names, row, strict=True))) for row in rows]

    async def _root(self, size: int) -> str:
        return Frontier(size, await self._proofs.edge(self._scope, size)).root().hex()


def _sums(documents: list[Document]) -> dict[str, str]:
    """Sums of what can be added up: emissions by scope and energy. Of nothing there is no sum: no data is no zero."""
    if not documents:
        return {}
    names = [f"scope{scope}" for scope in SCOPES] + ["consumed_mwh", "residual_mwh", "claimed_mwh", "excess_mwh"]
    if not any("scope3" in one.figures for one in documents):
        names.remove("scope3")
    return {name: plain(total(Decimal(one.figures.get(name, "0")) for one in documents)) for name in names}


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
