"""Every reason to say no: its code, its texts, and the figures that callers in `ledger` give it."""

import ast
import re
import string
from pathlib import Path

import pytest

from ledger.core.refusal import NOTHING_POSTED, NOTHING_POSTED_ZH, REASONS, Reason, refuse

LEDGER = Path(__file__).resolve().parents[2] / "ledger"


def figures_of(text: str) -> set[str]:
    """The figures that a text names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def refusals_made(source: str) -> list[tuple[str, set[str], bool]]:
    """Each `refuse(code, ...)` in a program: its code, the figures named, and whether more come by **."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        (call.args[0].value, {k.arg for k in call.keywords if k.arg}, any(k.arg is None for k in call.keywords))
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "refuse" and isinstance(call.args[0], ast.Constant)
    ]


def is_short(code: str, named: set[str], open_ended: bool) -> bool:
    """Whether a call gives less than the texts of its reason need."""
    reason = REASONS.get(code)
    return reason is None or (not open_ended and not figures_of(reason.text) | figures_of(reason.text_zh) <= named)


every_reason = pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)


@every_reason
def test_code_is_stable_snake_case(reason: Reason) -> None:
    """Codes are names programs compare with."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.code)
    assert REASONS[reason.code] is reason


@every_reason
def test_both_languages_say_the_same_figures(reason: Reason) -> None:
    """English and Chinese have a title and a text, and name the same figures."""
    assert reason.title
    assert reason.text
    assert re.search("[一-鿿]", reason.title_zh)
    assert re.search("[一-鿿]", reason.text_zh)
    assert figures_of(reason.text) == figures_of(reason.text_zh)


@every_reason
def test_figures_fill_in_and_the_effect_comes_last(reason: Reason) -> None:
    """Each text shows the figures it was given and ends with the effect, unless the outcome is not known."""
    given = {name: f"<{name}>" for name in figures_of(reason.text)}
    refusal = refuse(reason.code, **given)
    english, chinese = refusal.detail(), refusal.detail(chinese=True)
    assert all(value in english and value in chinese for value in given.values())
    assert "{" not in english + chinese
    effect = reason.code != "outcome_unknown"
    assert english.endswith(NOTHING_POSTED) is effect
    assert chinese.endswith(NOTHING_POSTED_ZH) is effect


@every_reason
def test_status_fits_the_kind_of_refusal(reason: Reason) -> None:
    """A refusal is the caller's or the load's, never a server error; one frozen for ever never says to try again."""
    assert reason.status in (400, 401, 403, 404, 409, 422, 423, 429, 503)
    assert not (reason.frozen and reason.status in (400, 401, 403, 429, 503))


def test_outcome_unknown_never_claims_that_nothing_was_posted() -> None:
    """Nobody knows, so nobody says so."""
    assert NOTHING_POSTED not in refuse("outcome_unknown").detail()


def test_figures_with_braces_are_shown_as_they_are() -> None:
    """A figure is text from outside: it is never read as a template."""
    assert "{available}" in refuse("unknown_lot", lot="{available}").detail()


def test_figures_are_kept_in_the_order_of_their_names() -> None:
    """Figures go into the record, whose keys stand in order."""
    figures = refuse("unbalanced", sum=3, lot="", commodity="GEC").figures
    assert list(figures.items()) == [("commodity", "GEC"), ("lot", ""), ("sum", "3")]


@pytest.mark.parametrize("path", sorted(LEDGER.rglob("*.py")), ids=lambda path: str(path.relative_to(LEDGER)))
def test_every_refusal_in_the_program_gives_the_figures_its_texts_name(path: Path) -> None:
    """A figure left out would be a fault just when the caller must be told why."""
    assert [made for made in refusals_made(path.read_text("utf-8")) if is_short(*made)] == []


def test_refusal_without_its_figures_would_be_found() -> None:
    """The twin: a call that forgets a figure, or invents a code, is seen by the check above."""
    source = (
        'refuse("unknown_lot", lot=1)\nrefuse("unknown_lot")\nrefuse("unheard_of", lot=1)\nrefuse("forbidden", **x)'
    )
    assert [is_short(*made) for made in refusals_made(source)] == [False, True, True, False]
