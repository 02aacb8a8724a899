"""Plans of carbon assets: allowances (CEA) and reductions (CCER), which are never converted into certificates.

1 CEA = 1 CCER = 1 tCO2e. Certificates touch neither Scope 1 nor surrender (domain reference, sections 0 and 4.6).
"""

from decimal import Decimal

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.carbon_rules import CcerShare
from ledger.core.events import AllocateAllowances, BuyCcer, Leg, Surrender
from ledger.core.facts import InventoryFacts
from ledger.core.inventories import verified_of
from ledger.core.plans.plan import Plan, missing_party, planned
from ledger.core.refusal import Refusal, refuse


def allocation(command: AllocateAllowances, book: Book, _: str) -> Plan | Refusal:
    """Allowances of a year for an enterprise."""
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    legs = allocation_legs(command, book)
    return planned("allocate_allowances", command, legs, opens=_opens(legs, command.enterprise), status=command.year)


def allocation_legs(command: AllocateAllowances, _: Book) -> tuple[Leg, ...]:
    """Out of what the state allocates."""
    held = account_name("cea_ent", command.enterprise)
    return Leg(account_name("cea_allocated"), "CEA", -command.quantity), Leg(held, "CEA", command.quantity)


def purchase(command: BuyCcer, book: Book, _: str) -> Plan | Refusal:
    """Reductions from the market, which may go below zero."""
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    legs = purchase_legs(command, book)
    return planned("buy_ccer", command, legs, opens=_opens(legs, command.enterprise))


def purchase_legs(command: BuyCcer, _: Book) -> tuple[Leg, ...]:
    """Out of the market."""
    held = account_name("ccer_ent", command.enterprise)
    return Leg(account_name("ccer_market"), "CCER", -command.quantity), Leg(held, "CCER", command.quantity)


def surrender(command: Surrender, book: Book, today: str) -> Plan | Refusal:
    """Against the verified Scope 1 of the year, and reductions up to a share of it.

    Or `inventory_needed`, `surrender_above_obligation`, `ccer_above_limit`, `policy_missing`.
    """
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    verified = verified_of(book, command.enterprise, command.year)
    if verified is None:
        return refuse("inventory_needed", enterprise=command.enterprise, year=command.year)
    on = command.occurred_on or today
    share = next(book.policies.of_kind(CcerShare, on), None)
    if share is None:
        return refuse("policy_missing", rule="share of CCER in a surrender", on=on)
    if (wrong := _judge(command, book, verified, share[1].percent)) is not None:
        return wrong
    legs = _surrender_legs(command)
    opens = _opens(legs, command.enterprise)
    return planned("surrender", command, legs, opens=opens, policies=(share[0],), status=command.year)


def _judge(command: Surrender, book: Book, verified: InventoryFacts, percent: str) -> Refusal | None:
    """Whether what was surrendered before leaves room for this much."""
    emitted = Decimal(verified.scope1)
    obligation = verified.obligation
    cea, ccer = (_surrendered(book, kind, command) for kind in ("cea_surrendered", "ccer_surrendered"))
    figures = {"enterprise": command.enterprise, "year": command.year, "inventory": verified.log_index}
    if cea + ccer + command.cea + command.ccer > obligation:
        asked = command.cea + command.ccer
        return refuse("surrender_above_obligation", asked=asked, before=cea + ccer, obligation=obligation, **figures)
    limit = int(emitted * Decimal(percent) / 100)
    if ccer + command.ccer > limit:
        return refuse("ccer_above_limit", asked=command.ccer, before=ccer, limit=limit, percent=percent, **figures)
    return None


def _surrendered(book: Book, kind: str, command: Surrender) -> int:
    account = book.accounts.get((account_name(kind, command.enterprise, command.year), kind[: kind.index("_")].upper()))
    return 0 if account is None else book.totals[account.account_id][0]


def _surrender_legs(command: Surrender) -> tuple[Leg, ...]:
    """Both kinds, as far as there is any of them."""
    found = []
    for kind, commodity, quantity in (("cea", "CEA", command.cea), ("ccer", "CCER", command.ccer)):
        if quantity:
            found += [
                Leg(account_name(f"{kind}_ent", command.enterprise), commodity, -quantity),
                Leg(account_name(f"{kind}_surrendered", command.enterprise, command.year), commodity, quantity),
            ]
    return tuple(found)


def surrender_touches(command: Surrender, _: Book) -> tuple[Leg, ...]:
    """For loading: what was surrendered before counts, of both kinds."""
    return tuple(
        Leg(name, commodity, 1)
        for kind, commodity in (("cea", "CEA"), ("ccer", "CCER"))
        for name in (
            account_name(f"{kind}_ent", command.enterprise),
            account_name(f"{kind}_surrendered", command.enterprise, command.year),
        )
    )


def _opens(legs: tuple[Leg, ...], enterprise: str) -> tuple[tuple[str, str | None], ...]:
    """Accounts open when they are first needed; those of no enterprise belong to nobody."""
    shared = {account_name("cea_allocated"), account_name("ccer_market")}
    return tuple((leg.account, None if leg.account in shared else enterprise) for leg in legs)
