"""The book, followed posting by posting with arithmetic of its own: nothing here asks the engine that decided.

Every rule a record must keep stands here once more, by its name (`RULES`); what breaks one becomes a finding.
"""

import datetime
import functools
import re
from collections import Counter
from collections.abc import Callable

from ledger.core.account import AccountKind, kind_of
from ledger.core.certificate import LotFacts, last_valid_day
from ledger.core.policy import Move, Period, PolicyRow, Validity, in_force, unsound
from ledger.core.record import (
    AccountBody,
    Body,
    Envelope,
    LedgerBody,
    LotBody,
    PartyBody,
    PolicyBody,
    PostedLeg,
    PostingBody,
    RefusalBody,
    RetirementBody,
    SigningKeyBody,
)
from ledger.proof.keys_seen import KeysSeen
from ledger.proof.places import Places

RULES = {
    "opening": "the first record, and no other, opens the ledger, under the origin its checkpoints name",
    "unbalanced": "a transaction has two postings or more; each commodity, and lot of certificates, sums to zero",
    "unknown_account": "an account is opened before it is posted to, and holds the commodities of its kind",
    "account_twice": "an account is opened once",
    "unknown_lot": "a lot is declared before it is posted; certificates have one",
    "lot_twice": "a lot is declared once",
    "overdraft": "no account of the book gives more of a lot than it has",
    "left_terminal": "what was retired, expired or cancelled leaves its account by a reversal only",
    "serials_mismatch": "a posting of a numbered lot names as many serials as it moves, in order",
    "serial_not_there": "serials are taken from where they lie",
    "serial_twice": "a serial lies in one place",
    "unknown_policy": "the rules that judged a transaction are in the log before it",
    "move_not_allowed": "each account of a transaction takes part in a move that one of its rules allows on its day",
    "expired": "nothing is claimed, listed or sold by its project after the last day it was valid",
    "wrong_reversal": "reversals take back what an earlier transaction did, each part once, and no reversal",
    "in_closed_period": "no fact counts in a month that was closed before it was recorded",
    "malformed_figure": "quantities are whole numbers of 19 digits at most, days ISO dates, rules such as can judge",
}
_GEC = "GEC"
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_USES = {"retire", "list", "trade"}
"""Commands that certificates must be valid for, on the day they occurred on; a trade, where a project sells."""
_OUTSIDE = {"external", "holding_ent"}
"""Kinds of accounts a trade may come from whose certificates nobody here judged."""
_DIGITS_MAX = 19
Legs = dict[tuple[str, str, str | None], int]
"""(account, commodity, lot) -> quantity."""
Taken = tuple[str, str, bool]
"""(kind of account, commodity, whether it gets) of a posting."""
Note = Callable[[str, str], None]
"""Takes (rule, what was found)."""


class _Holding:
    """What an account holds of one commodity and lot, and what following it needs to know of them."""

    __slots__ = ("gets", "gives", "has_serials", "held", "is_certificate", "kind", "of")

    def __init__(self, kind: AccountKind, commodity: str, lot: str | None, facts: LotFacts | None) -> None:
        self.held = 0
        """In smallest units."""
        self.kind = kind
        self.is_certificate = commodity == _GEC
        self.has_serials = self.is_certificate and facts is not None and facts.numbered
        self.of = f"{commodity} lot {lot}" if self.is_certificate else commodity
        """What must sum to zero in each transaction."""
        self.gives, self.gets = (kind.code, commodity, False), (kind.code, commodity, True)


class Replay:
    """Balances and places as the records make them."""

    def __init__(self) -> None:
        self._holdings: dict[tuple[str, str, str | None], _Holding] = {}
        """By (account, commodity, lot)."""
        self.places: dict[str, Places] = {}
        """Lot -> where its serials lie."""
        self.refusals: Counter[tuple[str, str]] = Counter()
        """(actor, code) -> how often it was refused."""
        self.proofs = KeysSeen()
        self._kinds: dict[str, AccountKind] = {}
        self._lots: dict[str, LotFacts] = {}
        self._rows: dict[str, PolicyRow] = {}
        self._validities: list[PolicyRow] = []
        """Newest first."""
        self._last_days: dict[tuple[str, str], str] = {}
        """(production month, day of use) -> the last day of validity by the newest rule in force; empty: no rule."""
        self.openings: list[tuple[int, LedgerBody]] = []
        self.signing_keys: list[tuple[int, SigningKeyBody]] = []
        """(log index, key) as records name them."""
        self.reversed: dict[int, list[tuple[int, Legs]]] = {}
        """Log index of an original -> what its reversals took back, by theirs: compared when all are known."""
        self._reversals: set[int] = set()
        self._periods: dict[str, str] = {}
        """Month -> whether it is closed, softly or for good, or open again."""
        self._closed_through = ""
        self._days: set[str] = set()
        """Days that are ISO dates."""
        self._judged: dict[tuple[object, ...], bool] = {}

    def take(self, index: int, envelope: Envelope, body: Body, note: Note) -> None:
        """Follow one record; `note` hears of each rule it breaks."""
        if type(body) is PostingBody:
            self._posting(index, body, note)
        elif isinstance(body, AccountBody | PartyBody):
            for name in body.accounts:
                self._open(name, note)
        elif isinstance(body, LotBody):
            if body.lot.code in self._lots:
                note("lot_twice", f"lot {body.lot.code}")
            if _MONTH.fullmatch(body.lot.production_month) is None:
                note("malformed_figure", f"the production month {body.lot.production_month[:30]!r}")
                return
            self._lots[body.lot.code] = body.lot
        elif isinstance(body, LedgerBody):
            self.openings.append((index, body))
        elif isinstance(body, SigningKeyBody):
            self.signing_keys.append((index, body))
        elif isinstance(body, PolicyBody):
            if (problem := unsound(body.row)) is not None:
                note("malformed_figure", problem)
                return
            self._rows[envelope.index] = body.row
            if isinstance(body.row.rule, Period):
                self._periods[body.row.rule.month] = body.row.rule.state
                closed = (month for month, state in self._periods.items() if state == "closed")
                self._closed_through = max(closed, default="")
            self._judged.clear()
            if isinstance(body.row.rule, Validity):
                self._validities.insert(0, body.row)
                self._last_days.clear()
        elif isinstance(body, RefusalBody):
            self.refusals[envelope.actor, body.code] += 1
        elif isinstance(body, RetirementBody) and body.proof is not None:
            self.proofs.add(body.proof, index)

    def totals(self) -> dict[tuple[str, str], int]:
        """What every account opened holds of each of its commodities, lots together."""
        found = {(name, commodity): 0 for name, kind in self._kinds.items() for commodity in kind.commodities}
        for (account, commodity, _), holding in self._holdings.items():
            found[account, commodity] += holding.held
        return found

    def _open(self, name: str, note: Note) -> None:
        kind = kind_of(name)
        if kind is None:
            note("unknown_account", f"the chart of accounts has no {name}")
        elif name in self._kinds:
            note("account_twice", name)
        else:
            self._kinds[name] = kind

    def _lot(self, leg: PostedLeg) -> LotFacts:
        """The lot of certificates, which `_posting` has found to be declared."""
        assert leg.lot is not None
        return self._lots[leg.lot]

    def _posting(self, index: int, body: PostingBody, note: Note) -> None:
        """Follow a transaction: figures, accounts and lots first; nothing is judged where one of them is not known."""
        if len(body.legs) < 2:
            return note("unbalanced", f"{len(body.legs)} postings")
        days = self._days
        if (body.occurred_on not in days or body.effective_on not in days) and not self._are_days(body):
            return note("malformed_figure", f"the days {body.occurred_on[:30]!r} and {body.effective_on[:30]!r}")
        if body.effective_on[:7] <= self._closed_through:
            note("in_closed_period", f"{body.effective_on}, where all through {self._closed_through} is closed")
        sums: dict[str, int] = {}
        moves: list[Taken] = []
        has_serials = False
        for leg in body.legs:
            quantity = _number(leg.quantity)
            if quantity is None:
                return note("malformed_figure", f"the quantity {leg.quantity[:30]!r}")
            place = (leg.account, leg.commodity, leg.lot)
            holding = self._holdings.get(place) or self._new_holding(place, note)
            if holding is None:
                return None
            if holding.has_serials or (leg.serials and holding.is_certificate):
                has_serials = True
            sums[holding.of] = sums.get(holding.of, 0) + quantity
            holding.held += quantity
            if quantity > 0:
                moves.append(holding.gets)
                continue
            moves.append(holding.gives)
            if quantity and (holding.held < 0 or holding.kind.terminal):
                self._left(body, leg, holding, note)
        for of, total in sums.items():
            if total:
                note("unbalanced", f"{of} sums to {total}")
        if has_serials:
            self._move_serials(body, note)
        self._judge(index, body, tuple(moves), note)
        return None

    def _new_holding(self, place: tuple[str, str, str | None], note: Note) -> _Holding | None:
        """What is posted to for the first time, once its account is open and its lot declared."""
        account, commodity, lot = place
        kind, facts = self._kinds.get(account), None if lot is None else self._lots.get(lot)
        if kind is None or commodity not in kind.commodities:
            note("unknown_account", f"{account} in {commodity}")
            return None
        if facts is None and (lot is not None or commodity == _GEC):
            note("unknown_lot", f"lot {lot}")
            return None
        holding = self._holdings[place] = _Holding(kind, commodity, lot, facts)
        return holding

    def _left(self, body: PostingBody, leg: PostedLeg, holding: _Holding, note: Note) -> None:
        """What gave more than it had, or was to keep what it had for ever."""
        kind, held = holding.kind, holding.held
        if held < 0 and not kind.may_go_below_zero:
            note("overdraft", f"{leg.account} is left with {held} {leg.commodity} of lot {leg.lot}")
        if kind.terminal and (body.reverses is None or body.command != "reverse"):
            note("left_terminal", f"{leg.quantity} {leg.commodity} in {leg.account}")

    def _move_serials(self, body: PostingBody, note: Note) -> None:
        """All that leaves first, then all that arrives: a transaction may pass serials through."""
        moved = [leg for leg in body.legs if leg.commodity == _GEC and (leg.serials or self._lot(leg).numbered)]
        arriving: list[tuple[PostedLeg, list[tuple[int, int]]]] = []
        for leg in moved:
            ranges = _ranges(leg)
            lot = self._lot(leg)
            if (
                ranges is None
                or not lot.numbered
                or sum(end - first for first, end in ranges) != abs(int(leg.quantity))
            ):
                note("serials_mismatch", f"{leg.quantity} of lot {leg.lot} with serials {leg.serials[:3]}")
                continue
            if self._kinds[leg.account].outside:
                continue
            if leg.quantity.startswith("-"):
                places = self.places.setdefault(lot.code, Places())
                for first, end in ranges:
                    if not places.take(leg.account, first, end):
                        note("serial_not_there", f"{first} to {end - 1} of lot {lot.code} from {leg.account}")
            else:
                arriving.append((leg, ranges))
        for leg, ranges in arriving:
            places = self.places.setdefault(self._lot(leg).code, Places())
            for first, end in ranges:
                if not places.put(leg.account, first, end):
                    note("serial_twice", f"{first} to {end - 1} of lot {leg.lot} in {leg.account}")

    def _judge(self, index: int, body: PostingBody, moves: tuple[Taken, ...], note: Note) -> None:
        """Whether the rules named allow what each leg does."""
        key = (body.command, body.occurred_on, body.policies, moves)
        allowed = self._judged.get(key)
        if allowed is None:
            if missing := [policy for policy in body.policies if policy not in self._rows]:
                note("unknown_policy", f"rule {missing[0]}")
                return
            allowed = self._judged[key] = self._allowed(body, moves)
        if not allowed:
            note("move_not_allowed", f"{body.command} on {body.occurred_on}")
        if body.command in _USES and not (body.command == "trade" and moves[0][0] in _OUTSIDE):
            self._valid(body, note)
        if body.reverses is not None:
            self._reverse(index, body, note)

    def _reverse(self, index: int, body: PostingBody, note: Note) -> None:
        """Keep what a reversal takes back, to be held against its original once that is looked up."""
        original = _number(body.reverses or "")
        if original is None or not 0 <= original < index or original in self._reversals:
            note("wrong_reversal", f"transaction {(body.reverses or '')[:30]} is no earlier one, or itself a reversal")
            return
        if body.command == "reverse":
            self._reversals.add(index)
            self.reversed.setdefault(original, []).append((index, legs_of(body)))

    def _allowed(self, body: PostingBody, moves: tuple[Taken, ...]) -> bool:
        """Whether every account that gives, or gets, has a partner with which one of the named rules lets it move."""
        rules = {
            (rule.source, rule.target, rule.commodity)
            for policy in body.policies
            if isinstance(rule := (row := self._rows[policy]).rule, Move)
            and rule.command == body.command
            and in_force(row, body.occurred_on)
        }
        gives = {(kind, commodity) for kind, commodity, is_getting in moves if not is_getting}
        gets = {(kind, commodity) for kind, commodity, is_getting in moves if is_getting}
        return all(any((a, b, c) in rules for b, d in gets if d == c) for a, c in gives) and all(
            any((a, b, c) in rules for a, d in gives if d == c) for b, c in gets
        )

    def _valid(self, body: PostingBody, note: Note) -> None:
        for leg in body.legs:
            if leg.commodity == _GEC and leg.quantity.startswith("-"):
                month = self._lot(leg).production_month
                if body.occurred_on > self._last_day(month, body.occurred_on):
                    note("expired", f"lot {leg.lot} of {month} on {body.occurred_on}")

    def _are_days(self, body: PostingBody) -> bool:
        if is_day(body.occurred_on) and is_day(body.effective_on):
            self._days |= {body.occurred_on, body.effective_on}
            return True
        return False

    def _last_day(self, month: str, on: str) -> str:
        """The last day certificates of this month may be used, as judged on a day."""
        found = self._last_days.get((month, on))
        if found is None:
            rules = (row.rule for row in self._validities if in_force(row, on) and isinstance(row.rule, Validity))
            fits = next((rule for rule in rules if rule.produced_from <= month < rule.produced_before), None)
            found = "" if fits is None else _last_day_by(month, fits)
            self._last_days[month, on] = found
        return found


def wrong_reversal(original: Body | None, taken: list[tuple[int, Legs]]) -> tuple[int, str] | None:
    """(log index, what) of the first of these reversals that takes back what the original did not do, or did not so
    often."""
    done = legs_of(original) if isinstance(original, PostingBody) else {}
    left = dict(done)
    for index, legs in sorted(taken, key=lambda pair: pair[0]):
        for key, quantity in legs.items():
            left[key] = left.get(key, 0) + quantity
            if left[key] * done.get(key, 0) < 0 or abs(left[key]) > abs(done.get(key, 0)):
                return index, f"{quantity} {key[1]} in {key[0]}, of which the original did {done.get(key, 0)}"
    return None


def legs_of(body: PostingBody) -> Legs:
    """What a transaction did, by account, commodity and lot; figures that are none count as nothing."""
    found: Legs = {}
    for leg in body.legs:
        key = (leg.account, leg.commodity, leg.lot)
        found[key] = found.get(key, 0) + (_number(leg.quantity) or 0)
    return found


def is_day(text: str) -> bool:
    """Whether it is an ISO date in its one form."""
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _last_day_by(month: str, rule: Validity) -> str:
    try:
        return last_valid_day(month, rule).isoformat()
    except (ValueError, OverflowError):
        return ""  # no day: nothing of that month may be used


@functools.lru_cache(maxsize=65_536)  # by far the most quantities of a log are few
def _number(text: str) -> int | None:
    """A quantity or index as records write it, or None."""
    try:
        number = int(text)
    except ValueError:
        return None
    # Written again it must be the same: no blanks, no other digits, no leading zeros, one form of nothing.
    return number if str(number) == text and len(text) <= _DIGITS_MAX + 1 else None


def _ranges(leg: PostedLeg) -> list[tuple[int, int]] | None:
    """First and end of each range, in rising order; None where they are not."""
    found, reached = [], -1
    for first, last in leg.serials:
        low, high = _number(first), _number(last)
        if low is None or high is None or not reached < low <= high:
            return None
        found.append((low, high + 1))
        reached = high
    return found
