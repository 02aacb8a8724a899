"""Who the book knows: parties with their names and what changed about them, as dated facts."""

import datetime

import msgspec

from ledger.reports.reading import Reading
from ledger.store.session import Query, Scope


class Change(msgspec.Struct, frozen=True):
    """A new name, a further alias, an exit or a merger, from a day on."""

    record: int
    change: str
    on: datetime.date
    into: str | None
    name: str | None


class PartyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One party; its name is the newest, unless its text was erased."""

    party: str
    kind: str
    name: str | None
    registered: int
    exited_on: datetime.date | None
    merged_into: str | None
    changes: list[Change]


async def parties(reading: Reading, scope: Scope, *, party: str | None = None) -> list[PartyLine]:
    """All parties the scope shows, or the one of this id, by id."""
    found, changed = await reading.reader.fetch(scope, Query(_PARTIES, (party, party)), Query(_CHANGES, (party, party)))
    changes: dict[str, list[Change]] = {}
    for name, *rest in changed:
        changes.setdefault(name, []).append(Change(*rest))
    return [
        PartyLine(
            party=row[0], kind=row[1], registered=row[2], name=row[3], exited_on=row[4], merged_into=row[5],
            changes=changes.get(row[0], []),
        )
        for row in found
    ]  # fmt: skip


_PARTIES = """
    select party_id, kind, log_index, name, exited_on, merged_into from visible_party
    where %s::text is null or party_id = %s order by 1
"""
_CHANGES = """
    select party_id, log_index, change, changed_on, "into", name from visible_party_change
    where %s::text is null or party_id = %s order by log_index
"""
