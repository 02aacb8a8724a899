"""Plans of what comes into the book: issuance, take-on balances, and certificates that come with the energy."""

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.events import (
    Allocate,
    Incoming,
    Issue,
    Leg,
    OpenBalance,
    ReceiveForProvince,
    SettleBundle,
    TransferWithEnergy,
)
from ledger.core.held_range import NOTHING, held_among
from ledger.core.plans.costs import owed
from ledger.core.plans.plan import (
    KWH_PER_CERTIFICATE,
    Plan,
    Units,
    holding_of,
    missing_party,
    moved,
    numbered,
    planned,
    units_of,
)
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges, merge, subtract, written
from ledger.core.serial_range import count as count_of
from ledger.core.trading import judge_route


def issuance(command: Issue, book: Book, today: str) -> Plan | Refusal:
    """n = floor((carry + energy) / 1 MWh) certificates; the rest of the energy is carried on (domain 1.4).

    Serials that came in from outside before are adopted: the outside party gave what the issuer has now made.
    """
    wrong = missing_party(book, project=command.project)
    if wrong is None and command.seller is not None:
        wrong = missing_party(book, seller=command.seller)
    if wrong is not None:
        return wrong
    carry, metered = account_name("carry", command.project), account_name("metered", command.project)
    carried = energy_carried(book, carry)
    quantity = (carried + command.energy_kwh) // KWH_PER_CERTIFICATE
    units = _counted_out(command, quantity, carried, book, today)
    if isinstance(units, Refusal):
        return units
    adopted = _inside(book, units)
    lot, source = units.lot.code, account_name("issuance", command.project)
    new = quantity - count_of(adopted)
    rest = subtract(units.serials, adopted) if adopted else units.serials
    legs: tuple[Leg, ...] = ()
    if adopted:
        if command.seller is None or not _came_from(book, command.seller, lot, count_of(adopted)):
            return refuse("serial_conflict", serials=written(adopted), lot=lot)
        legs += moved(source, account_name("external", command.seller), count_of(adopted), lot, adopted)
    if new:
        legs += moved(source, account_name("holding_project", command.project), new, lot, rest)
    legs += _energy_legs(metered, carry, command.energy_kwh, quantity)
    declared = units.lot if quantity else None
    return planned("issue", command, legs, lot=declared, policies=units.policies, adopts=adopted, once="issued")


def _counted_out(command: Issue | SettleBundle, quantity: int, carried: int, book: Book, today: str) -> Units | Refusal:
    """The units that energy makes; what the document says of their number and codes must fit."""
    if command.quantity is not None and command.quantity != quantity:
        figures = {"given": command.quantity, "made": quantity, "carried": carried, "energy": command.energy_kwh}
        return refuse("quantity_mismatch", **figures)
    if command.code_first is None or command.code_last is None:
        return Units(command.lot)
    codes = (command.code_first, command.code_last)
    units = numbered(command.lot, quantity, codes, command.occurred_on or today, book.policies)
    if not units.serials:
        figures = {"project": command.lot.project, "month": command.lot.production_month, "quantity": quantity}
        return refuse("codes_mismatch", first=codes[0], last=codes[1], **figures)
    return units


def energy_carried(book: Book, carry: str) -> int:
    """The energy carried so far, in kWh."""
    account = book.accounts.get((carry, "KWH"))
    return 0 if account is None else book.totals[account.account_id][0]


def _energy_legs(metered: str, carry: str, energy: int, quantity: int) -> tuple[Leg, ...]:
    """What no certificate was made of is carried on, or was carried before and is used up now."""
    rest = energy - quantity * KWH_PER_CERTIFICATE
    return (Leg(metered, "KWH", -rest), Leg(carry, "KWH", rest)) if rest else ()


def _inside(book: Book, units: Units) -> Ranges:
    """Which of the serials lie in the book already."""
    if not units.serials or units.lot.code not in book.lots:
        return ()
    lot_id = book.lots[units.lot.code].lot_id
    held = [
        held_among(book.ranges.get((account_id, lot_id), NOTHING), units.serials)
        for account_id in book.holders.get(lot_id, ())
    ]
    return merge(*held)


def _came_from(book: Book, seller: str, lot: str, quantity: int) -> bool:
    """Whether that many of the lot came from this outside party."""
    account = book.accounts.get((account_name("external", seller), "GEC"))
    if account is None:
        return False
    came, _ = book.lot_balances.get((account.account_id, book.lots[lot].lot_id), (0, 0))
    return came + quantity <= 0


def opening(command: OpenBalance, book: Book, today: str) -> Plan | Refusal:
    """What an enterprise held before the book began, against `Opening:<id>`."""
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    if command.evidence.document is None:
        return refuse("evidence_needed", command="open_balance")
    source = account_name("opening", command.enterprise)
    target = account_name("holding_ent", command.enterprise)
    return _taken_in("open_balance", command, book, today, source, target, opens=((source, command.enterprise),))


def with_energy(command: TransferWithEnergy, book: Book, today: str) -> Plan | Refusal:
    """Hydro or self-used energy brings its certificates along; contract and proof of payment are the document."""
    wrong = missing_party(book, enterprise=command.enterprise) or missing_party(book, seller=command.seller)
    if wrong is not None:
        return wrong
    if command.evidence.document is None:
        return refuse("evidence_needed", command="transfer_with_energy")
    judged = _judged(command, command.route, book, today)
    if isinstance(judged, Refusal):
        return judged
    source, target = holding_of(command.seller, book), account_name("holding_ent", command.enterprise)
    return _taken_in(
        "transfer_with_energy", command, book, today, source, target, policies=judged, status=command.route
    )


def for_province(command: ReceiveForProvince, book: Book, today: str) -> Plan | Refusal:
    """Certificates of energy that the grid bought as agent come to the provincial account."""
    wrong = missing_party(book, province=command.province) or missing_party(book, seller=command.seller)
    if wrong is not None:
        return wrong
    source, target = holding_of(command.seller, book), account_name("holding_province", command.province)
    return _taken_in("receive_for_province", command, book, today, source, target)


def _taken_in(
    name: str, command: Incoming, book: Book, today: str, source: str, target: str, **more: object
) -> Plan | Refusal:
    """All the units of the document from one account to another."""
    units = units_of(command, book.policies, today=today)
    if source.startswith("Holding:") and units.lot.code not in book.lots:
        return refuse("unknown_lot", lot=units.lot.code)
    assert command.quantity is not None
    legs = moved(source, target, command.quantity, units.lot.code, units.serials)
    policies = (*units.policies, *more.pop("policies", ()))  # type: ignore[misc]  # ids, where given
    unread = command.code_first is not None and not units.serials
    findings = ("codes_unread",) if unread else ()
    return planned(name, command, legs, lot=units.lot, policies=policies, findings=findings, **more)


def _judged(command: Incoming, route: str, book: Book, today: str) -> tuple[int, ...] | Refusal:
    known = book.lots.get(units_of(command, book.policies, today=today).lot.code)
    facts = command.lot if known is None else known.facts
    return judge_route(facts, route, book.policies, on=command.occurred_on or today)


def bundle(command: SettleBundle, book: Book, today: str) -> Plan | Refusal:
    """The settled energy of a contract brings its certificates, which were thereby traded (domain 1.6, 3.3 row 9)."""
    wrong = missing_party(book, enterprise=command.buyer) or missing_party(book, seller=command.seller)
    if wrong is not None:
        return wrong
    carry = account_name("carry_contract", command.buyer, command.contract)
    metered = account_name("metered_contract", command.buyer, command.contract)
    carried = energy_carried(book, carry)
    quantity = (carried + command.energy_kwh) // KWH_PER_CERTIFICATE
    units = _counted_out(command, quantity, carried, book, today)
    if isinstance(units, Refusal):
        return units
    judged = _judged(command, "GREEN_POWER_BUNDLE", book, today)
    if isinstance(judged, Refusal):
        return judged
    source, lot = holding_of(command.seller, book), units.lot.code
    if quantity and source.startswith("Holding:") and lot not in book.lots:
        return refuse("unknown_lot", lot=lot)
    legs: tuple[Leg, ...] = ()
    if quantity:
        legs += moved(source, account_name("holding_ent", command.buyer), quantity, lot, units.serials)
        legs += owed(command.buyer, command.amount_fen, lot)
    carrying = _energy_legs(metered, carry, command.energy_kwh, quantity)
    legs += carrying
    return planned(
        "settle_bundle",
        command,
        legs,
        lot=units.lot if quantity else None,
        policies=(*units.policies, *judged),
        opens=((carry, command.buyer), (metered, command.buyer)) if carrying else (),
        once="traded",
    )


def allocation(command: Allocate, book: Book, _: str) -> Plan | Refusal:
    """The province gives by its plan, which must be named."""
    wrong = missing_party(book, province=command.province) or missing_party(book, enterprise=command.enterprise)
    if wrong is not None:
        return wrong
    if command.evidence.document is None:
        return refuse("evidence_needed", command="allocate")
    return planned("allocate", command, allocation_legs(command, book))


def allocation_legs(command: Allocate, _: Book) -> tuple[Leg, ...]:
    """From the province to the enterprise."""
    source = account_name("holding_province", command.province)
    target = account_name("holding_ent", command.enterprise)
    return moved(source, target, command.quantity, command.lot, command.serials)


# For loading only: all that the events may touch.


def incoming_legs(command: Incoming, book: Book) -> tuple[Leg, ...]:
    """Every account the units, their energy and their cost may touch, under the lot their codes name."""
    names: list[tuple[str, str]] = []
    match command:
        case Issue():
            names += [(account_name("issuance", command.project), "GEC"), (holding_of(command.project, book), "GEC")]
            names += [(account_name(kind, command.project), "KWH") for kind in ("carry", "metered")]
            names += [] if command.seller is None else [(account_name("external", command.seller), "GEC")]
        case OpenBalance():
            names += [(account_name(kind, command.enterprise), "GEC") for kind in ("opening", "holding_ent")]
        case SettleBundle():
            names += [(holding_of(command.seller, book), "GEC"), (account_name("holding_ent", command.buyer), "GEC")]
            names += [(account_name(kind, command.buyer), "CNY") for kind in ("payable", "inventory_gec")]
            carry = ("carry_contract", "metered_contract")
            names += [(account_name(kind, command.buyer, command.contract), "KWH") for kind in carry]
        case TransferWithEnergy():
            target = account_name("holding_ent", command.enterprise)
            names += [(holding_of(command.seller, book), "GEC"), (target, "GEC")]
        case ReceiveForProvince():
            target = account_name("holding_province", command.province)
            names += [(holding_of(command.seller, book), "GEC"), (target, "GEC")]
    lot = named(command, book).lot.code
    return tuple(Leg(name, commodity, 1, None if commodity == "KWH" else lot) for name, commodity in names)


def named(command: Incoming, book: Book) -> Units:
    """The units as their codes name them, however many those are."""
    if command.code_first is None or command.code_last is None:
        return Units(command.lot)
    codes = (command.code_first, command.code_last)
    return numbered(command.lot, None, codes, command.occurred_on or _LATEST, book.policies)


_LATEST = "9999-12-31"
