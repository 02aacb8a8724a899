"""The carbon rules a new ledger starts with: factors and what counts as zero, each with its source and evidence tag.

What the domain reference marks as not found is not here: Qinghai's grid average of 2023, emissions of fuels.
"""

from ledger.core.carbon_rules import (
    CarbonRule,
    CcerShare,
    ClaimPurpose,
    DeclaredFigure,
    Factor,
    FactorFallback,
    FactorKind,
    GridRegion,
    ProcessMethod,
    SavingCap,
    SupplyRoute,
    Target,
)
from ledger.core.policy import PolicyRow

_ALWAYS = "2017-01-01"
_PUBLISHED = {"2021": "2024-04-12", "2022": "2024-12-20", "2023": "2026-01-15"}
"""Year of the data -> the day it was announced: [M-M] for the first two, domain 4.2 [V35] for the third."""


def _row(rule: CarbonRule, source: str, since: str = _ALWAYS) -> PolicyRow:
    return PolicyRow(in_force_from=since, rule=rule, source=source)


def _grid(year: str, of: FactorKind, region: str, value: str, tag: str) -> PolicyRow:
    """An electricity factor, in tCO2 for each MWh."""
    rule = Factor(
        data_year=year, factor_set=f"CN-{year}", material="electricity", of=of, per="MWh", region=region, value=value
    )
    return _row(rule, f"domain 4.2 {tag}", since=_PUBLISHED[year])


def _direct(material: str, method: str, value: str, source: str, since: str = _ALWAYS) -> PolicyRow:
    """Direct emissions of a material, in tCO2e for each tonne."""
    rule = Factor(
        data_year=since[:4], factor_set="PROCESS", material=material, method=method, of="EMISSION", per="t",
        region="CN", value=value,
    )  # fmt: skip
    return _row(rule, source, since)


def _coal(material: str, of: FactorKind, per: str, value: str, source: str) -> PolicyRow:
    """Standard coal, in tce for each unit."""
    rule = Factor(data_year="2020", factor_set="TCE", material=material, of=of, per=per, region="CN", value=value)
    return _row(rule, source)


CARBON_SEED: tuple[PolicyRow, ...] = (
    _grid("2021", "GRID_AVERAGE", "CN", "0.5568", "[V34]"),
    _grid("2021", "GRID_AVERAGE", "NW", "0.5951", "[M-M]"),
    _grid("2021", "GRID_AVERAGE", "QH", "0.1326", "[V36 secondary]"),
    _grid("2021", "NATIONAL_RESIDUAL", "CN", "0.5942", "[M-M]"),
    _grid("2021", "FOSSIL_ONLY", "CN", "0.8426", "[V34]"),
    _grid("2022", "GRID_AVERAGE", "CN", "0.5366", "[V34]"),
    _grid("2022", "GRID_AVERAGE", "NW", "0.5857", "[V34]"),
    _grid("2022", "GRID_AVERAGE", "QH", "0.1567", "[V34]"),
    _grid("2022", "NATIONAL_RESIDUAL", "CN", "0.5856", "[V34]"),
    _grid("2022", "FOSSIL_ONLY", "CN", "0.8325", "[V34]"),
    _grid("2023", "GRID_AVERAGE", "CN", "0.5306", "[V35]"),
    _grid("2023", "GRID_AVERAGE", "NW", "0.5543", "[V35]"),
    _grid("2023", "NATIONAL_RESIDUAL", "CN", "0.6096", "[V35]"),
    _grid("2023", "FOSSIL_ONLY", "CN", "0.8273", "[V35]"),
    _row(
        FactorFallback(of="GRID_AVERAGE", region="QH", use="EARLIER_SET"),
        "domain 4.2, 4.4: Qinghai 2023 not found; its 2022 value, shown as such",
    ),
    _row(
        Factor(
            data_year="2023",
            factor_set="FOOTPRINT-2023",
            material="electricity",
            of="FOOTPRINT",
            per="MWh",
            region="CN",
            value="0.6205",
        ),
        "domain 4.2 [V38]: product footprints only",
        since="2025-01-01",
    ),
    _row(
        Factor(
            data_year="2024",
            factor_set="FOOTPRINT-2024",
            material="electricity",
            of="FOOTPRINT",
            per="MWh",
            region="CN",
            value="0.5777",
        ),
        "domain 4.2 [V38]: product footprints only",
        since="2025-10-24",
    ),
    _direct("aluminium", "anode", "1.424", "domain 4.1 [V32]: 2024 consultation draft"),
    _direct("aluminium", "anode_effect", "0.1454", "domain 4.1 [V32]: 2024 consultation draft, tCO2e"),
    _direct("limestone", "calcination", "0.4397", "domain 4.1: 44.01/100.09 tCO2 for each tonne of CaCO3"),
    _direct("clinker", "calcination", "0.525", "domain 4.1 [M-M]: 0.525 to 0.538, the lower"),
    _row(
        ProcessMethod(material="calcium_carbide", method="furnace"),
        "domain 4.1 [M-H]: carbide furnace; factor not found",
    ),
    _row(
        ProcessMethod(
            material="clinker", method="calcination_with_slag", beside="carbide_slag", instead_of="calcination"
        ),
        "domain 4.1 [M-M]: lower with carbide slag (电石渣); factor not found",
    ),
    _coal("electricity", "COAL_CALORIFIC", "MWh", "0.1229", "domain 4.7 [M-H]: 3.6 MJ / 29.3076"),
    _coal("electricity", "COAL_EQUIVALENT", "MWh", "0.30", "domain 4.7 [M-M]: about 0.30, changes by year"),
    *(
        _coal(material, of, per, value, f"domain 4.7 {tag}")
        for material, per, value, tag in (
            ("raw_coal", "t", "0.7143", "[V47]"),
            ("natural_gas", "m3", "0.0012143", "[V47], older table"),
            ("coke", "t", "0.9714", "[V47]"),
            ("crude_oil", "t", "1.4286", "[V47]"),
            ("petrol", "t", "1.4714", "[V47]"),
            ("diesel", "t", "1.4571", "[V47]"),
            ("heat", "GJ", "0.0341", "[V47]"),
        )
        for of in ("COAL_CALORIFIC", "COAL_EQUIVALENT")
    ),
    _row(GridRegion(region="QH"), "domain 4.2: Qinghai, location-based by default"),
    _row(SupplyRoute(route="GRID", location="GRID", market="RESIDUAL"), "domain 4.3"),
    _row(
        SupplyRoute(route="GREEN_POWER_BUNDLE", location="GRID", market="RESIDUAL"),
        "domain 0.8, 4.3: zero by its certificates only",
    ),
    _row(
        SupplyRoute(route="SELF_USE", location="ZERO", market="RESIDUAL"),
        "domain 4.5 [M-M], 0.8: no grid power; market-based zero by its own certificates once retired",
    ),
    _row(
        SupplyRoute(route="DIRECT_CONNECTION", location="ZERO", market="RESIDUAL"),
        "domain 4.5 [M-M], 0.8: no grid power; market-based zero by its own certificates once retired",
    ),
    *(
        _row(
            Target(industry=industry, mode=mode, percent=percent, year=year), f"domain 5.1 {tag}", since=f"{year}-01-01"
        )
        for year, industry, percent, mode, tag in (
            ("2023", "all", "70.0", "ASSESSED", "[V49]"),
            ("2024", "all", "70", "ASSESSED", "[M-M]"),
            ("2024", "aluminium", "70", "MONITORED", "[V13]: national range 21 to 70"),
            ("2025", "all", "70.0", "ASSESSED", "[V42]: consultation draft"),
            ("2025", "aluminium", "70.0", "ASSESSED", "[V42]: consultation draft, [V14]"),
            ("2025", "steel", "70.0", "MONITORED", "[V42]: consultation draft, [V14]"),
            ("2025", "cement", "70.0", "MONITORED", "[V42]: consultation draft, [V14]"),
            ("2025", "polysilicon", "70.0", "MONITORED", "[V42]: consultation draft, [V14]"),
            ("2026", "all", "70", "ASSESSED", "[M-M]: expected"),
            ("2026", "aluminium", "70", "ASSESSED", "[M-M]: expected, final notice not found"),
        )
    ),
    _row(CcerShare(percent="5"), "domain 4.6 [M-H]: at most 5 % of verified emissions"),
    _row(SavingCap(percent="50"), "domain 1.1, 4.5 [V8]: 113号, the 14th plan; successor unknown", since="2024-01-27"),
    *(
        _row(ClaimPurpose(purpose=purpose), "domain 1.8: one claim of the same consumer, MWh and year")
        for purpose in ("COMPLIANCE_SHARE", "VOLUNTARY", "PRODUCT_CLAIM")
    ),
    *(
        _row(
            DeclaredFigure(figure=figure, percent=percent, as_of="2023-12-31", level="DECLARED"),
            "the park's own statement for the end of 2023 (issue 6); no evidence seen",
        )
        for figure, percent in (
            ("循环经济产值比重", "89"),
            ("固废综合利用率", "95"),
            ("重复用水率", "95"),
            ("铝水就地转化率", "77"),
        )
    ),
)
