"""What callers send of carbon: meters, readings, inventories."""

import datetime
from typing import Annotated, Literal

from msgspec import Meta

from api.bodies import PLAIN, BodyIn, EvidenceIn, FactIn, PartyId, PositiveText, RequestKey
from ledger.core.activity import HOURS_MAX, Route
from ledger.core.command import Findings

SiteId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
MeterId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Amount = Annotated[
    str,
    Meta(min_length=1, max_length=40, pattern=PLAIN, description="A decimal as people write it."),
]
UnitName = Annotated[
    str, Meta(min_length=1, max_length=20, pattern=PLAIN, description="kWh, MWh, 万千瓦时, 亿千瓦时, GJ, t, m3, ...")
]
RecordIndex = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$", description="A record's log index.")]
WholeText = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,18})$", description="A whole number, as a string.")]
ProductLot = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="A product lot's own number.")]
Year = Annotated[str, Meta(pattern=r"^20[0-9]{2}$")]


class MeterIn(BodyIn, kw_only=True):
    """A meter, or a count that stands for one."""

    meter: MeterId
    enterprise: PartyId
    site: SiteId
    stage: SiteId
    """The process stage: raw_mill, kiln, potline, ..."""
    material: Annotated[str, Meta(pattern=r"^[a-z_0-9]{1,32}$")]
    route: Route | None = None
    """Of electricity, which must name one; of nothing else."""
    under: MeterId | None = None
    """The meter whose reading this one's is a part of: it is not added up again."""
    rating: Amount | None = None
    """The most it can show in an hour."""
    rating_unit: UnitName | None = None


class ReadingIn(BodyIn, kw_only=True):
    """What a meter showed from one day to another, both of the same month."""

    meter: MeterId
    first_on: datetime.date
    last_on: datetime.date
    quantity: Amount
    unit: UnitName
    hours: Annotated[tuple[Amount, ...], Meta(max_length=HOURS_MAX)] = ()
    """Of every hour from the first day's midnight on; they sum to the quantity."""
    corrects: RecordIndex | None = None
    """The reading that this one takes the place of."""
    confirmed: bool = False
    """Somebody looked at a quantity that seems to be in another unit."""
    evidence: EvidenceIn = EvidenceIn()


class ReadingItemIn(ReadingIn, kw_only=True):
    """A reading in a batch, perhaps under a request key of its own."""

    key: RequestKey | None = None


class InventoryIn(BodyIn, kw_only=True):
    """An inventory to submit: as known now, by the factors published by a day."""

    year: Year
    enterprise: PartyId | None = None
    """May be left out by an enterprise, which submits its own."""
    factors_on: datetime.date | None = None
    """By default today."""
    restates: RecordIndex | None = None
    """The verified inventory that this one takes the place of."""


class JudgementIn(BodyIn, kw_only=True):
    """A second person's word on a submitted inventory."""

    verdict: Literal["verified", "returned"]
    findings: Findings


class AllowanceAllocationIn(FactIn, kw_only=True):
    """Emission allowances (CEA) that the state allocates to an enterprise for a year, in tCO2e."""

    enterprise: PartyId
    quantity: PositiveText
    year: Year


class CcerPurchaseIn(FactIn, kw_only=True):
    """Certified reductions (CCER) that an enterprise bought, in tCO2e."""

    enterprise: PartyId
    quantity: PositiveText


class SurrenderIn(FactIn, kw_only=True):
    """Allowances, and some reductions, for the verified direct emissions of a year."""

    enterprise: PartyId | None = None
    """May be left out by an enterprise, which surrenders its own."""
    year: Year
    cea: WholeText = "0"
    ccer: WholeText = "0"


class ProductPartIn(BodyIn, kw_only=True):
    """So much of a product lot, in grams."""

    lot: ProductLot
    quantity: PositiveText


class ProductIn(FactIn, kw_only=True):
    """Product lots made of others and of emissions, in grams; carbon is shared by mass, to the gram."""

    enterprise: PartyId | None = None
    """May be left out by an enterprise, which speaks of its own."""
    outputs: Annotated[tuple[ProductPartIn, ...], Meta(min_length=1, max_length=40)]
    inputs: Annotated[tuple[ProductPartIn, ...], Meta(max_length=40)] = ()
    emissions_g: WholeText = "0"
    """Grams of CO2e that making them emitted."""


class ProductSaleIn(FactIn, kw_only=True):
    """Some of a product lot for another enterprise, or for somebody outside the park, with its embodied carbon."""

    enterprise: PartyId | None = None
    lot: ProductLot
    quantity: PositiveText
    receiver: PartyId | None = None
    """None: somebody outside the park."""
    receiver_lot: ProductLot | None = None
    """What the receiver calls it; by default the same."""


class ProductReceiptIn(FactIn, kw_only=True):
    """A product lot bought outside the park, with the footprint its seller declares, in grams."""

    enterprise: PartyId | None = None
    lot: ProductLot
    quantity: PositiveText
    emissions_g: WholeText
