"""Rules of carbon accounting as data: emission factors, what stands in for a missing one, what counts as zero."""

from typing import Annotated, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
FactorKind = Literal[
    "GRID_AVERAGE", "NATIONAL_RESIDUAL", "FOSSIL_ONLY", "EMISSION", "FOOTPRINT", "COAL_CALORIFIC", "COAL_EQUIVALENT"
]
"""What a factor is for: location-based Scope 2, market-based Scope 2, fossil supply, a material's direct emissions or
those of purchased heat, product footprints (never an inventory), standard coal by the calorific or equivalent value."""


class Factor(msgspec.Struct, frozen=True, kw_only=True, tag="factor", tag_field="kind", forbid_unknown_fields=True):
    """What a unit of something emits, or is worth in standard coal. In force from the day it was published on.

    A factor belongs to a set, the numbers of one year; the newest set that was published on a report's day judges.
    """

    data_year: Text
    """YYYY."""
    factor_set: Text
    material: Text
    """As meters name it."""
    method: Text = ""
    """Which emission of the material, where it has several: anode, anode_effect, calcination."""
    of: FactorKind
    per: Text
    """The unit it multiplies: MWh, GJ, t or m3."""
    region: Text
    """CN, NW, QH, ..."""
    value: Text
    """A decimal, in tonnes of CO2e, or of standard coal, for each unit."""


class FactorFallback(
    msgspec.Struct, frozen=True, kw_only=True, tag="factor_fallback", tag_field="kind", forbid_unknown_fields=True
):
    """Where the newest set has no such factor for a region: that of an earlier set, or of another region, is used."""

    of: FactorKind
    region: Text
    use: Text
    """EARLIER_SET, or the region whose factor is used."""


class GridRegion(
    msgspec.Struct, frozen=True, kw_only=True, tag="grid_region", tag_field="kind", forbid_unknown_fields=True
):
    """The region whose grid average is the location-based factor of the park."""

    region: Text


class SupplyRoute(
    msgspec.Struct, frozen=True, kw_only=True, tag="supply_route", tag_field="kind", forbid_unknown_fields=True
):
    """What electricity of a route counts as: the grid's, or zero because it comes from a plant without emissions."""

    location: Literal["GRID", "ZERO"]
    market: Literal["RESIDUAL", "ZERO"]
    """RESIDUAL: as the residual mix, less what retired certificates cover."""
    route: Text


class ClaimPurpose(
    msgspec.Struct, frozen=True, kw_only=True, tag="claim_purpose", tag_field="kind", forbid_unknown_fields=True
):
    """Certificates retired for this purpose count in their beneficiary's inventory."""

    purpose: Text


class ClaimLimit(
    msgspec.Struct, frozen=True, kw_only=True, tag="claim_limit", tag_field="kind", forbid_unknown_fields=True
):
    """No more may be claimed for a year than the beneficiary's meters say it consumed in it."""


class ClaimRegion(
    msgspec.Struct, frozen=True, kw_only=True, tag="claim_region", tag_field="kind", forbid_unknown_fields=True
):
    """Only certificates of these provinces may be claimed for consumption in the years [from, before).

    A lot whose province the book does not know is of none of them. Without such a rule any province serves: the
    market of the certificates is the whole country (GHG Protocol, Scope 2 Guidance, "same market").
    """

    consumed_before: Text
    consumed_from: Text
    provinces: Text
    """QH GS ..."""


class IndustryOf(
    msgspec.Struct, frozen=True, kw_only=True, tag="industry_of", tag_field="kind", forbid_unknown_fields=True
):
    """Which industry an enterprise is of, for targets."""

    enterprise: Text
    industry: Text


class Target(msgspec.Struct, frozen=True, kw_only=True, tag="target", tag_field="kind", forbid_unknown_fields=True):
    """The share of green power that an industry must reach in a year, or is watched for."""

    industry: Text
    """aluminium, cement, ...; `all` for the province's weight of all consumption."""
    mode: Literal["ASSESSED", "MONITORED"]
    percent: Text
    """A decimal; a share is compared with it unrounded."""
    year: Text


class SavingCap(
    msgspec.Struct, frozen=True, kw_only=True, tag="saving_cap", tag_field="kind", forbid_unknown_fields=True
):
    """How much of the saving a province needs may come of certificates bought across provinces."""

    percent: Text


class CcerShare(
    msgspec.Struct, frozen=True, kw_only=True, tag="ccer_share", tag_field="kind", forbid_unknown_fields=True
):
    """How much of verified emissions may be surrendered in reductions, in percent."""

    percent: Text


class ProcessMethod(
    msgspec.Struct, frozen=True, kw_only=True, tag="process_method", tag_field="kind", forbid_unknown_fields=True
):
    """A source of Scope 1 besides those the engine has had from the first: a material, by a factor of this method.

    A rule and not code, so that an inventory of a tree size before it stays what it was.
    """

    material: Text
    method: Text
    beside: Text = ""
    """Only at a site where this material is metered, too."""
    instead_of: Text = ""
    """The method whose place it takes there."""


class ValueChain(
    msgspec.Struct, frozen=True, kw_only=True, tag="value_chain", tag_field="kind", forbid_unknown_fields=True
):
    """What is metered of this material also counts in a category of Scope 3, by a factor of method `category_<n>`.

    Nothing is in Scope 3 unless such a rule says so: which categories a report covers is for its reader to know.
    """

    category: Text
    """1 to 15, as the GHG Protocol numbers them: 1 purchased goods, 3 fuel and energy, 4 transport upstream ..."""
    material: Text


class DeclaredFigure(
    msgspec.Struct, frozen=True, kw_only=True, tag="declared_figure", tag_field="kind", forbid_unknown_fields=True
):
    """A share of the park that somebody declared and no reading supports, such as 工业固废综合利用率; a series by day.

    It judges nothing: it is shown beside what the book can prove, with how far it is confirmed.
    """

    figure: Text
    percent: Text
    as_of: Text
    """The day it is declared for, YYYY-MM-DD."""
    level: Literal["DECLARED", "REPORTED", "CONFIRMED"]


CarbonRule = (
    Factor
    | FactorFallback
    | GridRegion
    | SupplyRoute
    | ClaimPurpose
    | ClaimLimit
    | ClaimRegion
    | IndustryOf
    | Target
    | SavingCap
    | CcerShare
    | ProcessMethod
    | ValueChain
    | DeclaredFigure
)
