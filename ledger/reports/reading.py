"""Reads on both time axes, for one ledger and tenant.

Every answer carries the tree size it is of; the same pair of `effective_as_of` and `known_as_of` gives the same
answer for ever. Accounts of others do not exist for an enterprise.
"""

import datetime

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from ledger.core.policy import PolicyRow
from ledger.core.quantity import COMMODITIES, COMMODITY_BY_NUMBER
from ledger.core.record import Envelope, PostingBody, decode
from ledger.core.refusal import Refusal, refuse
from ledger.proof.merkle import Frontier
from ledger.store.session import ALL_TENANTS, Query, Reader, Scope

LAST_DAY = datetime.date(9999, 12, 31)


class Moment(msgspec.Struct, frozen=True):
    """A pair of the two time axes: what counted up to a day, as known at a size."""

    effective_as_of: datetime.date
    known_as_of: int


class AccountRow(msgspec.Struct, frozen=True):
    """One account in one commodity."""

    account_id: int
    account: str
    kind: str
    commodity: str
    owner: str | None
    opened: int


class LotBalance(msgspec.Struct, frozen=True):
    """What an account holds of one lot now."""

    lot: str
    quantity: int
    serials: tuple[tuple[int, int], ...]


class Balance(msgspec.Struct, frozen=True):
    """What an account holds of a commodity."""

    account: str
    commodity: str
    unit: str
    quantity: int
    lots: tuple[LotBalance, ...] | None = None


class ProposalRow(msgspec.Struct, frozen=True):
    """A command that waits for a second person, and what came of it."""

    log_index: int
    command: str
    role: str
    subject: str
    state: str
    judged_index: int | None


class OfferRow(msgspec.Struct, frozen=True):
    """An offer between enterprises, and what came of it; its certificates stand in its transaction."""

    log_index: int
    enterprise: str
    receiver: str
    expires_on: datetime.date | None
    state: str
    answered_index: int | None


class PostingLine(msgspec.Struct, frozen=True):
    """One posting with the balance after it."""

    transaction: int
    leg: int
    commodity: str
    lot: str | None
    quantity: int
    balance: int
    version: int
    effective_on: datetime.date


class TrialLine(msgspec.Struct, frozen=True):
    """The sum of all accounts of one kind in one commodity."""

    commodity: str
    kind: str
    accounts: int
    quantity: int


HEAD = Query("select size, recorded_at, frontier from visible_ledger")
_ACCOUNT = "select account_id, name, kind, commodity, owner, opened_index from visible_account "


class Reading:
    """The reads of the reader's login."""

    def __init__(self, url: str) -> None:
        self.reader = self._reader = Reader(url)

    async def is_reachable(self) -> bool:
        """Whether the database answers a read."""
        try:
            await self._reader.credential("", "")
        except (psycopg.Error, PoolTimeout):
            return False
        return True

    async def head(self, scope: Scope) -> tuple[int, datetime.datetime, bytes]:
        """(size, newest recorded_at, root) of the ledger."""
        ((row,),) = await self._reader.fetch(scope, HEAD)
        return row[0], row[1], Frontier.decode(row[0], row[2]).root()

    async def moment(
        self,
        scope: Scope,
        *,
        effective_as_of: datetime.date | None,
        known_as_of: int | None,
        known_at: datetime.datetime | None,
    ) -> Moment | Refusal:
        """Resolve the two axes: the newest size and every day where nothing is asked for."""
        if known_at is not None:
            # Not at a snapshot: size_at waits for the head's lock, then must see what was written meanwhile.
            query = Query("select size_at(%s)", (known_at,))
            (((resolved,),),) = await self._reader.fetch(scope, query, at_one_snapshot=False)
            if resolved is None:
                size, *_ = await self.head(scope)
                return refuse("not_yet_known", asked=known_at.isoformat(), size=size)
            known_as_of = resolved
        elif known_as_of is not None:
            size, *_ = await self.head(scope)
            if known_as_of > size:
                return refuse("not_yet_known", asked=known_as_of, size=size)
        else:
            known_as_of, *_ = await self.head(scope)
        assert known_as_of is not None
        return Moment(effective_as_of or LAST_DAY, known_as_of)

    async def accounts(self, scope: Scope, *, after: int, limit: int) -> list[AccountRow]:
        """Accounts in the order they were opened, after the one of this number."""
        text = _ACCOUNT + "where account_id > %s order by account_id limit %s"
        (rows,) = await self._reader.fetch(scope, Query(text, (after, limit)))
        return [AccountRow(*row) for row in rows]

    async def account(self, scope: Scope, name: str) -> list[AccountRow] | Refusal:
        """The account of this name in each of its commodities; not_found also for another tenant's."""
        (rows,) = await self._reader.fetch(scope, Query(_ACCOUNT + "where name = %s order by commodity", (name,)))
        return [AccountRow(*row) for row in rows] or refuse("not_found", what=f"account {name}")

    async def balances(self, scope: Scope, name: str) -> tuple[int, list[Balance]] | Refusal:
        """(size, balances now by commodity and lot) of an account."""
        head, accounts, lots, serials = await self._reader.fetch(
            scope,
            HEAD,
            Query(_ACCOUNT + "where name = %s order by commodity", (name,)),
            Query(_LOTS_NOW, (name,)),
            Query(_SERIALS_NOW, (name,)),
        )
        if not accounts:
            return refuse("not_found", what=f"account {name}")
        ranges: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for account_id, lot_id, held in serials:
            ranges.setdefault((account_id, lot_id), []).append((held.lower, held.upper - 1))
        found = []
        for account in (AccountRow(*row) for row in accounts):
            own = [row for row in lots if row[0] == account.account_id]
            by_lot = tuple(
                LotBalance(code, quantity, tuple(sorted(ranges.get((account.account_id, lot_id), ()))))
                for _, lot_id, code, quantity in own
                if code is not None and quantity
            )
            commodity = COMMODITIES[account.commodity]
            total = sum(row[3] for row in own)
            shown = by_lot if commodity.lot_bearing else None
            found.append(Balance(account.account, account.commodity, commodity.unit, total, shown))
        return head[0][0], found

    async def balances_as_of(self, scope: Scope, name: str, moment: Moment) -> list[Balance] | Refusal:
        """Balances of an account on both axes, all lots together."""
        parameters = (moment.effective_as_of, moment.known_as_of, name, moment.known_as_of)
        (rows,) = await self._reader.fetch(scope, Query(_AS_OF, parameters))
        if not rows:
            return refuse("not_found", what=f"account {name}")
        return [Balance(name, code, COMMODITIES[code].unit, quantity) for code, quantity in rows]

    async def postings(
        self, scope: Scope, name: str, *, before: tuple[int, int], limit: int
    ) -> list[PostingLine] | Refusal:
        """An account's newest postings before (transaction, leg), newest first."""
        accounts, rows = await self._reader.fetch(
            scope,
            Query(_ACCOUNT + "where name = %s", (name,)),
            Query(_POSTINGS, (*before, limit, name, limit)),
        )
        if not accounts:
            return refuse("not_found", what=f"account {name}")
        return [
            PostingLine(index, leg, COMMODITY_BY_NUMBER[number].code, lot, quantity, balance, version, day)
            for index, leg, number, lot, quantity, balance, version, day in rows
        ]

    async def trial_balance(self, scope: Scope, moment: Moment | None) -> tuple[int, list[TrialLine]]:
        """(size, sums by commodity and kind of account), now or on both axes."""
        if moment is None:
            head, rows = await self._reader.fetch(scope, HEAD, Query(_TRIAL_NOW))
            return head[0][0], [_trial_line(*row) for row in rows]
        query = Query(_TRIAL_AS_OF, (moment.effective_as_of, moment.known_as_of, moment.known_as_of))
        (rows,) = await self._reader.fetch(scope, query)
        return moment.known_as_of, [_trial_line(*row) for row in rows]

    async def record(self, scope: Scope, index: int) -> tuple[bytes, Envelope] | Refusal:
        """The bytes of a record and what they say, for those it concerns."""
        if not 0 <= index < 2**63:
            return refuse("not_found", what=f"record {index}")
        (((content,),),) = await self._reader.fetch(scope, Query("select record_bytes(%s)", (index,)))
        if content is None:
            return refuse("not_found", what=f"record {index}")
        return bytes(content), decode(bytes(content))

    async def transaction(self, scope: Scope, index: int) -> tuple[Envelope, dict[int, tuple[str, int]]] | Refusal:
        """A posting record, and by leg the account and balance after it where the caller may see them."""
        found = await self.record(scope, index)
        if isinstance(found, Refusal):
            return found
        if not isinstance(found[1].body, PostingBody):
            return refuse("not_found", what=f"transaction {index}")
        (rows,) = await self._reader.fetch(scope, Query(_LEGS, (index,)))
        return found[1], {leg: (name, balance) for leg, name, balance in rows}

    async def proposals(self, scope: Scope, *, after: int, limit: int) -> list[ProposalRow]:
        """Proposals after the one of this log index, in order."""
        (rows,) = await self._reader.fetch(scope, Query(_PROPOSALS, (after, limit)))
        return [ProposalRow(*row) for row in rows]

    async def proposal(self, scope: Scope, index: int) -> ProposalRow | Refusal:
        """The proposal of this log index; not_found also for another tenant's."""
        found = await self.proposals(scope, after=index - 1, limit=1)
        if not found or found[0].log_index != index:
            return refuse("not_found", what=f"proposal {index}")
        return found[0]

    async def offers(self, scope: Scope, *, after: int, limit: int) -> list[OfferRow]:
        """Offers after the one of this log index, in order: those the caller made or got."""
        (rows,) = await self._reader.fetch(scope, Query(_OFFERS, (after, limit)))
        return [OfferRow(*row) for row in rows]

    async def offer(self, scope: Scope, index: int) -> OfferRow | Refusal:
        """The offer of this log index; not_found also for one between others."""
        found = await self.offers(scope, after=index - 1, limit=1)
        if not found or found[0].log_index != index:
            return refuse("not_found", what=f"offer {index}")
        return found[0]

    async def policies(self, scope: Scope, *, after: int, limit: int) -> list[tuple[int, PolicyRow]]:
        """Rules after the one of this log index, in order: (log index, row)."""
        text = "select log_index, content from visible_policy where log_index > %s order by log_index limit %s"
        (rows,) = await self._reader.fetch(scope, Query(text, (after, limit)))
        return [(index, msgspec.convert(content, PolicyRow)) for index, content in rows]

    async def records(self, scope: Scope, *, first: int, limit: int) -> list[bytes]:
        """Record bytes in log order from `first` on; only for park-wide readers."""
        assert scope.tenant == ALL_TENANTS
        query = Query("select content from visible_records(%s, %s)", (first, limit))
        (rows,) = await self._reader.fetch(scope, query)
        return [bytes(content) for (content,) in rows]


_PROPOSALS = """
    select log_index, command, role, subject, state, judged_index from visible_proposal
    where log_index > %s order by log_index limit %s
"""
_OFFERS = """
    select log_index, enterprise, receiver, expires_on, state, answered_index from visible_offer
    where log_index > %s order by log_index limit %s
"""
_LOTS_NOW = """
    select a.account_id, b.lot_id, l.code, b.quantity
    from visible_account a cross join lateral balances_of(a.account_id) b left join visible_lot l using (lot_id)
    where a.name = %s order by l.production_month, b.lot_id
"""
_SERIALS_NOW = """
    select s.account_id, s.lot_id, s.serials
    from visible_account a join visible_serial_position s using (account_id) where a.name = %s
"""
_AS_OF = """
    select a.commodity, balance_as_of(a.account_id, %s, %s) from visible_account a
    where a.name = %s and a.opened_index < %s order by 1
"""
_POSTINGS = """
    select p.log_index, p.leg, p.commodity, l.code, p.quantity, p.balance, p.version, p.effective_on
    from visible_account a cross join lateral postings_of(a.account_id, %s, %s, %s) p
    left join visible_lot l using (lot_id)
    where a.name = %s order by p.log_index desc, p.leg desc limit %s
"""


def _trial_line(commodity: str, kind: str, accounts: int, total: str) -> TrialLine:
    """Accounts keep within a bigint each; all of a kind together may not."""
    return TrialLine(commodity, kind, accounts, int(total))


_TRIAL_NOW = """
    select a.commodity, a.kind, count(distinct a.account_id), coalesce(sum(b.quantity), 0)::text
    from visible_account a left join visible_balance b using (account_id)
    group by 1, 2 order by 1, 2
"""
_TRIAL_AS_OF = """
    select a.commodity, a.kind, count(distinct a.account_id), coalesce(sum(p.quantity), 0)::text
    from visible_account a left join visible_posting p
        on p.account_id = a.account_id and p.effective_on <= %s and p.log_index < %s
    where a.opened_index < %s
    group by 1, 2 order by 1, 2
"""
_LEGS = """
    select p.leg, a.name, p.balance from visible_posting p join visible_account a using (account_id)
    where p.log_index = %s order by 1
"""
