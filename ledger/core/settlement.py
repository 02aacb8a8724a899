"""What a green-power settlement is known by: its lot, and the evidence that it is in the book once."""

from ledger.core.certificate import LotFacts


def settled_lot(buyer: str, contract: str, project: str, month: str) -> str:
    """The code of the counted lot that the settlement of a contract's month brings."""
    return f"bundle/{buyer}/{contract}/{project}/{month}"


def settlement_key(buyer: str, contract: str, lot: LotFacts) -> str:
    """The ledger-wide evidence key under which a contract's month of a project is settled, once."""
    return f"bundle:{buyer}/{contract}/{lot.project}/{lot.production_month}"


def correction_key(buyer: str, contract: str, lot: LotFacts, day: str | None) -> str:
    """The ledger-wide evidence key of a correction: one of a settlement on a day."""
    return f"correction:{buyer}/{contract}/{lot.project}/{lot.production_month}/{day}"
