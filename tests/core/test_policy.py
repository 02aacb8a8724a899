"""Rules as data: which row judges a fact of which day."""

from ledger.core.policy import ROLES, CodeLayout, Dating, Move, PolicyBook, PolicyRow, Rule, in_force
from ledger.core.seed import SEED

FREE = Move(command="transfer", commodity="GEC", role="enterprise", source="holding_ent", target="holding_ent")


def row(rule: Rule, since: str, until: str | None = None) -> PolicyRow:
    """A row in force over these days."""
    return PolicyRow(in_force_from=since, in_force_to=until, rule=rule, source="test")


def book_of(*rows: PolicyRow) -> PolicyBook:
    """The rows, with ids from 1 on."""
    book = PolicyBook()
    for index, one in enumerate(rows, start=1):
        book.add(index, one)
    return book


def move(book: PolicyBook, on: str, **changed: str) -> int | None:
    """The row that allows the free transfer, or one like it, on this day."""
    asked = {field: getattr(FREE, field) for field in ("command", "source", "target", "commodity", "role")} | changed
    return book.move(*asked.values(), on=on)


def test_row_is_in_force_from_its_first_to_its_last_day() -> None:
    """Both ends are included; without a last day the row stays open."""
    closed, still_open = row(FREE, "2026-01-02", "2026-01-04"), row(FREE, "2026-01-02")
    days = ("2026-01-01", "2026-01-02", "2026-01-04", "2026-01-05")
    assert [in_force(closed, on) for on in days] == [False, True, True, False]
    assert [in_force(still_open, on) for on in days] == [False, True, True, True]


def test_move_is_judged_by_the_row_of_its_own_day() -> None:
    """A fact is allowed by the row that was in force when it occurred, whatever came later."""
    book = book_of(row(FREE, "2025-01-01", "2025-12-31"), row(FREE, "2026-06-01"))
    assert [move(book, on) for on in ("2024-12-31", "2025-07-01", "2026-01-01", "2026-06-01")] == [None, 1, None, 2]


def test_move_differing_in_any_field_is_not_allowed() -> None:
    """Command, both kinds, commodity and role must all agree: nothing is allowed by likeness."""
    book = book_of(row(FREE, "2025-01-01"))
    others = {"command": "trade", "source": "frozen", "target": "frozen", "commodity": "CEA", "role": "operator"}
    assert move(book, "2026-01-01") == 1
    assert [move(book, "2026-01-01", **{field: value}) for field, value in others.items()] == [None] * 5


def test_newest_row_in_force_wins() -> None:
    """Of two rows for one day the later record judges; a row not yet in force does not."""
    old, new, coming = (CodeLayout(project=17, month=6, serial=serial, classes=2) for serial in (7, 8, 9))
    book = book_of(row(old, "2020-01-01"), row(new, "2020-01-01"), row(coming, "2027-01-01"))
    assert book.code_layout("2026-01-01") == (2, new)
    assert book.code_layout("2027-01-01") == (3, coming)
    assert book.code_layout("2019-12-31") is None


def test_newest_allowing_row_is_named() -> None:
    """A record names the row that judged it: the newest, so that its source can be read."""
    assert move(book_of(row(FREE, "2020-01-01"), row(FREE, "2020-01-01")), "2026-01-01") == 2


def test_what_was_asked_before_is_asked_anew_once_the_rules_are_others() -> None:
    """A rule that comes, or goes with a rollback, judges what was asked of the book without it."""
    old, new = (CodeLayout(project=17, month=6, serial=serial, classes=2) for serial in (7, 8))
    book, on = book_of(row(old, "2020-01-01")), "2026-01-01"
    for _ in range(2):
        assert (book.code_layout(on), move(book, on)) == ((1, old), None)
        book.add(2, row(FREE, "2020-01-01"))
        book.add(3, row(new, "2020-01-01"))
        assert (book.code_layout(on), move(book, on)) == ((3, new), 2)
        book.cut(1)
    assert (book.code_layout(on), move(book, on)) == ((1, old), None)
    book.cut(0)
    assert (book.code_layout(on), move(book, on)) == (None, None)


def test_dating_is_found_by_role() -> None:
    """A role without a row has none; another role's row never serves."""
    rule = Dating(role="operator", past=True, future=True, document=True)
    book = book_of(row(rule, "2020-01-01"))
    assert book.dating("operator", "2026-01-01") == (1, rule)
    assert book.dating("enterprise", "2026-01-01") is None


def test_seed_lets_an_enterprise_move_only_what_is_its_own() -> None:
    """Design D4: the generic transfer goes from Holding to Holding; a promise goes from the park's contra account."""
    moves = [one.rule for one in SEED if isinstance(one.rule, Move)]
    assert {(m.command, m.source, m.target) for m in moves if m.role == "enterprise"} == {
        ("transfer", "holding_ent", "holding_ent"),
        ("subscribe", "commitment_contra", "commitment_ent"),
        ("retire", "holding_ent", "retired"),
        ("retire", "inventory_gec", "expense_gec"),
        ("offer", "holding_ent", "offered"),
        ("answer_offer", "offered", "holding_ent"),
        ("transfer", "cea_ent", "cea_ent"),
        ("transfer", "ccer_ent", "ccer_ent"),
        ("surrender", "cea_ent", "cea_surrendered"),
        ("surrender", "ccer_ent", "ccer_surrendered"),
        ("make_product", "co2e", "co2e"),
        ("make_product", "co2e_emitted", "co2e"),
        ("make_product", "stock", "stock"),
        ("make_product", "stock", "stock_made"),
        ("make_product", "stock_made", "stock"),
        ("sell_product", "co2e", "co2e"),
        ("sell_product", "co2e", "co2e_outside"),
        ("sell_product", "stock", "stock"),
        ("sell_product", "stock", "stock_outside"),
        ("receive_product", "co2e_outside", "co2e"),
        ("receive_product", "stock_outside", "stock"),
    }
    assert {m.role for m in moves} == {"enterprise", "operator"}, "regulators and auditors never post"


def test_every_seeded_row_names_its_source_and_a_known_role() -> None:
    """A rule without a source could not be defended before the regulator."""
    assert all(one.source for one in SEED)
    assert {one.rule.role for one in SEED if isinstance(one.rule, Move | Dating)} <= set(ROLES)


def test_enterprise_may_not_date_facts_and_operator_needs_a_document() -> None:
    """Design D6: an enterprise's own commands occur today; only an operator back-dates, with a document."""
    datings = {one.rule.role: one.rule for one in SEED if isinstance(one.rule, Dating)}
    assert not (datings["enterprise"].past or datings["enterprise"].future)
    assert datings["operator"].past
    assert datings["operator"].document
