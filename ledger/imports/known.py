"""What the book knows already of what a file speaks of; read for planning, and decided again by the engine."""

import msgspec

from ledger.core.evidence import Level
from ledger.core.party import lookup_name
from ledger.core.policy import PolicyBook, PolicyRow
from ledger.core.record import ImportBody, decode
from ledger.imports.documents import SettlementStatement
from ledger.imports.draft import Draft, line_key
from ledger.imports.report import ImportReport
from ledger.imports.settlement_commands import KnownSettlements, Settled, keys_of
from ledger.imports.trade_commands import WaitingTrades
from ledger.store.session import Query, Reader, Scope


class Known:
    """Reads one ledger for the planning of its imports."""

    def __init__(self, reader: Reader, scope: Scope) -> None:
        self._reader = reader
        self._scope = scope

    async def draft(self, report: ImportReport, level: Level) -> Draft:
        """A draft that knows the parties by the lookup form of their names, and the rules by which codes are read."""
        prefix = line_key(report.document, ("", 0)).removesuffix("/0")
        names, ((sellers,),), platforms, rules, rejected = await self._reader.fetch(
            self._scope,
            Query("select lookup, party_id from visible_name"),
            Query("select count(*) from visible_party where kind = 'seller'"),
            Query("select party_id from visible_party where kind = 'platform'"),
            Query("select log_index, content from visible_policy order by 1"),
            Query(_REJECTED, (prefix, f"{prefix}~")),
        )
        policies = PolicyBook()
        for index, content in rules:
            policies.add(index, msgspec.convert(content, PolicyRow))
        # A platform is known by its id, whatever name it was registered with.
        parties = {lookup_name(party): party for (party,) in platforms} | dict(names)
        work = Draft(report, parties, policies, sellers, level)
        lines = (key.removeprefix(prefix).rsplit("/", 1) for (key,) in rejected)
        work.rejected = {(sheet, int(line)) for sheet, line in lines}
        return work

    async def imported(self, document: str) -> ImportBody | None:
        """What the journal says of an earlier import of the file, or None; its key may have been used otherwise."""
        (rows,) = await self._reader.fetch(self._scope, Query("select import_record(%s)", (f"import:{document}",)))
        if rows[0][0] is None:
            return None
        body = decode(rows[0][0]).body
        return body if isinstance(body, ImportBody) else None

    async def settlements(self, work: Draft, statement: SettlementStatement) -> KnownSettlements:
        """What the book has of the contracts' months that a settlement speaks of."""
        keys, lots = keys_of(statement, work.party)
        settled, stock = await self._reader.fetch(self._scope, Query(_SETTLEMENTS, (keys,)), Query(_STOCK, (lots,)))
        return KnownSettlements(
            settled={key: Settled(*figures) for key, *figures in settled},
            waiting={lot: (-held, since) for kind, lot, held, since in stock if kind == "suspense" and held},
            held={lot: held for kind, lot, held, _ in stock if kind == "holding_ent"},
        )

    async def waiting_trades(self) -> WaitingTrades:
        """What waits in suspense for trades that are not in the book, or went back of some that are."""
        (rows,) = await self._reader.fetch(self._scope, Query(_WAITING))
        return {trade_id: (quantity, since) for trade_id, quantity, since in rows}

    async def commitments(self) -> dict[str, int]:
        """What was promised, by account."""
        (rows,) = await self._reader.fetch(self._scope, Query(_COMMITMENTS))
        return dict(rows)


_SETTLEMENTS = """
    select e.evidence_key,
        -coalesce(sum(p.quantity) filter (where a.kind in ('external', 'holding_project')), 0)::bigint,
        -coalesce(sum(p.quantity) filter (where a.kind = 'payable'), 0)::bigint,
        -coalesce(sum(case when a.kind = 'metered_contract' then p.quantity
            when a.kind in ('external', 'holding_project') then 1000 * p.quantity end), 0)::bigint,
        max(regexp_replace(a.name, '^.*:', '')) filter (where a.kind in ('external', 'holding_project'))
    from visible_evidence e join visible_posting p using (log_index) join visible_account a using (account_id)
    where e.evidence_key = any(%s) group by 1
"""
_STOCK = """
    select a.kind, l.code, sum(b.quantity)::bigint, max(b.last_on)
    from visible_lot l join visible_balance b using (lot_id) join visible_account a using (account_id)
    where l.code = any(%s) and a.kind in ('suspense', 'holding_ent') group by 1, 2
"""
_REJECTED = "select evidence_key from visible_evidence where evidence_key >= %s and evidence_key < %s"
_WAITING = """
    select substr(l.code, 6), -sum(b.quantity)::bigint, max(b.last_on)
    from visible_account a join visible_balance b using (account_id) join visible_lot l using (lot_id)
    where a.kind = 'suspense' and l.code like 'void/%%' group by 1 having sum(b.quantity) < 0
"""
_COMMITMENTS = """
    select a.name, sum(b.quantity)::bigint from visible_account a join visible_balance b using (account_id)
    where a.commodity = 'GECSUB' group by 1
"""
