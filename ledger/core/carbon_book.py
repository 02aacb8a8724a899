"""What the book holds of carbon accounting, as far as it is loaded."""

import msgspec

from ledger.core.activity import Meter, Reading
from ledger.core.facts import InventoryFacts


class CarbonBook(msgspec.Struct):
    """Meters, readings, inventories, and the sums that claims are held to."""

    meters: dict[str, Meter] = msgspec.field(default_factory=dict)
    readings: dict[str, dict[int, Reading]] = msgspec.field(default_factory=dict)
    """Meter -> its readings by log index, as far as they are loaded: all that stand."""
    inventories: dict[int, InventoryFacts] = msgspec.field(default_factory=dict)
    """By log index; of an enterprise and year all or none."""
    claimed: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    """(beneficiary, year) -> certificates claimed that stand; loaded before anything changes it, rule or no rule."""
    metered: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    """(enterprise, year) -> Wh by its meters of electricity; as `claimed`."""
    claims: dict[int, tuple[str, str]] = msgspec.field(default_factory=dict)
    """Retirement -> (beneficiary, year), where one of these may be reversed."""
