"""The book: all that a decision looks at, and the one function that a posting changes it by.

A book holds only what was loaded into it (`ledger.store.balances` loads what a group of commands touches);
what is not loaded may not be asked for. `apply` is used by the writer and by the rebuild alike, so a
projection has one definition.
"""

import datetime
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ledger.core.account import Account
from ledger.core.carbon_book import CarbonBook
from ledger.core.certificate import Lot
from ledger.core.facts import Known, OfferFacts, Party, ProposalFacts, TradeFacts
from ledger.core.held_range import NOTHING, HeldRange, Holdings
from ledger.core.policy import PolicyBook
from ledger.core.quantity import COMMODITIES
from ledger.core.record import PostingBody
from ledger.core.serial_range import Ranges, SerialRange, merge

PlacedPiece = tuple[int, int, HeldRange]
"""(account id, lot id, serials held there)."""
NO_LOT = 0
"""The lot id of postings that have none (no lot is ever record 0)."""


class PostingRow(msgspec.Struct, frozen=True, gc=False):
    """One posting with the running figures after it (a row of the table `posting`)."""

    log_index: int
    leg: int
    account_id: int
    commodity: int
    lot_id: int
    quantity: int
    balance: int
    """Of the account in the commodity, all lots together, after this posting."""
    day_balance: int
    """The part of `balance` that is effective on the posting's own day."""
    version: int
    """How many postings the account has had, this one included."""
    effective_on: int
    """Day number (proleptic Gregorian ordinal)."""


class Book:
    """Balances, lots and facts of one ledger, as far as they are loaded."""

    def __init__(self, ledger: str) -> None:  # noqa: PLR0915 (a line for each thing a book holds)
        self.ledger = ledger
        self.size, self.next_account_id = 0, 1
        self.loaded_size = 0
        """Size of the ledger when this book began: what was declared since is known here without loading."""
        self.first_new_account = 1
        self.policies = PolicyBook()
        self.accounts: dict[tuple[str, str], Account] = {}
        self.no_accounts: set[tuple[str, str]] = set()  # looked for, and not there unless in `accounts` by now
        self.lots: dict[str, Lot] = {}
        self.lot_by_id: dict[int, Lot] = {}
        self.totals: dict[int, tuple[int, int]] = {}
        """account id -> (balance, version)."""
        self.lot_balances: dict[tuple[int, int], tuple[int, int]] = {}
        """(account id, lot id) -> (quantity, latest effective day)."""
        self.day_balances: dict[tuple[int, int], int] = {}
        """(account id, effective day) -> what is effective on that day."""
        self.lot_days: dict[tuple[int, int], dict[int, int]] = {}
        """(account id, lot id) -> quantity by effective day; complete for the days after its floor."""
        self.days_loaded = 0  # how many days of them came from the database
        self.lot_floors: dict[tuple[int, int], tuple[int, int]] = {}
        """(account id, lot id) -> (floor day, log index below which postings on earlier days are not in `lot_days`)."""
        self.account_lots: dict[int, dict[int, None]] = {}
        """account id -> all its lots that are not empty (and perhaps some that are), where a selection needs them."""
        self.ranges: dict[tuple[int, int], Holdings] = {}
        """(account id, lot id) -> serials held there."""
        self.holders: dict[int, dict[int, None]] = {}
        """lot id -> accounts for which ranges are loaded."""
        self.outcomes: dict[tuple[str, str], Known] = {}
        """(tenant, request key) -> outcome."""
        self.evidence: dict[str, int] = {}
        self.trades: dict[str, TradeFacts] = {}
        self.in_transit: dict[tuple[str, int], int] = {}
        """(buyer, lot id) -> the units bought and not yet transferred, as far as loaded."""
        self.marks: dict[tuple[int, str], dict[int, Ranges]] = {}
        """(lot id, what may happen to a serial once) -> by the log index of what did it, as far as loaded."""
        self.taken_back: dict[int, dict[int, Ranges]] = {}
        """Lot id -> the serials whose claims were taken back, by what did it; all, for the lots of `claims_known`."""
        self.claims_known: dict[int, None] = {}
        self.originals: dict[int, PostingBody | None] = {}
        """Transactions that a reversal names, by log index (None: there is none), and those that made marks."""
        self.reversals: dict[int, dict[int, PostingBody]] = {}
        """Log index of an original -> its reversals, by theirs."""
        self.users: dict[int, tuple[int, ...]] = {}
        """Log index of an original -> the transactions that took from where its units went; the first few."""
        self._marked: set[tuple[int, str, int]] = set()
        self._pieces: dict[PlacedPiece, bool] = {}
        """A piece -> whether it is new; otherwise it is there no more."""
        self.proposals: dict[int, ProposalFacts] = {}
        self.offers: dict[int, OfferFacts] = {}
        self.carbon = CarbonBook()
        self.parties: dict[str, Party] = {}
        self.names: dict[str, str] = {}
        """A company name as it is looked up -> the party it belongs to."""
        self.credentials: dict[str, str] = {}
        """credential id -> active or revoked."""
        self._undo: list[tuple[dict[Any, Any], Any, Any]] | None = None
        self._undo_size = (0, 0, 0)
        self._kept: set[tuple[int, int, int]] = set()
        """(account id, lot id, day) whose figures before the atomic batch are in `_undo`."""

    def account(self, name: str, commodity: str) -> Account | None:
        """The account of this name in this commodity, or None."""
        return self.accounts.get((name, commodity))

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Set one entry, so that an atomic batch can take it back."""
        if self._undo is not None:
            self._undo.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def begin(self) -> None:
        """From here on, `rollback` can restore the book (atomic batches)."""
        assert self._undo is None
        self._undo = []
        self._kept.clear()
        self._undo_size = (self.size, self.next_account_id, len(self.policies.rows))

    def rollback(self) -> None:
        """Restore the book as it was at `begin`."""
        assert self._undo is not None
        for table, key, value in reversed(self._undo):
            if value is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = value
        self.size, self.next_account_id, policies = self._undo_size
        self.policies.cut(policies)
        self._undo = None

    def commit(self) -> None:
        """Keep what was applied since `begin`."""
        assert self._undo is not None
        self._undo = None

    @property
    def held(self) -> int:
        """How much it holds of what grows with use: balances, lots, trades, originals and claims."""
        growing = (self.lot_balances, self.lots, self.trades, self.originals, self.carbon.claims)
        return sum(map(len, growing))

    def emptied(self) -> Iterator[None]:
        """Let go of all it holds, a little at a time: at once, a large book holds everybody up for a tenth of a second.

        Yields where the caller may do other work; nobody may use the book any more.
        """
        for table in (*vars(self).values(), *msgspec.structs.astuple(self.carbon)):
            while table and isinstance(table, dict):
                for _ in range(min(len(table), 1_000)):
                    table.popitem()
                yield

    def mark(self, lot_id: int, event: str, index: int, serials: Ranges) -> None:
        """Note that transaction `index` did to these serials what may be done once; with none: that it did not."""
        marks = self.marks.get((lot_id, event))
        if marks is None:
            marks = {}
            self.put(self.marks, (lot_id, event), marks)
        self.put(marks, index, serials)
        self._marked.add((lot_id, event, index))

    def take_marked(self) -> set[tuple[int, str, int]]:
        """What was marked since this was last asked: (lot id, event, log index)."""
        taken, self._marked = self._marked, set()
        return {
            (lot_id, event, index) for lot_id, event, index in taken if index in self.marks.get((lot_id, event), {})
        }

    def marked(self, lot_id: int, event: str) -> Ranges:
        """The serials of the lot to which it was done already, as far as loaded."""
        return merge(*self.marks.get((lot_id, event), {}).values())

    def take_pieces(self) -> tuple[list[PlacedPiece], list[PlacedPiece]]:
        """The pieces that are there no more, and the new ones, since this was last asked."""
        taken, self._pieces = self._pieces, {}
        return [key for key, new in taken.items() if not new], [key for key, new in taken.items() if new]

    def take_back(self, lot_id: int, index: int, serials: Ranges) -> None:
        """Note that transaction `index` took the claim on these serials back."""
        if lot_id not in self.taken_back:
            self.put(self.taken_back, lot_id, {})
        self.put(self.taken_back[lot_id], index, serials)

    def keep_trade(self, trade: TradeFacts) -> None:
        """Note a trade as it is now."""
        for one, sign in ((self.trades.get(trade.trade_id), -1), (trade, 1)):
            if one is not None and one.state == "TRADED" and (key := (one.buyer, one.lot_id)) in self.in_transit:
                self.put(self.in_transit, key, self.in_transit[key] + sign * one.standing)
        self.put(self.trades, trade.trade_id, trade)

    def coming(self, buyer: str, lot_id: int) -> int:
        """How many certificates of the lot are bought and not yet transferred."""
        if (buyer, lot_id) in self.in_transit:
            return self.in_transit[buyer, lot_id]
        assert lot_id >= self.loaded_size, "what is in transit was not loaded"
        mine = (one for one in self.trades.values() if (one.buyer, one.lot_id) == (buyer, lot_id))
        return sum(one.standing for one in mine if one.state == "TRADED")

    def available(self, account_id: int, lot_id: int, day: int) -> int:
        """The least known balance of the lot in the account on any effective day from `day` on."""
        key = (account_id, lot_id)
        balance, last_on = self.lot_balances.get(key, (0, 0))
        if day >= last_on:
            return balance
        assert self.lot_floors[key][0] <= day, "the later days were not loaded"
        later = sorted((d, q) for d, q in self.lot_days[key].items() if d > day)
        least = running = balance - sum(quantity for _, quantity in later)
        for _, quantity in later:
            running += quantity
            least = min(least, running)
        return least

    def open_accounts(self, accounts: Iterable[Account]) -> None:
        """Take in accounts just opened: empty, and fully known."""
        for account in accounts:
            self.put(self.accounts, (account.name, account.commodity), account)
            self.put(self.totals, account.account_id, (0, 0))
            self.put(self.account_lots, account.account_id, {})

    def declare_lot(self, lot: Lot) -> None:
        """Take in a lot just declared: nobody holds any of it yet."""
        self.put(self.lots, lot.facts.code, lot)
        self.put(self.lot_by_id, lot.lot_id, lot)
        self.put(self.holders, lot.lot_id, {})

    def apply(self, index: int, body: PostingBody) -> list[PostingRow]:
        """Post transaction `index` and return its rows with the running figures; the book must hold all it touches."""
        day = ordinal(body.effective_on)
        rows: list[PostingRow] = []
        for leg, posted in enumerate(body.legs):
            account = self.accounts[posted.account, posted.commodity]
            lot_id = self.lots[posted.lot].lot_id if posted.lot is not None else NO_LOT
            rows.append(self._post(index, leg, account, lot_id, int(posted.quantity), day))
            if posted.serials and not account.kind.outside:
                self._move_serials(
                    account, lot_id, serial_ranges(posted.serials), day if int(posted.quantity) > 0 else None
                )
        return rows

    def _post(self, index: int, leg: int, account: Account, lot_id: int, quantity: int, day: int) -> PostingRow:
        account_id = account.account_id
        key, day_key = (account_id, lot_id), (account_id, day)
        balance, version = self.totals[account_id]
        balance, version = balance + quantity, version + 1
        held, last_on = self.lot_balances.get(key) or self._fresh(account_id, lot_id)
        on_day = self.day_balances.get(day_key)
        if on_day is None:
            assert account_id >= self.first_new_account, "the day's balance was not loaded"
            on_day = 0
        on_day += quantity
        days = self.lot_days.get(key)
        if days is None:
            # All that is not in memory is effective on or before the latest day known so far.
            days = {}
            self.put(self.lot_days, key, days)
            self.put(self.lot_floors, key, (last_on, index))
        if self._undo is not None and (touched := (account_id, lot_id, day)) not in self._kept:
            self._kept.add(touched)
            self._keep(account_id, key, day_key, days, day)
        self.totals[account_id] = (balance, version)
        self.lot_balances[key] = (held + quantity, max(last_on, day))
        self.day_balances[day_key] = on_day
        days[day] = days.get(day, 0) + quantity
        lots = self.account_lots.get(account_id)
        if lot_id and lots is not None and lot_id not in lots:
            self.put(lots, lot_id, None)
        commodity = _COMMODITY_NUMBER[account.commodity]
        return PostingRow(index, leg, account_id, commodity, lot_id, quantity, balance, on_day, version, day)

    def _keep(
        self, account_id: int, key: tuple[int, int], day_key: tuple[int, int], days: dict[int, int], day: int
    ) -> None:
        """Note what `_post` is about to change for the first time, for a rollback."""
        assert self._undo is not None
        self._undo += (
            (self.totals, account_id, self.totals[account_id]),
            (self.lot_balances, key, self.lot_balances.get(key, _ABSENT)),
            (self.day_balances, day_key, self.day_balances.get(day_key, _ABSENT)),
            (days, day, days.get(day, _ABSENT)),
        )

    def _fresh(self, account_id: int, lot_id: int) -> tuple[int, int]:
        assert account_id >= self.first_new_account or lot_id >= self.loaded_size, "the balance was not loaded"
        return (0, 0)

    def _move_serials(self, account: Account, lot_id: int, moved: Ranges, since: int | None) -> None:
        key = (account.account_id, lot_id)
        held = self.ranges.get(key, NOTHING)
        for r in moved:
            held, dropped, added = held.given(r) if since is None else held.received(r, since)
            for piece in dropped:
                self._note_piece((*key, piece), new=False)
            for piece in added:
                self._note_piece((*key, piece), new=True)
        self.put(self.ranges, key, held)
        if lot_id not in self.holders:
            self.put(self.holders, lot_id, {})
        self.put(self.holders[lot_id], account.account_id, None)

    def _note_piece(self, piece: PlacedPiece, *, new: bool) -> None:
        """Note what became of a piece; one that came and went in between was never there, or never away."""
        if piece not in self._pieces:
            self.put(self._pieces, piece, new)
            return
        assert self._pieces[piece] is not new, "a piece cannot come, or go, twice"
        if self._undo is not None:
            self._undo.append((self._pieces, piece, not new))
        del self._pieces[piece]


@functools.lru_cache(maxsize=4096)
def ordinal(day: str) -> int:
    """The day number of an ISO date."""
    return datetime.date.fromisoformat(day).toordinal()


@functools.lru_cache(maxsize=256)  # a posting's serials are read for its holders, its marks and its moves
def serial_ranges(serials: tuple[tuple[str, str], ...]) -> Ranges:
    """The half-open ranges that a record's first and last serials write."""
    return tuple([SerialRange(int(first), int(last) + 1) for first, last in serials])


def serial_pairs(ranges: Ranges) -> tuple[tuple[str, str], ...]:
    """First and last serial of each range, as records write them."""
    return tuple([(str(r.first), str(r.end - 1)) for r in ranges])


_ABSENT = object()
_COMMODITY_NUMBER = {code: commodity.number for code, commodity in COMMODITIES.items()}
