"""What crosses the wire outward about certificates: custody, retirements, positions, offers."""

from api.schemas import Out


class OfferedOut(Out, kw_only=True):
    """Certificates of one lot that are offered."""

    lot: str
    quantity: str
    serials: list[tuple[str, str]]


class OfferOut(Out, kw_only=True):
    """An offer between enterprises, and what came of it."""

    offer: str
    """The log index of its transaction."""
    enterprise: str
    receiver: str
    expires_on: str | None
    state: str
    """open, or how it was answered: accept, reject, withdraw, lapse."""
    answered: str | None
    """Log index of the transaction that answered it."""
    certificates: list[OfferedOut] | None = None
    """What is offered; shown for one offer, not in lists."""


class OffersOut(Out, kw_only=True):
    """A page of offers."""

    items: list[OfferOut]
    next_cursor: str | None


class LotOut(Out, kw_only=True):
    """What is known of a lot of certificates."""

    lot: str
    scheme: str
    project: str
    production_month: str
    numbered: bool
    tradable: bool
    energy_class: str | None
    trade_class: str | None
    source: str | None
    province: str | None


class PlaceOut(Out, kw_only=True):
    """Where certificates lie now, both ends of the range included."""

    account: str
    serials: tuple[str, str]
    since: str


class HopOut(Out, kw_only=True):
    """One move of certificates; accounts of others read `withheld`."""

    transaction: str
    """Its log index."""
    command: str
    occurred_on: str
    effective_on: str
    recorded_at: str
    from_account: str
    to_account: str
    quantity: str
    serials: tuple[str, str] | None
    """Absent while the certificates were counted only."""
    evidence_level: str
    document: str | None
    document_line: str | None


class CustodyOut(Out, kw_only=True):
    """The way of a range of certificates: how it came, hop by hop, and where it lies."""

    tree_size: str
    lot: LotOut
    serials: list[tuple[str, str]]
    places: list[PlaceOut]
    hops: list[HopOut]
    next_cursor: str | None


class RetiredLotOut(Out, kw_only=True):
    """Certificates of one lot that a claim rests on; codes where a layout writes them."""

    lot: LotOut
    quantity: str
    serials: list[tuple[str, str]]
    codes: list[tuple[str, str]]


class RetirementOut(Out, kw_only=True):
    """The statement of one retirement."""

    transaction: str
    claim_record: str
    """Log index of the record that says what the claim is for."""
    recorded_at: str
    occurred_on: str
    effective_on: str
    enterprise: str
    beneficiary: str
    purpose: str
    year: str
    from_month: str | None
    to_month: str | None
    site: str | None
    proof: str | None
    quantity: str
    lots: list[RetiredLotOut]
    evidence_level: str
    document: str | None
    policies: list[str]
    """Log indexes of the rules that judged it."""
    reversed_by: list[str]
    """Transactions that took it back as a booking error, whole or in part."""


class PositionOut(Out, kw_only=True):
    """One party's figures in certificates; different things, never added up across."""

    party: str
    kind: str
    group: str | None
    subscribed: str
    outstanding: str
    traded: str
    transferred: str
    in_transit: str
    held: str
    held_expired: str
    offered: str
    listed: str
    frozen: str
    retired: str
    expired: str
    cancelled: str


class ReckoningOut(Out, kw_only=True):
    """What is left of the promises, by one reading of them."""

    subscribed: str
    traded: str
    outstanding: str
    fulfilment_percent: str | None


class PositionsOut(Out, kw_only=True):
    """Positions at a tree size. Reading A: promises outstanding; C: what was traded fulfils them."""

    tree_size: str
    effective_as_of: str | None
    totals: dict[str, str]
    readings: dict[str, ReckoningOut]
    subscribed_levels: dict[str, str]
    traded_levels: dict[str, str]
    lines: list[PositionOut]


class RouteOut(Out, kw_only=True):
    """What came to an enterprise by one route, of one vintage and source."""

    party: str
    route: str
    vintage: str | None
    source: str | None
    received: str
    priced: str
    cost_fen: str
    average_yuan: str | None


class RoutesOut(Out, kw_only=True):
    """Certificates by the route they came by, at a tree size."""

    tree_size: str
    effective_as_of: str | None
    lines: list[RouteOut]
