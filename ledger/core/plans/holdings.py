"""Plans of what happens to certificates that are held: listing, freezing, retirement, lapse, cancellation."""

import datetime

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.certificate import last_valid_day
from ledger.core.events import CancelForCcer, Delist, Expire, Freeze, Leg, ListForSale, Retire, Unfreeze
from ledger.core.plans.costs import has_costs
from ledger.core.plans.plan import Plan, holding_of, missing_party, moved, owner_of, planned
from ledger.core.record import RetirementBody
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import written


def listing(command: ListForSale | Delist, book: Book, _: str) -> Plan | Refusal:
    """A project locks certificates for a platform, or takes them back."""
    if command.project not in book.parties:
        return refuse("unknown_project", project=command.project)
    if book.parties[command.project].kind != "project":
        return _resale(command, book)
    opens = ((account_name("listed", command.platform, command.project), None),)
    if command.platform not in book.parties:
        return refuse("unknown_party", party=command.platform)
    offers = isinstance(command, ListForSale)
    name, once = ("list", "traded") if offers else ("delist", None)
    return planned(name, command, listing_legs(command, book), opens=opens, for_sale=offers, once=once)


def _resale(command: ListForSale | Delist, book: Book) -> Refusal:
    """What an enterprise holds was traded already, or can never be."""
    lot = book.lots.get(command.lot or "")
    if lot is not None and not lot.facts.tradable:
        return refuse("not_tradable", lot=command.lot, route="UNBUNDLED_TRADE")
    return refuse("already_traded", lot=command.lot or "", serials=written(command.serials))


def listing_legs(command: ListForSale | Delist, book: Book) -> tuple[Leg, ...]:
    """Between what the project holds and what it has offered on the platform."""
    holding, listed = holding_of(command.project, book), account_name("listed", command.platform, command.project)
    source, target = (holding, listed) if isinstance(command, ListForSale) else (listed, holding)
    return moved(source, target, command.quantity, command.lot, command.serials)


def freeze(command: Freeze | Unfreeze, book: Book, today: str) -> Plan | Refusal:
    """Lock what an enterprise or a project holds, or give it back, on the authority of a document."""
    if (wrong := missing_party(book, party=command.enterprise)) is not None:
        return wrong
    if command.evidence.document is None:
        return refuse("authority_needed", enterprise=command.enterprise)
    policies: tuple[int, ...] = ()
    if command.reason == "ccer" and isinstance(command, Freeze):
        on = command.occurred_on or today
        linkage = book.policies.ccer_linkage(on)
        if linkage is None:
            return refuse("policy_missing", rule="CCER linkage", on=on)
        policies = linkage[:1]
    name = "freeze" if isinstance(command, Freeze) else "unfreeze"
    opens = ((account_name("frozen", command.enterprise), owner_of(command.enterprise, book)),)
    legs = freeze_legs(command, book)
    return planned(name, command, legs, status=command.reason, opens=opens, policies=policies)


def freeze_legs(command: Freeze | Unfreeze, book: Book) -> tuple[Leg, ...]:
    """Between what the party holds and what of it is frozen."""
    holding, frozen = holding_of(command.enterprise, book), account_name("frozen", command.enterprise)
    source, target = (holding, frozen) if isinstance(command, Freeze) else (frozen, holding)
    return moved(source, target, command.quantity, command.lot, command.serials)


def cancellation(command: CancelForCcer, book: Book, today: str) -> Plan | Refusal:
    """Frozen certificates end, because the energy they stand for was registered as CCER (domain 1.9)."""
    if (wrong := missing_party(book, project=command.project)) is not None:
        return wrong
    if command.evidence.document is None:
        return refuse("evidence_needed", command="cancel_for_ccer")
    on = command.occurred_on or today
    linkage = book.policies.ccer_linkage(on)
    if linkage is None:
        return refuse("policy_missing", rule="CCER linkage", on=on)
    legs = cancellation_legs(command, book)
    opens = tuple((leg.account, None) for leg in legs)
    return planned("cancel_for_ccer", command, legs, opens=opens, policies=linkage[:1])


def cancellation_legs(command: CancelForCcer, _: Book) -> tuple[Leg, ...]:
    """From what is frozen."""
    frozen, cancelled = account_name("frozen", command.project), account_name("cancelled", command.project)
    return moved(frozen, cancelled, command.quantity, command.lot, command.serials)


def retirement(command: Retire, book: Book, _: str) -> Plan | Refusal:
    """A claim on consumption; the lots that may be claimed are judged when they are chosen."""
    beneficiary = command.beneficiary or command.enterprise
    for party in (command.enterprise, beneficiary):
        if (wrong := missing_party(book, enterprise=party)) is not None:
            return wrong
    claim = RetirementBody(
        beneficiary=beneficiary,
        enterprise=command.enterprise,
        from_month=command.from_month,
        proof=command.proof,
        purpose=command.purpose,
        site=command.site,
        to_month=command.to_month,
        year=command.year,
    )
    legs = retirement_legs(command, book)
    opens = [(legs[1].account, command.enterprise)]
    if has_costs(command.enterprise, book):
        opens.append((account_name("expense_gec", command.enterprise), command.enterprise))
    return planned("retire", command, legs, claim=claim, opens=tuple(opens))


def retirement_legs(command: Retire, _: Book) -> tuple[Leg, ...]:
    """From the holding to the account of the purpose and year."""
    retired = account_name("retired", command.enterprise, command.purpose, command.year)
    return moved(
        account_name("holding_ent", command.enterprise), retired, command.quantity, command.lot, command.serials
    )


def retirement_touches(command: Retire, book: Book) -> tuple[Leg, ...]:
    """For loading only: also what its cost is found by."""
    units = [Leg(account_name(kind, command.enterprise), "GEC", 1, command.lot) for kind in ("offered", "frozen")]
    costs = [
        Leg(account_name(kind, command.enterprise), "CNY", 1, command.lot) for kind in ("inventory_gec", "expense_gec")
    ]
    return (*retirement_legs(command, book), *units, *costs)


def expiry(command: Expire, book: Book, today: str) -> Plan | Refusal:
    """What lapsed goes to `Expired:<holder>`; it occurred the day after its last valid day."""
    account, lot = book.accounts.get((command.account, "GEC")), book.lots.get(command.lot)
    if account is None:
        return refuse("unknown_account", account=command.account, commodity="GEC")
    if lot is None:
        return refuse("unknown_lot", lot=command.lot)
    rule = book.policies.validity(lot.facts.production_month, today)
    if rule is None:
        return refuse("policy_missing", rule=f"validity of {lot.facts.production_month}", on=today)
    last = last_valid_day(lot.facts.production_month, rule[1])
    occurred_on = (last + datetime.timedelta(days=1)).isoformat()
    effective_on = command.effective_on or today
    if not occurred_on <= effective_on <= today:
        return refuse("not_expired", lot=command.lot, valid_until=last, today=effective_on)
    legs = expiry_legs(command, book)
    return Plan(
        command="expire",
        legs=legs,
        occurred_on=occurred_on,
        effective_on=effective_on,
        evidence=command.evidence,
        policies=rule[:1],
        opens=((legs[1].account, account.owner),),
        dated_by_rule=True,
    )


def expiry_legs(command: Expire, _: Book) -> tuple[Leg, ...]:
    """From wherever they lie to what the same holder let lapse."""
    expired = account_name("expired", command.account.rpartition(":")[2])
    return moved(command.account, expired, command.quantity, command.lot)
