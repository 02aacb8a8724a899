"""The rules a new ledger starts with; every row is written to the journal at the ledger's opening.

Rows that a later version adds are appended to the ledgers of earlier ones when they are opened.
"""

from ledger.core.account import KINDS
from ledger.core.carbon_seed import CARBON_SEED
from ledger.core.plans.reversals import REVERSIBLE
from ledger.core.policy import (
    Acquisition,
    Approval,
    CcerLinkage,
    CodeLayout,
    ComplianceBasis,
    Dating,
    Move,
    PolicyRow,
    Rule,
    TradeOnce,
    Validity,
    VintageMatch,
)

_ALWAYS = "2017-01-01"


def _moves(command: str, roles: str, commodity: str, *pairs: tuple[str, str], source: str) -> list[PolicyRow]:
    rows = []
    for role in roles.split():
        for origin, target in pairs:
            assert origin in KINDS and target in KINDS
            rule = Move(command=command, commodity=commodity, role=role, source=origin, target=target)
            rows.append(PolicyRow(in_force_from=_ALWAYS, rule=rule, source=source))
    return rows


def _row(rule: Rule, source: str, since: str = _ALWAYS, until: str | None = None) -> PolicyRow:
    return PolicyRow(in_force_from=since, in_force_to=until, rule=rule, source=source)


def _both(one: str, other: str) -> tuple[tuple[str, str], ...]:
    """Every pair of two kinds of accounts between which energy is metered and carried on."""
    return tuple((source, target) for source in (one, other) for target in (one, other))


_EVENTS: tuple[PolicyRow, ...] = (
    *_moves(
        "transfer",
        "enterprise operator",
        "GEC",
        ("holding_ent", "holding_ent"),
        source="design D5: FREE_TRANSFER between enterprises, uncertain in law",
    ),
    *_moves(
        "subscribe",
        "enterprise operator",
        "GECSUB",
        ("commitment_contra", "commitment_ent"),
        source="domain 3.3 row 2",
    ),
    *_moves(
        "subscribe",
        "operator",
        "GECSUB",
        ("commitment_contra", "commitment_unallocated"),
        source="domain 2.4: lump rows and intentions",
    ),
    *_moves("trade", "operator", "GEC", ("external", "clearing"), source="domain 3.3 row 6"),
    *_moves("trade", "operator", "CNY", ("payable", "inventory_gec"), source="domain 3.3 row 6"),
    *_moves("transfer_trade", "operator", "GEC", ("clearing", "holding_ent"), source="domain 3.3 row 7"),
    *_moves("transfer", "operator", "CNY", ("cash", "payable"), source="domain 3.3 row 7: what was owed is paid"),
    *_moves(
        "identify_trade",
        "operator",
        "GEC",
        ("clearing", "identification"),
        ("identification", "clearing"),
        ("holding_ent", "identification"),
        ("identification", "holding_ent"),
        source="design D5: identification; domain 3.2",
    ),
    *_moves(
        "identify_trade",
        "operator",
        "CNY",
        ("inventory_gec", "inventory_gec"),
        source="design D5: cost follows the lot",
    ),
    *_moves(
        "void_trade",
        "operator",
        "GEC",
        ("clearing", "external"),
        ("holding_ent", "external"),
        source="domain 3.3 row 16",
    ),
    *_moves("void_trade", "operator", "CNY", ("inventory_gec", "payable"), source="domain 3.3 row 16"),
    *_moves("freeze", "operator", "GEC", ("holding_ent", "frozen"), source="domain 3.3 row 12"),
    *_moves("retire", "enterprise operator", "GEC", ("holding_ent", "retired"), source="domain 3.3 row 13"),
    *_moves("unfreeze", "operator", "GEC", ("frozen", "holding_ent"), source="domain 3.3 row 12"),
    _row(Dating(role="enterprise", past=False, future=False, document=True), "design D6"),
    _row(Dating(role="operator", past=True, future=True, document=True), "design D6"),
    _row(CodeLayout(project="17", month="6", serial="7", classes="2"), "domain 2.2, constructed: widths not published"),
    _row(
        Validity(produced_from="2000-01", produced_before="2024-01", valid_until="2025-12-31"),
        "domain 1.7 [V1], transition",
    ),
    _row(Validity(produced_from="2024-01", produced_before="9999-12", months="24"), "domain 1.7 [V1]"),
    _row(
        VintageMatch(consumed_from="2017", consumed_before="2026", match="WITHIN_VALIDITY"),
        "domain 1.8 [V6]: consumption years up to 2025",
    ),
    _row(VintageMatch(consumed_from="2026", consumed_before="9999", match="SAME_YEAR"), "domain 1.8 [V6]"),
    # Issuance, and what comes by other routes than a trade from outside.
    *_moves(
        "issue",
        "operator",
        "GEC",
        ("issuance", "holding_project"),
        ("issuance", "external"),
        source="domain 3.3 row 1; design D5: adopts what came in from outside",
    ),
    *_moves("issue", "operator", "KWH", *_both("metered", "carry"), source="domain 1.4 [V1]: under one MWh carries"),
    *_moves("open_balance", "operator", "GEC", ("opening", "holding_ent"), source="domain 3.2: take-on balance"),
    *_moves(
        "settle_bundle",
        "operator",
        "GEC",
        ("external", "holding_ent"),
        ("holding_project", "holding_ent"),
        source="domain 3.3 row 9",
    ),
    *_moves("settle_bundle", "operator", "CNY", ("payable", "inventory_gec"), source="domain 3.3 row 9"),
    *_moves(
        "settle_bundle",
        "operator",
        "KWH",
        *_both("metered_contract", "carry_contract"),
        source="domain 2.3: the rest of a MWh is carried by the contract",
    ),
    *_moves(
        "transfer_with_energy",
        "operator",
        "GEC",
        ("external", "holding_ent"),
        ("holding_project", "holding_ent"),
        source="domain 3.3 row 10",
    ),
    *_moves("receive_for_province", "operator", "GEC", ("external", "holding_province"), source="domain 3.3 row 11"),
    *_moves("allocate", "operator", "GEC", ("holding_province", "holding_ent"), source="domain 3.3 row 11"),
    # A project's own certificates: offered, sold, frozen, cancelled.
    *_moves("list", "operator", "GEC", ("holding_project", "listed"), source="domain 3.3 row 4"),
    *_moves("delist", "operator", "GEC", ("listed", "holding_project"), source="domain 3.3 row 5"),
    *_moves(
        "trade",
        "operator",
        "GEC",
        ("listed", "clearing"),
        ("holding_project", "clearing"),
        source="domain 3.3 row 6",
    ),
    *_moves(
        "void_trade",
        "operator",
        "GEC",
        ("clearing", "holding_project"),
        ("holding_ent", "holding_project"),
        source="domain 3.3 row 16",
    ),
    *_moves("freeze", "operator", "GEC", ("holding_project", "frozen"), source="domain 3.3 row 12, 1.9"),
    *_moves("unfreeze", "operator", "GEC", ("frozen", "holding_project"), source="domain 3.3 row 12"),
    *_moves("cancel_for_ccer", "operator", "GEC", ("frozen", "cancelled"), source="domain 3.3 row 15"),
    *_moves(
        "expire",
        "operator",
        "GEC",
        ("holding_ent", "expired"),
        ("holding_project", "expired"),
        ("holding_province", "expired"),
        ("listed", "expired"),
        source="domain 3.3 row 14",
    ),
    # Promises: fulfilled by a trade, or taken back.
    *_moves("deliver", "operator", "GECSUB", ("commitment_ent", "commitment_contra"), source="domain 3.3 row 8"),
    *_moves(
        "void_trade", "operator", "GECSUB", ("commitment_contra", "commitment_ent"), source="domain 3.3 rows 8, 16"
    ),
    *_moves(
        "reduce_subscription",
        "operator",
        "GECSUB",
        ("commitment_ent", "commitment_contra"),
        source="domain 3.3 row 3",
    ),
    _row(Acquisition(route="UNBUNDLED_TRADE", is_trade=True, tradable="yes"), "domain 1.3 [V1]"),
    _row(Acquisition(route="GREEN_POWER_BUNDLE", is_trade=True, tradable="yes"), "domain 1.3 [V5]"),
    _row(Acquisition(route="HYDRO_TRANSFER", is_trade=False, tradable="no"), "domain 1.3 [V5]"),
    _row(Acquisition(route="SELF_USE", is_trade=False, tradable="no"), "domain 1.3 [V5]"),
    _row(Acquisition(route="PROVINCIAL_ALLOCATION", is_trade=False, tradable="either"), "domain 1.2 [V6]"),
    _row(
        Approval(command="reverse", of="retire", role="operator"),
        "domain 3.4: our own booking error, with evidence, and a second approver",
    ),
    # A trade withdrawn after its units moved on: a break, until they are found.
    *_moves("void_trade", "operator", "GEC", ("suspense", "external"), source="domain 3.3 rows 16, 18"),
    *_moves(
        "settle_break",
        "operator",
        "GEC",
        ("holding_ent", "external"),
        ("external", "suspense"),
        source="domain 3.3 row 18",
    ),
    *_moves(
        "offer",
        "enterprise operator",
        "GEC",
        ("holding_ent", "offered"),
        source="design D5, D10: FREE_TRANSFER, uncertain in law; an offer reserves",
    ),
    *_moves(
        "answer_offer", "enterprise operator", "GEC", ("offered", "holding_ent"), source="design D5, D10: FREE_TRANSFER"
    ),
    *_moves(
        "retire", "enterprise operator", "CNY", ("inventory_gec", "expense_gec"), source="domain 3.3 row 13: by lot"
    ),
    *_moves("void_trade", "operator", "CNY", ("expense_gec", "payable"), source="domain 3.3 row 16, of what was used"),
    *_moves(
        "succeed",
        "operator",
        "GEC",
        ("holding_ent", "holding_ent"),
        source="product rule: mergers",
    ),
    *_moves("succeed", "operator", "CNY", ("inventory_gec", "inventory_gec"), source="design D5: cost follows the lot"),
    *_moves(
        "succeed",
        "operator",
        "GECSUB",
        ("commitment_ent", "commitment_ent"),
        source="product rule: mergers",
    ),
    _row(
        ComplianceBasis(consumed_from="2025", consumed_before="2026", basis="HELD"),
        "domain 5.1 [V42]: Qinghai counts mainly certificates held in 2025; later years are not known yet",
    ),
    _row(
        Approval(command="retire", of="late", role="operator"),
        "design D6: across an expiry, a freeze or a year end: CONFIRMED evidence and a second person",
    ),
    *_moves(
        "correct_bundle",
        "operator",
        "GEC",
        ("holding_ent", "external"),
        ("holding_ent", "holding_project"),
        ("suspense", "external"),
        ("suspense", "holding_project"),
        source="domain 2.3, 3.4: a settlement corrected; without its original it waits in suspense",
    ),
    *_moves(
        "correct_bundle",
        "operator",
        "CNY",
        ("inventory_gec", "payable"),
        ("expense_gec", "payable"),
        ("suspense_cost", "payable"),
        source="domain 2.3, 3.3 row 9",
    ),
    *_moves(
        "correct_bundle",
        "operator",
        "KWH",
        *_both("metered_contract", "carry_contract"),
        *_both("metered_contract", "suspense_energy"),
        source="domain 2.3: the rest of a MWh is carried by the contract",
    ),
    *_moves(
        "correct_trade",
        "operator",
        "GEC",
        ("suspense", "external"),
        ("suspense", "holding_project"),
        source="domain 2.1, 3.4: without its original a correction waits in suspense",
    ),
    *_moves("correct_trade", "operator", "CNY", ("suspense_cost", "payable"), source="domain 2.1, 3.4"),
    *_moves(
        "link_trade",
        "operator",
        "GEC",
        ("external", "suspense"),
        ("holding_project", "suspense"),
        source="domain 3.3 row 18: linked to its original",
    ),
    *_moves("link_trade", "operator", "CNY", ("payable", "suspense_cost"), source="domain 3.3 row 18"),
    *_moves("link_correction", "operator", "GEC", ("holding_ent", "suspense"), source="domain 2.3, 3.3 row 18"),
    *_moves(
        "link_correction",
        "operator",
        "CNY",
        ("inventory_gec", "suspense_cost"),
        ("expense_gec", "suspense_cost"),
        source="domain 2.3, 3.3 row 18",
    ),
    *_moves(
        "link_correction",
        "operator",
        "KWH",
        *_both("suspense_energy", "carry_contract"),
        source="domain 2.3, 3.3 row 18",
    ),
    *_moves(
        "make_product", "enterprise operator", "CO2E", ("co2e", "co2e"), ("co2e_emitted", "co2e"), source="domain 3.2"
    ),
    *_moves(
        "make_product",
        "enterprise operator",
        "PRODUCT",
        ("stock", "stock"),
        ("stock", "stock_made"),
        ("stock_made", "stock"),
        source="domain 3.2: mass beside embodied carbon",
    ),
    *_moves(
        "sell_product", "enterprise operator", "CO2E", ("co2e", "co2e"), ("co2e", "co2e_outside"), source="domain 3.2"
    ),
    *_moves(
        "sell_product",
        "enterprise operator",
        "PRODUCT",
        ("stock", "stock"),
        ("stock", "stock_outside"),
        source="domain 3.2: mass beside embodied carbon",
    ),
    *_moves("receive_product", "enterprise operator", "CO2E", ("co2e_outside", "co2e"), source="domain 3.2"),
    *_moves("receive_product", "enterprise operator", "PRODUCT", ("stock_outside", "stock"), source="domain 3.2"),
    *_moves("allocate_allowances", "operator", "CEA", ("cea_allocated", "cea_ent"), source="domain 3.3 row 19"),
    *_moves("transfer", "enterprise operator", "CEA", ("cea_ent", "cea_ent"), source="domain 3.2, 4.6"),
    *_moves("transfer", "enterprise operator", "CCER", ("ccer_ent", "ccer_ent"), source="domain 3.2, 4.6"),
    *_moves("buy_ccer", "operator", "CCER", ("ccer_market", "ccer_ent"), source="domain 3.2, 4.6"),
    *_moves("surrender", "enterprise operator", "CEA", ("cea_ent", "cea_surrendered"), source="domain 3.3 row 19"),
    *_moves("surrender", "enterprise operator", "CCER", ("ccer_ent", "ccer_surrendered"), source="domain 3.3 row 19"),
    _row(Approval(command="reverse", of="surrender", role="operator"), "domain 3.5, invariant 6; design D6"),
    _row(TradeOnce(), "domain 1.6 [V2] draft, final [M-H]"),
    _row(CcerLinkage(), "domain 1.9 [V9], 1.1 [V10]: two years", since="2024-10-01", until="2026-09-30"),
)


def _mirrored(rows: tuple[PolicyRow, ...]) -> list[PolicyRow]:
    """An operator may take back, by a reversal, whatever a reversible event moved."""
    moves = [row.rule for row in rows if isinstance(row.rule, Move) and row.rule.command in REVERSIBLE]
    pairs = dict.fromkeys((move.commodity, move.target, move.source) for move in moves)
    return [
        row
        for commodity, source, target in pairs
        for row in _moves("reverse", "operator", commodity, (source, target), source="domain 3.3 row 16, 3.4")
    ]


SEED: tuple[PolicyRow, ...] = (*_EVENTS, *_mirrored(_EVENTS), *CARBON_SEED)
