"""The twelve invariants of the book (domain reference, section 3.5): one checker for tests, tools and auditors.

Each is a question to the stored tables that finds nothing while the invariant holds. It shares no code with `decide`,
save the rules of validity and vintage themselves.
"""

import datetime
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from ledger.core.account import KINDS
from ledger.core.certificate import LotFacts
from ledger.core.claim import judge_claim
from ledger.core.policy import PolicyBook, PolicyRow
from ledger.core.refusal import Refusal
from ledger.reports.reading import Reading
from ledger.store.session import ALL_TENANTS, Query, Scope

FOUND_MAX = 10
"""Breaches named of each invariant."""
TRANSIT_DAYS_MAX = 15
"""Days after which a trade in transit is warned of (domain reference, section 3.5, invariant 10)."""


class Verdict(msgspec.Struct, kw_only=True):
    """What became of one invariant."""

    number: int
    title: str
    state: Literal["holds", "broken", "not_checked"] = "holds"
    breaches: list[str] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)


_TITLES = {
    1: "Every transaction sums to zero, for each commodity and each lot",
    2: "The whole book sums to zero; Identification is empty",
    3: "No account holds less than nothing of any lot",
    4: "Every serial is in exactly one place; serials and quantities agree",
    5: "No certificate is issued or traded twice; what is not tradable is never listed or cleared",
    6: "Terminal accounts decrease by linked reversals only",
    7: "What was retired was valid on the day and of a vintage the rules allowed",
    8: "A proof serves one retirement; only free holdings are claimed, each for its own holder",
    9: "Claims do not exceed metered consumption",
    10: "Clearing is the trades in transit",
    11: "Promises are promises only, and never below zero",
    12: "No line of a document is posted twice",
}
_NOT_BELOW_ZERO = [kind.code for kind in KINDS.values() if not kind.may_go_below_zero]
_OUTSIDE = [kind.code for kind in KINDS.values() if kind.outside]
_TERMINAL = [kind.code for kind in KINDS.values() if kind.terminal]


async def invariants(reading: Reading, scope: Scope, *, today: datetime.date) -> tuple[int, list[Verdict]]:
    """(size, all twelve in order), read at one snapshot; for park-wide readers only."""
    assert scope.tenant == ALL_TENANTS, "a part of the book does not balance"
    head, old, claims, policies, meters, excess, *found = await reading.reader.fetch(
        scope,
        Query("select size from visible_ledger"),
        Query(_LONG_IN_TRANSIT, (today - datetime.timedelta(days=TRANSIT_DAYS_MAX),)),
        Query(_CLAIMS),
        Query("select log_index, content from visible_policy order by 1"),
        Query("select exists (select from visible_meter where material = 'electricity')"),
        Query(_EXCESS),
        *(query for _, query in _QUERIES),
    )
    verdicts = {number: Verdict(number=number, title=title) for number, title in _TITLES.items()}
    for (number, _), rows in zip(_QUERIES, found, strict=True):
        _note(verdicts[number], (" ".join(map(str, row)) for row in rows))
    _note(verdicts[7], _unfit(claims, policies))
    # What is above consumption covers nothing in any inventory; whether it may be claimed is a rule of its own.
    verdicts[9].state = "holds" if meters[0][0] else "not_checked"
    verdicts[9].warnings = [
        f"{who} claims {claimed} MWh for {year}, and consumed {mwh}" for who, year, claimed, mwh in excess
    ]
    if not meters[0][0]:
        verdicts[9].warnings = ["there are no meters of electricity in the book"]
    verdicts[10].warnings = [f"trade {trade} is in transit since {since}" for trade, since in old]
    return head[0][0], list(verdicts.values())


def _note(verdict: Verdict, breaches: Iterable[str]) -> None:
    verdict.breaches += breaches
    if verdict.breaches:
        verdict.state = "broken"


def _unfit(claims: Iterable[Any], policies: Iterable[Any]) -> list[str]:
    """Retirements that the rules known then, in force on their day, do not allow."""
    rules, waiting, found = PolicyBook(), list(policies), []
    for index, on, year, *lot in claims:
        while waiting and waiting[0][0] < index:
            number, content = waiting.pop(0)
            rules.add(number, msgspec.convert(content, PolicyRow))
        facts = LotFacts(code=lot[0], production_month=lot[1], project=lot[2], numbered=lot[3], province=lot[4])
        judged = judge_claim(facts, year, rules, on=on.isoformat())
        if isinstance(judged, Refusal) and len(found) < FOUND_MAX:
            found.append(f"retirement {index} of lot {facts.code}: {judged.code}")
    return found


_CLAIMS = """
    select distinct e.log_index, e.occurred_on, split_part(a.name, ':', 4), l.code, l.production_month, l.project,
        l.numbered, l.province
    from visible_event e join visible_posting p using (log_index) join visible_account a using (account_id)
    join visible_lot l using (lot_id)
    where e.command = 'retire' and a.kind = 'retired' and p.quantity > 0 order by 1
"""
_EXCESS = """
    select claimed.beneficiary, claimed.year, claimed.quantity, trunc(coalesce(metered.quantity, 0) / 1000000, 3)
    from (
        select c.beneficiary, c.year, sum(e.quantity - coalesce((
            select sum(r.quantity) from visible_event r where r.reverses = c.log_index
        ), 0))::bigint as quantity
        from visible_claim c join visible_event e using (log_index) group by 1, 2
    ) as claimed
    left join (
        select m.enterprise, to_char(r.first_on, 'YYYY') as year, sum(r.quantity) as quantity
        from visible_meter m join visible_reading r using (meter_id)
        where m.material = 'electricity' and m.under is null and r.corrected_by is null group by 1, 2
    ) as metered on metered.enterprise = claimed.beneficiary and metered.year = claimed.year
    where claimed.quantity * 1000000 > coalesce(metered.quantity, 0) order by 1, 2 limit 10
"""
_LONG_IN_TRANSIT = """
    select t.trade_id, e.occurred_on from visible_trade t join visible_event e using (log_index)
    where t.state = 'TRADED' and e.occurred_on < %s order by 2, 1 limit 10
"""
_QUERIES: tuple[tuple[int, Query], ...] = (
    (1, Query("""
        select 'transaction', log_index, 'sums to', sum(quantity) from visible_posting
        group by log_index, commodity, case when commodity = 1 then lot_id end having sum(quantity) <> 0
        order by 2 limit 10
    """)),
    (2, Query("""
        select 'all', a.commodity, 'sum to', sum(b.quantity)
        from visible_account a join visible_balance b using (account_id)
        group by a.commodity having sum(b.quantity) <> 0
    """)),
    (2, Query("""
        select a.name, 'holds', sum(b.quantity) from visible_account a join visible_balance b using (account_id)
        where a.kind = 'identification' group by 1, 2 having sum(b.quantity) <> 0 limit 10
    """)),
    (3, Query("""
        select a.name, 'holds', b.quantity, 'of lot', l.code
        from visible_account a join visible_balance b using (account_id) left join visible_lot l using (lot_id)
        where b.quantity < 0 and a.kind = any(%s) limit 10
    """, (_NOT_BELOW_ZERO,))),
    (4, Query("""
        select 'lot', lot_id, 'has', serials, 'twice' from (
            select lot_id, serials, max(upper(serials)) over before as reached from visible_serial_position
            window before as (partition by lot_id order by lower(serials), upper(serials)
                rows between unbounded preceding and 1 preceding)
        ) as ordered
        where reached > lower(serials) limit 10
    """)),
    (4, Query("""
        select a.name, 'holds', coalesce(b.quantity, 0), 'of lot', l.code, 'and serials of', coalesce(s.serials, 0)
        from (select account_id, lot_id, quantity from visible_balance) b
        full join (
            select account_id, lot_id, sum(upper(serials) - lower(serials)) as serials from visible_serial_position
            group by 1, 2
        ) s using (account_id, lot_id)
        join visible_account a using (account_id) join visible_lot l using (lot_id)
        where l.numbered and a.commodity = 'GEC' and a.kind <> all(%s)
            and coalesce(b.quantity, 0) <> coalesce(s.serials, 0)
        limit 10
    """, (_OUTSIDE,))),
    (5, Query("""
        select 'lot', lot_id, 'is', event, 'twice:', serials from (
            select lot_id, event, serials, max(upper(serials)) over before as reached from visible_serial_mark
            window before as (partition by lot_id, event order by lower(serials), upper(serials)
                rows between unbounded preceding and 1 preceding)
        ) as ordered
        where reached > lower(serials) limit 10
    """)),
    (5, Query("""
        select 'lot', l.code, 'is not tradable and was in', a.name, 'by transaction', min(p.log_index)
        from visible_lot l join visible_posting p using (lot_id) join visible_account a using (account_id)
        where not l.tradable and a.kind in ('listed', 'clearing') group by l.code, a.name limit 10
    """)),
    (6, Query("""
        select 'transaction', p.log_index, 'takes', p.quantity, 'from', a.name
        from visible_account a join visible_posting p using (account_id)
        left join visible_event e using (log_index)
        where a.kind = any(%s) and p.quantity < 0 and (e.command is distinct from 'reverse' or e.reverses is null)
        limit 10
    """, (_TERMINAL,))),
    (8, Query("""
        select 'retirement', e.log_index, 'takes from', a.name
        from visible_event e join visible_posting p using (log_index) join visible_account a using (account_id)
        where e.command = 'retire' and a.commodity = 'GEC' and p.quantity < 0 and (
            a.kind <> 'holding_ent' or exists (
                select from visible_posting q join visible_account r using (account_id)
                where q.log_index = p.log_index and r.commodity = 'GEC' and r.owner is distinct from a.owner
            )
        ) limit 10
    """)),
    (8, Query("""
        select 'proof', v.evidence_key, 'was used by transaction', v.log_index, 'which is no retirement'
        from visible_evidence v left join visible_event e using (log_index)
        where v.evidence_key like 'proof:%%' and e.command is distinct from 'retire' limit 10
    """)),
    (10, Query("""
        select coalesce(c.platform, t.platform), 'has', coalesce(c.quantity, 0), 'of lot',
            coalesce(c.lot_id, t.lot_id), 'in clearing and trades of', coalesce(t.quantity, 0)
        from (
            select split_part(a.name, ':', 2) as platform, b.lot_id, sum(b.quantity) as quantity
            from visible_account a join visible_balance b using (account_id)
            where a.kind = 'clearing' and b.quantity <> 0 group by 1, 2
        ) c
        full join (
            select platform, lot_id, sum(quantity - voided) as quantity from visible_trade
            where state = 'TRADED' group by 1, 2
        ) t on t.platform = c.platform and t.lot_id = c.lot_id
        where coalesce(c.quantity, 0) <> coalesce(t.quantity, 0) limit 10
    """)),
    (11, Query("""
        select name, 'is in', commodity from visible_account
        where (kind like 'commitment%%') <> (commodity = 'GECSUB') limit 10
    """)),
    (11, Query("""
        select a.name, 'is', sum(b.quantity) from visible_account a join visible_balance b using (account_id)
        where a.kind in ('commitment_ent', 'commitment_unallocated') group by 1, 2 having sum(b.quantity) < 0 limit 10
    """)),
    (12, Query("""
        select 'evidence', v.evidence_key, 'is used by', v.log_index, 'which posts nothing' from visible_evidence v
        where not exists (select from visible_posting p where p.log_index = v.log_index)
            and not exists (select from visible_reading r where r.log_index = v.log_index)
            and convert_from(record_bytes(v.log_index), 'UTF8')::jsonb ->> 'type' not in ('withdrawal', 'rejection')
        limit 10
    """)),
    (12, Query("""
        select 'trade', t.trade_id, 'stands in', count(*), 'postings' from visible_trade t
        join visible_event e on e.trade_id = t.trade_id and e.command = 'trade' group by t.trade_id
        having count(*) > 1 limit 10
    """)),
)  # fmt: skip
