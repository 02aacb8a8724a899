"""The real writer on a real PostgreSQL against the oracle: the same outcomes, balances and answers about the past.

Hypothesis makes the histories. Each example is a park of its own; after every step all that can be read must equal
what the oracle adds up. Twins with a fault seeded into the engine show that a difference is found.
"""

import datetime
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RULE_MARKER,
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from ledger.core import posting_engine
from ledger.core.book import Book
from ledger.core.carbon_events import (
    AllocateAllowances,
    BuyCcer,
    MakeProduct,
    ProductPart,
    ReceiveProduct,
    SellProduct,
    Surrender,
)
from ledger.core.certificate import LotFacts
from ledger.core.command import (
    Approve,
    ChangeParty,
    NoteWithdrawal,
    Principal,
    RegisterParty,
    Reject,
    RejectLine,
    Request,
)
from ledger.core.events import (
    Allocate,
    AnswerOffer,
    CancelForCcer,
    CorrectBundle,
    CorrectTrade,
    Delist,
    Deliver,
    Evidence,
    Expire,
    Freeze,
    IdentifyTrade,
    Issue,
    Leg,
    LinkCorrection,
    LinkTrade,
    ListForSale,
    Match,
    Offer,
    OpenBalance,
    Part,
    ReceiveForProvince,
    ReduceSubscription,
    Retire,
    Reverse,
    SettleBreak,
    SettleBundle,
    Subscribe,
    Succeed,
    Trade,
    Transfer,
    TransferTrade,
    TransferWithEnergy,
    Unfreeze,
    VoidTrade,
)
from ledger.core.plans import corrections, embodied, successions
from ledger.core.serial_range import SerialRange
from ledger.reports.invariants import invariants
from ledger.reports.reading import Reading
from ledger.store.outcomes import Outcome, Posted, Refused
from ledger.store.session import Query
from tests.conftest import (
    DOCUMENT,
    ENTERPRISES,
    PLATFORM,
    PROJECT,
    PROVINCE,
    SELLER,
    Park,
    Server,
    code,
    day,
    holding,
    opening_requests,
    request_of,
    today,
    versions,
)
from tests.oracle import Answer, Oracle
from tests.proof.logs import verified
from tests.sealed import bundle_from, seal

SETTINGS = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    derandomize="CI" in os.environ,
    suppress_health_check=list(HealthCheck),
    # Shrinking may take five minutes: ask for it with SHRINK=1 and the seed that the failing run printed.
    phases=[Phase.generate, Phase.shrink] if "SHRINK" in os.environ else [Phase.generate],
)
LOTS = {"L1": "2026-05", "L2": "2026-05", "L3": "2025-03", "L4": "2026-07", "L5": "2024-03"}
"""Lots by month of production: of this year, of the year before, and one that has expired."""
MONTHS = ("2026-04", "2026-06")
PARTIES = ENTERPRISES[:3]
COUNTED = ("C1", "C2", "C3")
"""Lots of counted units that come in otherwise than by a trade."""
READS_EACH = 6
CONFIRMED_SERIALS_MAY_DIP = True
"""Not decided: the engine refuses what D6 seems to accept (tests/store/test_neighbours.py has the case)."""

parties, quantities = st.sampled_from(PARTIES), st.integers(1, 12)
trade_ids = st.sampled_from([f"t{number}" for number in range(1, 13)])
evidence_keys = st.none() | st.sampled_from(["e1", "e2", "e3", "e4"])
series = [f"{'P1':0>17}/{month}/AB" for month in MONTHS]
offsets = st.sampled_from([0, 0, 0, 0, -3, -2, -1, 1, 2, 3])


@st.composite
def dates(draw: st.DrawFn, *, document: bool = True) -> dict[str, Any]:
    """Mostly today; else a late or future fact, nearly always with its document."""
    occurred, effective = draw(offsets), draw(offsets)
    if (occurred, effective) == (0, 0):
        return {}
    level = draw(st.sampled_from(["REPORTED", "CONFIRMED", "DECLARED"]))
    evidence = Evidence(level=level, document=DOCUMENT if document and draw(st.integers(0, 9)) else None)
    return {"occurred_on": day(min(occurred, effective)), "effective_on": day(effective), "evidence": evidence}


@st.composite
def trades(draw: st.DrawFn) -> tuple[str, str | None, Trade, str | None]:
    """A trade of counted units, of numbered ones, or of ones whose codes cannot be read."""
    quantity, lot, form = draw(quantities), draw(st.sampled_from(sorted(LOTS))), draw(st.integers(0, 5))
    facts = LotFacts(code=lot, numbered=False, production_month=LOTS[lot], project="P1")
    codes, dated = {}, draw(dates())
    if form < 3:
        month, first = draw(st.sampled_from(MONTHS)), draw(st.integers(1, 40))
        facts = LotFacts(code=f"C{first}", numbered=False, production_month=month, project=f"{'P1':0>17}")
        last = code("P1", month, first + quantity - 1 + (form == 0 and draw(st.booleans())))
        codes = {"code_first": code("P1", month, first), "code_last": last}
    trade = Trade(
        trade_id=draw(trade_ids),
        buyer=draw(parties),
        seller=SELLER,
        platform=PLATFORM,
        quantity=quantity,
        lot=facts,
        amount_fen=draw(st.none() | st.integers(1, 10**6)),
        **codes,
        **dated,
    )
    return "operator", None, trade, draw(evidence_keys)


@st.composite
def transfers(draw: st.DrawFn) -> tuple[str, str | None, Transfer, str | None]:
    """A transfer between enterprises: with or without lot and serials, sometimes malformed or of another's units."""
    source, target = draw(st.sampled_from([(a, b) for a in PARTIES for b in PARTIES if a != b]))
    role = draw(st.sampled_from(["enterprise", "enterprise", "operator"]))
    lot = draw(st.sampled_from([None, None, *sorted(LOTS), *series, "no such lot"]))
    quantity, serials = draw(quantities), ()
    if lot in series and draw(st.booleans()):
        first = draw(st.integers(1, 40))
        serials = (SerialRange(first, first + quantity + draw(st.sampled_from([0, 0, 0, 0, 1]))),)
    received = quantity + draw(st.sampled_from([0] * 15 + [1]))
    legs = (Leg(holding(source), "GEC", -quantity, lot, serials), Leg(holding(target), "GEC", received, lot, serials))
    if role == "operator":
        return role, None, Transfer(legs=legs, **draw(dates())), draw(evidence_keys)
    dated = draw(dates()) if draw(st.integers(0, 9)) == 0 else {}
    tenant = source if draw(st.integers(0, 4)) else target
    return role, tenant, Transfer(legs=legs, **dated), None


@st.composite
def subscriptions(draw: st.DrawFn) -> tuple[str, str | None, Subscribe, str | None]:
    """A promise, by an enterprise for itself or another, or by nobody in particular."""
    role, tenant = draw(st.sampled_from([("operator", None), *(("enterprise", party) for party in PARTIES)]))
    party = draw(st.sampled_from([None, "nobody", *PARTIES]))
    dated = draw(dates()) if role == "operator" else {}
    return role, tenant, Subscribe(enterprise=party, quantity=draw(quantities), **dated), None


@st.composite
def moved_trades(draw: st.DrawFn) -> tuple[str, str | None, TransferTrade, str | None]:
    """The registry moves a trade, which may not be in the book."""
    return "operator", None, TransferTrade(trade_id=draw(trade_ids), **draw(dates())), draw(evidence_keys)


@st.composite
def voided_trades(draw: st.DrawFn) -> tuple[str, str | None, VoidTrade, str | None]:
    """The platform withdraws a trade or part of it, wherever its units are by now."""
    part = {}
    if draw(st.booleans()):
        first, quantity = draw(st.integers(1, 40)), draw(st.integers(1, 5))
        part = {"quantity": quantity}
        part |= {"serials": (SerialRange(first, first + quantity),)} if draw(st.booleans()) else {}
    return "operator", None, VoidTrade(trade_id=draw(trade_ids), **part, **draw(dates())), draw(evidence_keys)


@st.composite
def identified_trades(draw: st.DrawFn) -> tuple[str, str | None, IdentifyTrade, str | None]:
    """Codes arrive for a trade, which may fit its units or not, or be in the book already."""
    month, first, quantity = draw(st.sampled_from(MONTHS)), draw(st.integers(1, 40)), draw(quantities)
    codes = {"code_first": code("P1", month, first), "code_last": code("P1", month, first + quantity - 1)}
    return "operator", None, IdentifyTrade(trade_id=draw(trade_ids), **codes, **draw(dates())), draw(evidence_keys)


@st.composite
def freezes(draw: st.DrawFn) -> tuple[str, str | None, Freeze | Unfreeze, str | None]:
    """A freeze or its end: of a lot, of serials, or of whatever the engine selects."""
    lot, quantity = draw(st.sampled_from([None, None, *sorted(LOTS), *series])), draw(quantities)
    first = draw(st.integers(1, 40))
    serials = (SerialRange(first, first + quantity),) if lot in series and draw(st.booleans()) else ()
    dated = {"evidence": Evidence(level="REPORTED", document=DOCUMENT)} | draw(dates())
    fields = {"enterprise": draw(parties), "quantity": quantity, "reason": "dispute", "lot": lot, "serials": serials}
    return "operator", None, draw(st.sampled_from([Freeze, Freeze, Unfreeze]))(**fields, **dated), draw(evidence_keys)


@st.composite
def retirements(draw: st.DrawFn) -> tuple[str, str | None, Retire, str | None]:
    """A claim for this year or the last, of a lot, of serials, or of whatever may be claimed."""
    lot, quantity, party = draw(st.sampled_from([None, None, *sorted(LOTS), *series])), draw(quantities), draw(parties)
    first = draw(st.integers(1, 40))
    serials = (SerialRange(first, first + quantity),) if lot in series and draw(st.booleans()) else ()
    role, tenant = draw(st.sampled_from([("operator", None), ("enterprise", party), ("enterprise", PARTIES[0])]))
    fields = {"enterprise": party, "quantity": quantity, "lot": lot, "serials": serials, "purpose": "COMPLIANCE_SHARE"}
    dated = draw(dates()) if role == "operator" else {}
    months = st.sampled_from([*LOTS.values(), *MONTHS])
    match = Match(production_month=draw(months)) if draw(st.integers(0, 3)) == 0 else None
    retire = Retire(year=draw(st.sampled_from(["2026", "2026", "2025"])), match=match, **fields, **dated)
    return role, tenant, retire, draw(evidence_keys)


@st.composite
def codes(draw: st.DrawFn, quantity: int) -> dict[str, str]:
    """Codes of the project, mostly as many as the quantity."""
    month, first = draw(st.sampled_from(MONTHS)), draw(st.integers(1, 40))
    last = first + quantity - 1 + draw(st.sampled_from([0] * 7 + [1]))
    return {"code_first": code("P1", month, first), "code_last": code("P1", month, max(first, last))}


@st.composite
def units(draw: st.DrawFn, quantity: int) -> dict[str, Any]:
    """Units of the project: counted in a lot of a few names, or numbered by codes of a month."""
    named = draw(codes(quantity)) if draw(st.booleans()) else {}
    month = f"{named['code_first'][17:21]}-{named['code_first'][21:23]}" if named else draw(st.sampled_from(MONTHS))
    tradable, lot = draw(st.integers(0, 4)) > 0, draw(st.sampled_from(COUNTED))
    return named | {
        "lot": LotFacts(code=lot, numbered=False, production_month=month, project=PROJECT, tradable=tradable)
    }


@st.composite
def incoming(draw: st.DrawFn) -> tuple[str, str | None, Any, str | None]:
    """What comes into the book: issued, taken on, with the energy, or for the province."""
    quantity, document = draw(st.integers(0, 8)), {"evidence": Evidence(level="REPORTED", document=DOCUMENT)}
    dated = document | draw(dates())
    brought = draw(units(quantity)) | {"reference": "r"}
    seller = draw(st.sampled_from([SELLER, SELLER, PROJECT, "nobody"]))
    energy = {"energy_kwh": 1000 * quantity + draw(st.sampled_from([1, 400, 600, 999]))}
    settled = {key: value for key, value in brought.items() if key != "reference"} | energy
    stated = draw(st.sampled_from([{}, {}, {}, {"quantity": quantity}]))
    match draw(st.sampled_from(["issue", "issue", "issue", "open", "bundle", "energy", "province"])):
        case "issue":
            project = draw(st.sampled_from([PROJECT] * 7 + ["nobody"]))
            outside = {"seller": draw(st.sampled_from([SELLER, None]))}
            command = Issue(project=project, **brought, **energy, **stated, **outside, **dated)
        case "open":
            command = OpenBalance(enterprise=draw(parties), quantity=quantity or 1, **brought, **dated)
        case "bundle":
            who = {"buyer": draw(parties), "seller": seller, "contract": "LD-1"}
            fen = draw(st.sampled_from([None, 999]))
            command = SettleBundle(**who, **settled, **stated, amount_fen=fen, **dated)
        case "energy":
            who = {"enterprise": draw(parties), "seller": seller, "route": "SELF_USE"}
            command = TransferWithEnergy(**who, quantity=quantity or 1, **brought, **dated)
        case _:
            command = ReceiveForProvince(province=PROVINCE, seller=seller, quantity=quantity or 1, **brought, **dated)
    return "operator", None, command, draw(evidence_keys)


@st.composite
def holdings(draw: st.DrawFn) -> tuple[str, str | None, Any, str | None]:
    """What happens to units of the project, the province and whoever let them lapse."""
    lot = draw(st.sampled_from([None, None, *COUNTED, *series]))
    quantity, first = draw(st.integers(1, 8)), draw(st.integers(1, 40))
    serials = (SerialRange(first, first + quantity),) if lot in series and draw(st.booleans()) else ()
    dated = {"evidence": Evidence(level="REPORTED", document=DOCUMENT)} | draw(dates())
    fields = {"quantity": quantity, "lot": lot, "serials": serials} | dated
    project = draw(st.sampled_from([PROJECT] * 9 + [PARTIES[0]]))
    match draw(st.sampled_from(["list", "list", "delist", "freeze", "cancel", "allocate", "expire", "reduce"])):
        case "list":
            command = ListForSale(project=project, platform=PLATFORM, **fields)
        case "delist":
            command = Delist(project=project, platform=PLATFORM, **fields)
        case "freeze":
            command = Freeze(enterprise=PROJECT, reason=draw(st.sampled_from(["ccer", "dispute"])), **fields)
        case "cancel":
            in_force = {"occurred_on": "2026-09-01", "effective_on": day(0), "evidence": fields["evidence"]}
            command = CancelForCcer(project=project, **(fields | draw(st.sampled_from([in_force, {}]))))
        case "allocate":
            command = Allocate(province=PROVINCE, enterprise=draw(parties), **fields)
        case "expire":
            places = [holding(PARTIES[0]), holding(PARTIES[1]), f"Listed:{PLATFORM}:{PROJECT}", "Holding:Ent:nobody"]
            on = {"effective_on": day(draw(st.sampled_from([0, 0, -1, -3, 1])))}
            lapsed = draw(st.sampled_from(["L5", "L5", "L5", "L3", "L1"]))
            command = Expire(account=draw(st.sampled_from(places)), lot=lapsed, quantity=quantity, **on)
        case _:
            command = ReduceSubscription(enterprise=draw(parties), quantity=quantity, reason="reduced", **dated)
    return "operator", None, command, draw(evidence_keys)


@st.composite
def offers(draw: st.DrawFn) -> tuple[str, str | None, Offer, str | None]:
    """An offer to another enterprise, or to itself, of a lot, of serials, or of whatever the engine selects."""
    party, receiver = draw(parties), draw(parties)
    lot, quantity, first = draw(st.sampled_from([None, None, *sorted(LOTS), *series])), draw(quantities), 1
    serials = (SerialRange(first, first + quantity),) if lot in series and draw(st.booleans()) else ()
    role, tenant = draw(st.sampled_from([("operator", None), ("enterprise", party), ("enterprise", PARTIES[0])]))
    fields = {"lot": lot, "quantity": quantity, "serials": serials}
    until = {"expires_on": day(draw(st.sampled_from([0, 0, 3, -1])))} if draw(st.booleans()) else {}
    return role, tenant, Offer(enterprise=party, receiver=receiver, **fields, **until), None


@st.composite
def projects_trades(draw: st.DrawFn) -> tuple[str, str | None, Any, str | None]:
    """What the project sells, out of a listing or not, and what trades fulfil."""
    if draw(st.integers(0, 3)) == 0:
        return "operator", None, Deliver(trade_id=draw(trade_ids), **draw(dates())), draw(evidence_keys)
    quantity = draw(st.integers(1, 8))
    trade = Trade(
        trade_id=draw(trade_ids),
        buyer=draw(parties),
        seller=draw(st.sampled_from([PROJECT] * 7 + [PARTIES[2]])),
        platform=PLATFORM,
        quantity=quantity,
        mode=draw(st.sampled_from(["LISTING", "BILATERAL"])),
        **draw(units(quantity)),
        **draw(dates()),
    )
    return "operator", None, trade, draw(evidence_keys)


@st.composite
def set_aside(draw: st.DrawFn) -> tuple[str, str | None, Any, str]:
    """A line of a statement that is never to post, or a trade withdrawn before it came: its evidence is used up."""
    line = RejectLine(document=DOCUMENT, sheet="-", line=draw(st.integers(1, 9)), reason="twice")
    trade = NoteWithdrawal(trade_id=draw(trade_ids), evidence=Evidence(level="CONFIRMED", document=DOCUMENT))
    return "operator", None, draw(st.sampled_from([line, trade])), draw(st.sampled_from(["e1", "e2", "e3", "e4"]))


@st.composite
def carbon(draw: st.DrawFn) -> tuple[str, str | None, Any, str | None]:
    """Allowances, reductions, and products on their way along the park's chains."""
    party, other = draw(parties), draw(st.sampled_from([None, *PARTIES, "nobody"]))
    names = st.sampled_from([f"p{number}" for number in range(1, 8)])
    grams, emitted = st.integers(1, 9), draw(st.integers(0, 9))
    part = st.builds(ProductPart, lot=names, quantity=grams)
    unlike = {"unique_by": lambda one: one.lot} if draw(st.integers(0, 5)) else {}
    parts = draw(st.lists(part, max_size=5, **unlike))
    made = {"outputs": tuple(parts[:2]), "inputs": tuple(parts[2:])}
    dated = draw(dates()) if draw(st.integers(0, 3)) == 0 else {}
    named = draw(st.none() | names)
    sold = {"lot": draw(names), "quantity": draw(grams), "receiver": other, "receiver_lot": named}
    kinds = ["make", "make", "make", "sell", "sell", "receive", "receive", "allocate", "buy", "surrender"]
    match draw(st.sampled_from(kinds)):
        case "make":
            command = MakeProduct(enterprise=party, emissions=emitted, **made, **dated)
        case "sell":
            command = SellProduct(enterprise=party, **sold, **dated)
        case "receive":
            command = ReceiveProduct(
                enterprise=party, lot=draw(names), quantity=draw(grams), emissions=emitted, **dated
            )
        case "allocate":
            command = AllocateAllowances(enterprise=party, quantity=draw(grams), year="2026", **dated)
        case "buy":
            command = BuyCcer(enterprise=party, quantity=draw(grams), **dated)
        case _:
            command = Surrender(enterprise=party, year="2026", cea=draw(grams), **dated)
    role, tenant = draw(st.sampled_from([("operator", None), ("enterprise", party), ("enterprise", PARTIES[0])]))
    return role, tenant, command, None


events = moved_trades() | voided_trades() | identified_trades() | projects_trades() | holdings()
claims = retirements() | retirements()
trading = trades() | transfers() | moved_trades()
wishes = trading | claims | subscriptions() | freezes() | incoming() | incoming() | events | set_aside()


class ServiceMachine(RuleBasedStateMachine):
    """Two writers of one ledger taking turns, a reader, and the oracle. `server` is set by the test."""

    server: Server
    asked = Bundle("asked")

    @initialize()
    def open_park(self) -> None:
        self.park = Park(self.server.clone("template_park"))
        self.writers = [self.park.writer, self.park.run(self.park.start_writer())]
        self.reading = Reading(self.park.database.urls.reader)
        self.reader = self.reading.reader
        self.park.run(self.reader.open())
        self.folder = Path(tempfile.mkdtemp(prefix="gl-signer-"))
        self.oracle, self.turn, self.made = Oracle(), 0, 0
        self.oracle.confirmed_serials_may_dip = CONFIRMED_SERIALS_MAY_DIP
        for request in opening_requests():
            assert self.oracle.submit(plain(request), today()).code is None
        self.learn_accounts()

    def learn_accounts(self) -> None:
        rows = self.read(Query("select name, commodity, account_id from visible_account"))
        self.accounts = {(name, commodity): account_id for name, commodity, account_id in rows}

    def teardown(self) -> None:
        if hasattr(self, "accounts"):
            self.park.run(self.reader.close())
            for writer in self.writers:
                self.park.run(writer.stop())
            self.park.close()
            self.park.database.drop()
            shutil.rmtree(self.folder)

    def read(self, query: Query, tenant: str = "*") -> list[Any]:
        return list(self.park.run(self.reader.fetch(self.park.scope(tenant), query))[0])

    def request(self, wish: tuple[Any, ...], key: str | None = None) -> Request:
        role, tenant, command, evidence_key = wish
        self.made += 1
        principal = Principal(actor=f"a-{role}", role=role, subject=f"s-{tenant or role}", tenant=tenant)
        return request_of(command, principal, key=key or f"k{self.made}", evidence_key=evidence_key)

    def submit_one_by_one(self, requests: list[Request]) -> None:
        for request in requests:
            self.park.writer = self.writers[self.turn]
            expect_same(self.park.submit(request), self.oracle.submit(plain(request), today()))

    @rule(target=asked, wish=wishes)
    def single(self, wish: tuple[Any, ...]) -> Request:
        request = self.request(wish)
        self.submit_one_by_one([request])
        return request

    @rule(target=asked, wish=incoming() | incoming() | holdings() | projects_trades() | voided_trades())
    def befalls(self, wish: tuple[Any, ...]) -> Request:
        """Something of what comes in, or befalls what is held, so that the rarer events are not drowned."""
        request = self.request(wish)
        self.submit_one_by_one([request])
        return request

    @rule(target=asked, several=st.lists(carbon(), max_size=3), ask=st.data())
    def goes_along_the_chain(self, several: list[tuple[Any, ...]], ask: st.DataObject) -> Request:
        """Bought, made into two, sold inside the park and out of it, most of it; and what else there is of carbon."""
        name, grams = f"q{self.made}", st.integers(1, 9)
        party, other = ask.draw(st.permutations(PARTIES))[:2]
        bought, used = ask.draw(grams) + 4, ask.draw(grams)
        first, second = ask.draw(grams), ask.draw(grams)
        chain: list[Any] = [
            ReceiveProduct(enterprise=party, lot=f"{name}a", quantity=bought, emissions=ask.draw(grams) - 1),
            MakeProduct(
                enterprise=party, emissions=ask.draw(grams) - 1, inputs=(ProductPart(f"{name}a", used),),
                outputs=(ProductPart(f"{name}b", first), ProductPart(f"{name}c", second)),
            ),
            SellProduct(enterprise=party, lot=f"{name}b", quantity=ask.draw(grams), receiver=other),
            SellProduct(enterprise=party, lot=f"{name}c", quantity=ask.draw(grams)),
            SellProduct(enterprise=party, lot=f"{name}c", quantity=second, receiver=other, receiver_lot=f"{name}d"),
        ]  # fmt: skip
        wishes = [("operator", None, command, None) for command in chain if ask.draw(st.integers(0, 6))]
        return self.several([*wishes, *several, ("enterprise", party, chain[3], None)], ask)

    @rule(target=asked, ask=st.data())
    def take_back(self, ask: st.DataObject) -> Request:
        """Reverse some transaction, whole or a part of a lot of it, whatever became of its units."""
        known = sorted(self.oracle.posted) or [0]
        index = ask.draw(st.sampled_from([*known[-12:], 10**6]))
        original = self.oracle.posted.get(index, {"legs": []})
        parts: tuple[Part, ...] = ()
        units = [leg for leg in original["legs"] if leg["commodity"] == "GEC"]
        if units and ask.draw(st.booleans()):
            leg, quantity = ask.draw(st.sampled_from(units)), ask.draw(st.integers(1, 5))
            first = min(leg["serials"], default=0) + ask.draw(st.integers(0, 2))
            parts = (Part(leg["lot"], quantity, (SerialRange(first, first + quantity),) if leg["serials"] else ()),)
        level = ask.draw(st.sampled_from(["CONFIRMED", "CONFIRMED", "REPORTED"]))
        dated = {"evidence": Evidence(level=level, document=DOCUMENT)} | ask.draw(dates())
        request = self.request(
            ("operator", None, Reverse(transaction=index, reason="error", parts=parts, **dated), None)
        )
        self.submit_one_by_one([request])
        return request

    @rule(target=asked, ask=st.data())
    def judge(self, ask: st.DataObject) -> Request:
        """Somebody approves or rejects a proposal: another person, the one who made it, a system, an enterprise."""
        number = ask.draw(st.sampled_from([*sorted(self.oracle.proposals)[-3:], 10**6]))
        who = [("operator", "person:zoe", None)] * 4 + [
            ("operator", "s-operator", None),
            ("operator", "system:x", None),
        ]
        role, subject, tenant = ask.draw(st.sampled_from([*who, ("enterprise", "person:zoe", PARTIES[0])]))
        command = ask.draw(st.sampled_from([Approve, Approve, Reject]))(proposal=number)
        self.made += 1
        principal = Principal(actor="judge", role=role, subject=subject, tenant=tenant)
        request = request_of(command, principal, key=f"k{self.made}")
        self.submit_one_by_one([request])
        return request

    @rule(target=asked, ask=st.data())
    def claim_by_mistake(self, ask: st.DataObject) -> Request:
        """A claim, and at once the wish to take it back, which waits for a second person."""
        claims = self.request(ask.draw(retirements()))
        self.submit_one_by_one([claims])
        evidence = Evidence(level="CONFIRMED", document=DOCUMENT)
        back = Reverse(transaction=self.oracle.size - 1, reason="error", evidence=evidence)
        self.submit_one_by_one([self.request(("operator", None, back, None))])
        return claims

    @rule(target=asked, ask=st.data())
    def answer(self, ask: st.DataObject) -> Request:
        """Somebody answers an offer: an end of it, somebody else, or the operator."""
        number = ask.draw(st.sampled_from([*sorted(self.oracle.offers)[-3:], 10**6]))
        offer = self.oracle.offers.get(number, {"enterprise": PARTIES[0], "receiver": PARTIES[1]})
        who = st.sampled_from([offer["receiver"], offer["receiver"], offer["enterprise"], *PARTIES, None])
        tenant, said = ask.draw(who), ask.draw(st.sampled_from(["accept", "accept", "reject", "withdraw", "lapse"]))
        role = "operator" if tenant is None else "enterprise"
        request = self.request((role, tenant, AnswerOffer(offer=number, answer=said), None))
        self.submit_one_by_one([request])
        return request

    @rule(target=asked, wish=offers())
    def offer(self, wish: tuple[Any, ...]) -> Request:
        """An offer, which reserves."""
        request = self.request(wish)
        self.submit_one_by_one([request])
        return request

    @rule(target=asked, trade=trades(), dated=dates())
    def receive(self, trade: tuple[Any, ...], dated: dict[str, Any]) -> Request:
        """Trade and transfer, so that enterprises come to hold something."""
        moved = ("operator", None, TransferTrade(trade_id=trade[2].trade_id, **dated), None)
        requests = [self.request(trade), self.request(moved)]
        self.submit_one_by_one(requests)
        return requests[0]

    @rule(target=asked, month=st.sampled_from(MONTHS), first=st.integers(1, 40), quantity=quantities, ask=st.data())
    def count_then_number(self, month: str, first: int, quantity: int, ask: st.DataObject) -> Request:
        """A trade of counted units, and in one breath or later what may befall it: transfer, codes that fit, a void."""
        trade_id = f"n{self.made}"
        facts = LotFacts(code=trade_id, numbered=False, production_month=month, project=f"{'P1':0>17}")
        sold = {"buyer": ask.draw(parties), "seller": SELLER, "platform": PLATFORM, "quantity": quantity}
        trade = Trade(trade_id=trade_id, lot=facts, amount_fen=ask.draw(st.sampled_from([None, 700])), **sold)
        codes = {"code_first": code("P1", month, first), "code_last": code("P1", month, first + quantity - 1)}
        later = [TransferTrade(trade_id=trade_id), IdentifyTrade(trade_id=trade_id, **codes)]
        later += [VoidTrade(trade_id=trade_id)] if ask.draw(st.booleans()) else []
        order = [trade, *ask.draw(st.permutations(later))]
        return self.several([("operator", None, command, None) for command in order], ask)

    @rule(target=asked, month=st.sampled_from(MONTHS), first=st.integers(1, 40), quantity=quantities, ask=st.data())
    def issue_then_sell(self, month: str, first: int, quantity: int, ask: st.DataObject) -> Request:
        """A project's certificates on their way: issued, listed, sold, transferred, and perhaps void in part."""
        trade_id, lot = f"p{self.made}", f"{PROJECT}/{month}/AB"
        numbered = {"code_first": code("P1", month, first), "code_last": code("P1", month, first + quantity - 1)}
        facts = LotFacts(code=trade_id, numbered=False, production_month=month, project=PROJECT)
        sold = {"seller": PROJECT, "platform": PLATFORM, "quantity": quantity, "mode": "LISTING", "amount_fen": 700}
        part = ask.draw(st.integers(1, quantity))
        back = {"quantity": part, "serials": (SerialRange(first, first + part),)}
        everything = (SerialRange(first, first + quantity),)
        carried = self.oracle.balance(f"Carry:{PROJECT}", "KWH")
        commands = [
            Issue(
                project=PROJECT, reference=trade_id, energy_kwh=1000 * quantity - carried + 999, lot=facts, **numbered
            ),
            ListForSale(project=PROJECT, platform=PLATFORM, quantity=quantity, lot=lot, serials=everything),
            Trade(trade_id=trade_id, buyer=ask.draw(parties), lot=facts, **sold, **numbered),
            TransferTrade(trade_id=trade_id),
            VoidTrade(trade_id=trade_id, **back),
            ListForSale(project=PROJECT, platform=PLATFORM, quantity=part, lot=lot),
        ]
        requests = [self.request(("operator", None, command, None)) for command in commands]
        self.submit_one_by_one(requests[: ask.draw(st.integers(1, len(requests)))])
        return requests[0]

    @rule(target=asked, month=st.sampled_from(MONTHS), first=st.integers(1, 40), quantity=quantities, ask=st.data())
    def break_then_settle(self, month: str, first: int, quantity: int, ask: st.DataObject) -> Request:
        """A trade whose units moved on is withdrawn for certain; some of them are found."""
        trade_id, numbered = f"b{self.made}", ask.draw(st.booleans())
        facts = LotFacts(code=trade_id, numbered=False, production_month=month, project=f"{'P1':0>17}")
        codes = {"code_first": code("P1", month, first), "code_last": code("P1", month, first + quantity - 1)}
        lot = f"{'P1':0>17}/{month}/AB" if numbered else trade_id
        part = ask.draw(st.integers(1, quantity))
        serials = (SerialRange(first, first + part),) if numbered else ()
        sides = ((holding(PARTIES[0]), -part), (holding(PARTIES[1]), part))
        found = {"enterprise": PARTIES[ask.draw(st.integers(0, 1))], "lot": lot}
        certain = {"evidence": Evidence(level=ask.draw(st.sampled_from(["CONFIRMED"] * 3 + ["REPORTED"])))}
        commands = [
            Trade(
                trade_id=trade_id, buyer=PARTIES[0], seller=SELLER, platform=PLATFORM, quantity=quantity, lot=facts,
                amount_fen=700, **(codes if numbered else {}),
            ),
            TransferTrade(trade_id=trade_id),
            Transfer(legs=tuple(Leg(account, "GEC", signed, lot, serials) for account, signed in sides)),
            VoidTrade(trade_id=trade_id, **certain),
            SettleBreak(trade_id=trade_id, quantity=part, serials=serials, **found),
            SettleBreak(trade_id=trade_id, quantity=quantity, **found),
        ]  # fmt: skip
        return self.several([("operator", None, command, None) for command in commands], ask)

    @rule(target=asked, ask=st.data())
    def correct_a_settlement(self, ask: st.DataObject) -> Request:
        """A settled month and what was too much of it, in either order, linked or not, perhaps used in between."""
        contract, month, buyer = f"C{self.made}", ask.draw(st.sampled_from(MONTHS)), PARTIES[0]
        lot = LotFacts(code=f"bundle/{contract}", numbered=False, production_month=month, project=PROJECT)
        whole, back = ask.draw(st.integers(2, 9)), ask.draw(st.integers(1, 9))
        tail = ask.draw(st.sampled_from([0, 0, 300, 700]))
        seller = ask.draw(st.sampled_from([SELLER, SELLER, SELLER, "nobody"]))
        who = {"buyer": buyer, "seller": seller, "contract": contract, "lot": lot}
        key = f"bundle:{buyer}/{contract}/{PROJECT}/{month}"
        fen = ask.draw(st.sampled_from([None, 100 * back + 7]))
        settle = SettleBundle(**who, energy_kwh=1000 * whole + tail, amount_fen=100 * whole + 3)
        correct = CorrectBundle(
            **who, platform=PLATFORM, quantity=back, amount_fen=fen,
            energy_kwh=1000 * back - ask.draw(st.sampled_from([0, 0, 200, -100, 900])),
        )  # fmt: skip
        link = LinkCorrection(buyer=buyer, contract=contract, platform=PLATFORM, lot=lot)
        used = Retire(enterprise=buyer, quantity=1, lot=lot.code, purpose="COMPLIANCE_SHARE", year="2026")
        moves: list[tuple[Any, str | None]] = [
            (settle, key),
            (correct, None),
            (correct, None),
            (link, None),
            (used, None),
        ]
        order = ask.draw(st.permutations(moves)) if ask.draw(st.booleans()) else [moves[at] for at in (1, 0, 4, 3, 1)]
        return self.several([("operator", None, command, evidence) for command, evidence in order], ask)

    @rule(target=asked, ask=st.data())
    def correct_a_trade(self, ask: st.DataObject) -> Request:
        """Part of a trade goes back before the trade is in the book, or after; what waited is linked, or not."""
        trade_id, buyer, month = f"x{self.made}", ask.draw(parties), ask.draw(st.sampled_from(MONTHS))
        facts = LotFacts(code=trade_id, numbered=False, production_month=month, project=f"{'P1':0>17}")
        whole, back = ask.draw(st.integers(2, 9)), ask.draw(st.integers(1, 9))
        fen = ask.draw(st.sampled_from([None, 70 * back]))
        sold = {"buyer": buyer, "seller": SELLER, "platform": PLATFORM, "lot": facts}
        certain = {"evidence": Evidence(level="CONFIRMED")}
        moves: list[Any] = [
            CorrectTrade(trade_id=trade_id, quantity=back, amount_fen=fen, **sold),
            Trade(trade_id=trade_id, quantity=whole, amount_fen=70 * whole, **sold),
            TransferTrade(trade_id=trade_id),
            VoidTrade(trade_id=trade_id, quantity=back, **certain),
            LinkTrade(trade_id=trade_id),
        ]
        order = ask.draw(st.permutations(moves)) if ask.draw(st.booleans()) else moves
        return self.several([("operator", None, command, None) for command in order], ask)

    @rule(target=asked, ask=st.data(), month=st.sampled_from(MONTHS), first=st.integers(1, 40))
    def merge(self, ask: st.DataObject, month: str, first: int) -> Request:
        """An enterprise with certificates and a promise merges into another, which succeeds to them, once."""
        party, into = f"M{self.made}", ask.draw(st.sampled_from([*PARTIES, *PARTIES, PROJECT, "nobody"]))
        on, quantity = day(ask.draw(st.sampled_from([0, 0, 0, -1, 1]))), ask.draw(st.integers(1, 6))
        facts = LotFacts(code=f"c/{party}", numbered=False, production_month=month, project=f"{'P1':0>17}")
        codes = {"code_first": code("P1", month, first), "code_last": code("P1", month, first + quantity - 1)}
        sold = {"buyer": party, "seller": SELLER, "platform": PLATFORM, "quantity": quantity, "amount_fen": 701}
        document = {"evidence": Evidence(level="REPORTED", document=DOCUMENT)}
        again = Succeed(party=party, **(document if ask.draw(st.integers(0, 4)) else {}))
        commands: list[Any] = [
            RegisterParty(party=party, kind="enterprise", name=f"并入企业{party}"),
            Subscribe(enterprise=party, quantity=5),
            Trade(trade_id=f"{party}/1", lot=facts, **sold),
            TransferTrade(trade_id=f"{party}/1"),
            Trade(trade_id=f"{party}/2", lot=msgspec.structs.replace(facts, code=f"d/{party}"), **sold, **codes),
            TransferTrade(trade_id=f"{party}/2"),
            Freeze(enterprise=party, quantity=1, lot=facts.code, reason="dispute", **document),
            ChangeParty(party=party, change="merger", on=on, into=into),
            again,
            Unfreeze(enterprise=party, quantity=1, lot=facts.code, reason="dispute", **document),
            again,
            Trade(trade_id=f"{party}/3", lot=facts, **sold),
            Subscribe(enterprise=party, quantity=1),
            again,
        ]
        left_out = ask.draw(st.sets(st.integers(1, len(commands) - 1), max_size=4))
        kept = [command for at, command in enumerate(commands) if at not in left_out]
        return self.several([("operator", None, command, None) for command in kept], ask)

    def several(self, several: list[tuple[Any, ...]], ask: st.DataObject) -> Request:
        """Wishes in their order, one after another or in one breath; the first of them."""
        requests = [self.request(wish) for wish in several]
        if ask.draw(st.booleans()):
            self.park.writer = self.writers[self.turn]
            for outcome, request in zip(self.park.together(requests), requests, strict=True):
                expect_same(outcome, self.oracle.submit(plain(request), today()))
        else:
            self.submit_one_by_one(requests)
        return requests[0]

    @rule(target=asked, several=st.lists(wishes, min_size=2, max_size=6))
    def together(self, several: list[tuple[Any, ...]]) -> Any:
        """Commands of several callers at the same moment: one or two group commits, the second in the first's wake."""
        requests = [self.request(wish) for wish in several]
        self.park.writer = self.writers[self.turn]
        for outcome, request in zip(self.park.together(requests), requests, strict=True):
            expect_same(outcome, self.oracle.submit(plain(request), today()))
        return multiple(*requests)

    @rule(target=asked, several=st.lists(wishes, min_size=1, max_size=4), again=st.booleans())
    def atomic(self, several: list[tuple[Any, ...]], again: bool) -> Any:
        """A batch that is posted whole or not at all, and perhaps asked for again with the same keys."""
        requests = [self.request(wish) for wish in several]
        self.park.writer = self.writers[self.turn]
        for _ in range(1 + again):
            answers = self.oracle.submit_atomic([plain(request) for request in requests], today())
            for outcome, answer in zip(self.park.batch(requests, atomic=True), answers, strict=True):
                expect_same(outcome, answer)
        return multiple(*requests)

    @rule(request=asked)
    def ask_again(self, request: Request) -> None:
        self.submit_one_by_one([request])

    @rule(request=consumes(asked), wish=wishes)
    def reuse_key(self, request: Request, wish: tuple[Any, ...]) -> None:
        """Another wish under the key of an earlier one, by the same caller."""
        principal = request.principal
        mine = (principal.role, principal.tenant, wish[2], wish[3])
        self.submit_one_by_one([self.request(mine, key=request.request_key)])

    @rule()
    def take_turns(self) -> None:
        self.turn = 1 - self.turn

    @rule()
    def restart(self) -> None:
        self.park.run(self.writers[self.turn].stop())
        self.writers[self.turn] = self.park.run(self.park.start_writer())

    @invariant()
    def balances_are_equal(self) -> None:
        rows = self.read(
            Query(
                """
            select a.name, a.commodity, l.code, b.quantity
            from visible_balance b join visible_account a using (account_id) left join visible_lot l using (lot_id)
            where b.quantity <> 0
            """
            )
        )
        found, expected = {row[:3]: row[3] for row in map(tuple, rows)}, self.oracle.balances()
        wrong = {key: (found.get(key, 0), expected.get(key, 0)) for key in found.keys() | expected.keys()}
        assert not {key: pair for key, pair in wrong.items() if pair[0] != pair[1]}
        assert not any(self.oracle.trial_balance().values())

    @invariant()
    def the_twelve_hold(self) -> None:
        """The checker that auditors use finds nothing, whenever it is asked: at every fifth tree size or so."""
        if self.oracle.size % 5:
            return
        work = invariants(self.reading, self.park.scope(), today=datetime.date.fromisoformat(today()))
        _, verdicts = self.park.run(work)
        assert not [verdict for verdict in verdicts if verdict.state == "broken"], verdicts

    @invariant()
    def the_log_is_clean(self) -> None:
        """Whatever happened, the signer signs it, and who verifies the bundle at home raises no alarm."""
        if self.oracle.size % 13:
            return
        seal(self.park.database, self.folder)
        bundle = self.park.run(bundle_from(self.reading, self.park.scope()))
        assert isinstance(bundle, bytes)
        report = verified(bundle)
        assert (report.findings, report.verdict, report.to_size) == ([], 0, self.oracle.size)
        assert report.balances_compared

    @invariant()
    def past_is_equal(self) -> None:
        """Some balances as they counted on a day, known at a size; the same ones again after later facts."""
        dice = random.Random(self.oracle.size)
        self.learn_accounts()
        for _ in range(READS_EACH):
            name, commodity = dice.choice(
                sorted({(fact.account, fact.commodity) for fact in self.oracle.facts} or self.accounts.keys())
            )
            on, size = day(dice.randint(-4, 4)), dice.randint(0, self.oracle.size)
            query = Query("select balance_as_of(%s, %s::date, %s)", (self.accounts[name, commodity], on, size))
            [(found,)] = self.read(query)
            assert found == self.oracle.balance(name, commodity, effective_as_of=on, known_as_of=size), (name, on, size)

    @invariant()
    def serials_are_where_the_oracle_has_them(self) -> None:
        rows = self.read(
            Query(
                """
            select l.code, a.name, s.serials from visible_serial_position s
            join visible_account a using (account_id) join visible_lot l using (lot_id)
            """
            )
        )
        found: dict[tuple[str, int], list[str]] = {}
        for lot, name, serials in rows:
            for serial in range(serials.lower, serials.upper):
                found.setdefault((lot, serial), []).append(name)
        assert found == self.oracle.positions()
        assert all(len(places) == 1 for places in found.values())


def plain(request: Request) -> dict[str, Any]:
    """The request as the oracle takes it."""
    return {
        "command": json.loads(request.canonical),
        "role": request.principal.role,
        "subject": request.principal.subject,
        "tenant": request.principal.tenant,
        "request_key": request.request_key,
        "evidence_key": request.evidence_key,
    }


def expect_same(outcome: Outcome, answer: Answer) -> None:
    """The service said what the oracle says, down to index and balances."""
    if isinstance(outcome, Posted):
        balances = tuple((after.account, after.commodity, after.balance) for after in outcome.balances)
        found = (None, outcome.index, outcome.replayed, balances)
    else:
        assert isinstance(outcome, Refused), outcome
        found = (outcome.refusal.code, outcome.index, outcome.replayed, ())
    assert found == (answer.code, answer.index, answer.replayed, tuple(answer.balances)), (outcome, answer)


def machine_on(server: Server, *only: str) -> type[ServiceMachine]:
    """The machine, bound to a server; with these rules only, where some are named."""
    rules = [name for name, rule in vars(ServiceMachine).items() if hasattr(rule, RULE_MARKER)]
    assert set(only) <= set(rules)
    left_out = {name: None for name in rules if only and name not in only}
    return type("BoundMachine", (ServiceMachine,), {"server": server} | left_out)


def test_service_answers_as_the_oracle(server: Server) -> None:
    """Whatever is asked, in whatever order and by whichever writer, service and oracle agree."""
    newest = server.major == versions(every=False)[0].major
    run_state_machine_as_test(machine_on(server), settings=settings(SETTINGS, max_examples=30 if newest else 10))


def _ignore_later_days(book: Any, account_id: int, lot_id: int, day: int) -> int:
    return book.lot_balances.get((account_id, lot_id), (0, 0))[0]


@pytest.mark.newest_only
@pytest.mark.parametrize(
    ("place", "name", "fault", "rules"),
    [
        (Book, "available", _ignore_later_days, ("receive", "single")),
        (posting_engine, "enough", lambda *_: (), ("receive", "single")),
        (posting_engine, "_may_touch", lambda *_: True, ("receive", "single")),
        (posting_engine, "judge_claim", lambda *_, **__: (1, 2), ("receive", "claim_by_mistake")),
        (posting_engine, "judge_sale", lambda *_, **__: (1, 2), ("issue_then_sell", "befalls")),
        (posting_engine, "_once", lambda *_: None, ("issue_then_sell", "befalls")),
        (posting_engine, "expensed", lambda *_: [], ("receive", "claim_by_mistake")),
        (posting_engine, "judge_exits", lambda *_: None, ("merge",)),
        (successions, "_cost", lambda *_: (), ("merge",)),
        (corrections, "owed_no_more", lambda *_: (), ("correct_a_settlement",)),
        (corrections, "_held", lambda *_: 0, ("correct_a_trade",)),
        (embodied, "split", lambda total, weights: [total, *(0 for _ in weights[1:])], ("goes_along_the_chain",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_seeded_fault_is_found(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    name: str,
    fault: Callable[..., Any],
    rules: tuple[str, ...],
) -> None:
    """The twin: with one rule of the engine broken, a run of the steps that lean on it finds a difference."""
    monkeypatch.setattr(place, name, fault)
    quickly = settings(SETTINGS, derandomize=True, phases=[Phase.generate], max_examples=100)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine_on(server, *rules), settings=quickly)
