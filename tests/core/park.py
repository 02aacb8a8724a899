"""A small park in memory: decide and learn on one book, with postings written in the ledger's own words.

A posting reads `account quantity commodity [lot] [first-last,...]`, one on each line, debit positive:

    Holding:Ent:GH-001  -40 GEC A-1
    Holding:Ent:GH-002   40 GEC A-1
"""

import datetime
from collections.abc import Iterable

from ledger.core import serial_range
from ledger.core.account import account_name
from ledger.core.book import Book, serial_pairs
from ledger.core.certificate import LotFacts
from ledger.core.command import (
    Command,
    OpenLedger,
    Principal,
    RegisterParty,
    Request,
    canonical,
)
from ledger.core.decision import decide, learn
from ledger.core.events import (
    Evidence,
    Issue,
    Leg,
    Trade,
    Transfer,
)
from ledger.core.held_range import HeldRange
from ledger.core.policy import PolicyRow
from ledger.core.record import AccountBody, Body, LotBody, Posted, PostedLeg, PostingBody
from ledger.core.refusal import Refusal
from ledger.core.seed import SEED
from ledger.core.serial_range import SerialRange

TODAY = "2026-11-23"
ADMIN = Principal(actor="local:ann", role="admin", subject="person:ann")
OPERATOR = Principal(actor="key-op", role="operator", subject="person:ben")
CONFIRMED = Evidence(level="CONFIRMED", document="d" * 64, line="sheet!2")
SELLER, PLATFORM = "S-1", "gec"
PROJECT, PROVINCE = "000000000000000P1", "QH"


def enterprise(party: str) -> Principal:
    """The caller that is this enterprise."""
    return Principal(actor=f"key-{party}", role="enterprise", subject=f"person:{party}", tenant=party)


ONE, TWO = enterprise("GH-001"), enterprise("GH-002")


def day(days: int) -> str:
    """The ISO date so many days after today (before it, if negative)."""
    return (datetime.date.fromisoformat(TODAY) + datetime.timedelta(days=days)).isoformat()


def ranges(text: str) -> tuple[SerialRange, ...]:
    """The serial ranges that `1-5,9-9` writes, both ends included."""
    pairs = [piece.split("-") for piece in text.split(",")]
    return tuple(SerialRange(int(first), int(last) + 1) for first, last in pairs)


def legs(text: str) -> tuple[Leg, ...]:
    """The postings these lines write."""
    found = []
    for line in text.strip().splitlines():
        account, quantity, commodity, *rest = line.split()
        lot = rest[0] if rest else None
        found.append(Leg(account, commodity, int(quantity), lot, ranges(rest[1]) if rest[1:] else ()))
    return tuple(found)


def transfer(text: str, **more: object) -> Transfer:
    """The transfer of these postings."""
    return Transfer(legs=legs(text), **more)


def facts(code: str, *, month: str = "2026-05", numbered: bool = False, province: str | None = None) -> LotFacts:
    """A lot of project P1."""
    return LotFacts(code=code, numbered=numbered, production_month=month, project="P1", province=province)


def code(serial: int, month: str = "2026-05") -> str:
    """A certificate code of the project, as the seeded layout cuts it."""
    return f"{PROJECT}{month.replace('-', '')}{serial:07}AB"


def codes(first: int, last: int, month: str = "2026-05") -> dict[str, str]:
    """The codes a document brings for these serials of the project."""
    return {"code_first": code(first, month), "code_last": code(last, month)}


def series(month: str = "2026-05") -> str:
    """The code of the lot that such codes name."""
    return f"{PROJECT}/{month}/AB"


def issue(energy_kwh: int, *, reference: str = "N-1", month: str = "2026-05", **more: object) -> Issue:
    """An issuance for the project's energy of a month."""
    tradable = more.pop("tradable", True)
    lot = LotFacts(
        code=f"{PROJECT}/{month}/{reference}", numbered=False, production_month=month, project=PROJECT,
        tradable=tradable,
    )  # fmt: skip
    return Issue(project=PROJECT, reference=reference, energy_kwh=energy_kwh, lot=lot, **more)


def trade(quantity: int, *, trade_id: str = "T-1", lot: LotFacts | None = None, **more: object) -> Trade:
    """A trade from the seller to GH-001."""
    return Trade(
        trade_id=trade_id, buyer=more.pop("buyer", "GH-001"), seller=SELLER, platform=PLATFORM, quantity=quantity,
        lot=lot or facts(f"line-{trade_id}"), **more,
    )  # fmt: skip


class Park:
    """One ledger with three enterprises, one seller and one platform."""

    def __init__(self, rows: tuple[PolicyRow, ...] = SEED) -> None:
        self.book = Book("ganhe")
        self._requests = 0
        self.today = TODAY
        self.post(OpenLedger(origin="greenledger.example/ganhe", zone="Asia/Shanghai", rows=rows), by=ADMIN)
        for number in (1, 2, 3):
            self.post(RegisterParty(party=f"GH-{number:03}", kind="enterprise", name=f"企业{number}"))
        self.post(RegisterParty(party=SELLER, kind="seller", name="示例新能源有限公司"))
        self.post(RegisterParty(party=PLATFORM, kind="platform", name="绿证交易平台"))
        self.post(RegisterParty(party=PROJECT, kind="project", name="茶卡示例光伏"))
        self.post(RegisterParty(party=PROVINCE, kind="province", name="青海省级绿证账户"))

    def request(self, command: Command, *, by: Principal = OPERATOR, evidence_key: str | None = None) -> Request:
        """The command as this caller's request, under a key of its own."""
        self._requests += 1
        return Request(
            command=command, principal=by, request_key=f"key-{self._requests}", evidence_key=evidence_key,
            canonical=canonical(command), salt_seed=b"s" * 32,
        )  # fmt: skip

    def ask(self, command: Command, *, by: Principal = OPERATOR, evidence_key: str | None = None) -> Posted | Refusal:
        """Decide, and learn what was posted."""
        request = self.request(command, by=by, evidence_key=evidence_key)
        decision = decide(self.book, request, today=self.today)
        if isinstance(decision, Posted):
            for body in decision.bodies:
                self.learn(body)
            if evidence_key is not None and isinstance(decision.bodies[-1], PostingBody):
                self.book.evidence[evidence_key] = self.book.size - 1
        return decision

    def post(self, command: Command, *, by: Principal = OPERATOR, evidence_key: str | None = None) -> Body:
        """Ask for what must be posted; the command's own record."""
        decision = self.ask(command, by=by, evidence_key=evidence_key)
        assert isinstance(decision, Posted), decision
        return decision.bodies[-1]

    def refused(self, command: Command, *, by: Principal = OPERATOR, evidence_key: str | None = None) -> Refusal:
        """Ask for what must be refused, and see that the book stays as it was."""
        before = contents(self.book)
        decision = self.ask(command, by=by, evidence_key=evidence_key)
        assert isinstance(decision, Refusal), decision
        assert contents(self.book) == before
        return decision

    def learn(self, body: Body) -> None:
        """Take a record straight into the book, decided or not."""
        learn(self.book, self.book.size, body)

    def open(self, *names: str, owner: str | None = None) -> None:
        """Open accounts by a record."""
        self.learn(AccountBody(accounts=names, owner=owner))

    def give(
        self, account: str, quantity: int, commodity: str = "GEC", lot: str | None = None, serials: str = "",
        *, on: str = TODAY, other: str = account_name("external", SELLER), month: str = "2026-05",
        province: str | None = None,
    ) -> None:  # fmt: skip
        """Fund an account by a hand-made record, out of an account that may go below zero."""
        if lot is not None and lot not in self.book.lots:
            self.learn(LotBody(lot=facts(lot, numbered=bool(serials), month=month, province=province)))
        pairs = serial_pairs(ranges(serials)) if serials else ()
        posted = tuple(
            PostedLeg(account=name, commodity=commodity, lot=lot, quantity=str(amount), serials=pairs)
            for name, amount in ((other, -quantity), (account, quantity))
        )
        self.learn(posting(posted, on=on))

    def balance(self, account: str, commodity: str = "GEC", lot: str | None = None) -> int:
        """What the account holds, in one lot or in all."""
        account_id = self.book.accounts[account, commodity].account_id
        if lot is None:
            return self.book.totals[account_id][0]
        return self.book.lot_balances.get((account_id, self.book.lots[lot].lot_id), (0, 0))[0]

    def serials(self, account: str, lot: str) -> tuple[SerialRange, ...]:
        """The serials of the lot that the account holds, from whatever day on."""
        key = (self.book.accounts[account, "GEC"].account_id, self.book.lots[lot].lot_id)
        return everything(self.book.ranges.get(key, ()))


def everything(held: Iterable[HeldRange]) -> tuple[SerialRange, ...]:
    """The serials held, from whatever day on, as the fewest ranges."""
    return serial_range.merge(tuple(SerialRange(piece.first, piece.end) for piece in held))


def posting(posted: tuple[PostedLeg, ...], *, on: str = TODAY) -> PostingBody:
    """A posting record made by hand."""
    return PostingBody(
        command="transfer", effective_on=on, engine="1", evidence=CONFIRMED, legs=posted, occurred_on=on, policies=()
    )


def contents(book: Book) -> dict[str, object]:
    """All a book holds, copied deeply enough to compare later."""
    found = {name: value for name, value in vars(book).items() if not name.startswith("_")}
    found["policies"] = list(book.policies.rows)
    found["ranges"] = {key: tuple(held) for key, held in book.ranges.items()}
    found["pieces"] = dict(book._pieces)
    return {
        name: {k: dict(v) if isinstance(v, dict) else v for k, v in value.items()} if isinstance(value, dict) else value
        for name, value in found.items()
    }
