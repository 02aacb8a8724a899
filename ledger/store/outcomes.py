"""What became of a command, told the first time or again: the journal is the only memory of it."""

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from ledger.core.reasons import REASONS
from ledger.core.record import Envelope, ProposalBody, RefusalBody
from ledger.core.refusal import Refusal
from ledger.store.journal import records_at


class BalanceAfter(msgspec.Struct, frozen=True, order=True, gc=False):
    """What an account held of a commodity, all lots together, after a transaction."""

    account: str
    commodity: str
    balance: int


class Posted(msgspec.Struct, frozen=True, gc=False):
    """The command is record `index`; balances are those of the caller's own accounts after it."""

    index: int
    recorded_at: str
    balances: tuple[BalanceAfter, ...] = ()
    replayed: bool = False
    proposed: bool = False
    """Nothing is posted yet: the record is a proposal that waits for a second person."""

    @property
    def tree_size(self) -> int:
        """The size at which the record is the newest: what `known_as_of` asks for to see this answer's balances."""
        return self.index + 1


class Refused(msgspec.Struct, frozen=True):
    """Nothing was posted; `index` is the refusal's record where it was recorded."""

    refusal: Refusal
    index: int | None = None
    replayed: bool = False


class Unknown(msgspec.Struct, frozen=True):
    """Whether the command was posted is not known; ask again with its key."""


Outcome = Posted | Refused | Unknown


def instant(moment: datetime.datetime) -> str:
    """The moment as records and answers write it: UTC, microseconds."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_BALANCES = """
    select distinct on (p.log_index, p.account_id) p.log_index, a.name, a.commodity, p.balance, a.owner
    from posting p join account a using (ledger_id, account_id)
    where p.ledger_id = %s and p.log_index = any(%s)
    order by p.log_index, p.account_id, p.leg desc
"""


async def read_outcomes(
    connection: psycopg.AsyncConnection[Any], ledger_id: int, asked: Sequence[tuple[int, str | None]]
) -> dict[int, Outcome]:
    """The outcome each record is, told again: by index, for the tenant that asked (None: all accounts)."""
    indexes = sorted({index for index, _ in asked})
    tenants = dict(asked)
    records = await records_at(connection, ledger_id, indexes)
    after = await (await connection.execute(_BALANCES, (ledger_id, indexes))).fetchall()
    balances: dict[int, list[BalanceAfter]] = {index: [] for index in indexes}
    for index, name, commodity, balance, owner in after:
        if tenants[index] is None or owner == tenants[index]:
            balances[index].append(BalanceAfter(name, commodity, balance))
    return {index: _outcome(envelope, tuple(sorted(balances[index]))) for index, envelope in records.items()}


def _outcome(envelope: Envelope, balances: tuple[BalanceAfter, ...]) -> Outcome:
    index = int(envelope.index)
    if isinstance(envelope.body, RefusalBody):
        refusal = Refusal(REASONS[envelope.body.code], envelope.body.figures)
        return Refused(refusal, index, replayed=True)
    proposed = isinstance(envelope.body, ProposalBody)
    return Posted(index, envelope.recorded_at, balances, replayed=True, proposed=proposed)
