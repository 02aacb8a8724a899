"""decide and learn: any command to its records, any record into the book. Pure.

`decide` is asked by the writer only; `learn` is how the writer, a reload and a rebuild take in a fact.
"""

import msgspec

from ledger.core.account import Account, kind_of
from ledger.core.book import Book, PostingRow, serial_ranges
from ledger.core.certificate import Lot
from ledger.core.claim import count_claim, learn_claim, taken_back
from ledger.core.command import (
    Approve,
    ChangeParty,
    ClosePeriod,
    CreateCredential,
    DeclareSigningKey,
    JudgeInventory,
    NoteWithdrawal,
    OpenLedger,
    RecordImport,
    RecordReading,
    RegisterMeter,
    RegisterParty,
    Reject,
    RejectLine,
    ReopenPeriod,
    Request,
    RevokeCredential,
    SetPolicy,
    SubmitInventory,
)
from ledger.core.events import is_posting
from ledger.core.facts import Party, TradeFacts
from ledger.core.inventories import judge, learn_inventory, submit
from ledger.core.metering import learn_meter, learn_reading, record_reading, register_meter
from ledger.core.parties import change, learn_change, register
from ledger.core.party import PARK_ACCOUNTS
from ledger.core.periods import close
from ledger.core.plans.offers import learn_answer, learn_offer
from ledger.core.plans.reversals import standing
from ledger.core.policy import Period, TradeOnce, unsound
from ledger.core.posting_engine import BODY_BYTES_MAX
from ledger.core.proposals import (
    decide_event,
    decide_judgement,
    learn_judgement,
    learn_proposal,
    propose_reopening,
)
from ledger.core.record import (
    AccountBody,
    AnswerBody,
    Body,
    CredentialBody,
    ImportBody,
    InventoryBody,
    JudgementBody,
    LedgerBody,
    LotBody,
    MeterBody,
    OfferBody,
    PartyBody,
    PartyChangeBody,
    PolicyBody,
    Posted,
    PostingBody,
    ProposalBody,
    ReadingBody,
    RejectionBody,
    RetirementBody,
    SigningKeyBody,
    WithdrawalBody,
)
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges, merge, subtract

ADMINISTERED = {"operator", "admin"}
SPEAKING = {"enterprise", "operator"}
"""Who says what an enterprise consumed and emitted: itself, or the operator for it."""


def decide(book: Book, request: Request, *, today: str) -> Posted | Refusal:
    """The records the command becomes, or why it is refused; `today` is the ledger's civil day (ISO)."""
    if is_posting(request.command):
        return decide_event(book, request, today=today)
    if isinstance(request.command, Approve | Reject):
        return decide_judgement(book, request, today=today)
    decision = _decide_registry(book, request, today)
    for body in decision.bodies if isinstance(decision, Posted) else ():
        if (size := len(msgspec.json.encode(body))) > BODY_BYTES_MAX:
            return refuse("record_too_large", given=size, limit=BODY_BYTES_MAX)
    return decision


def _decide_registry(book: Book, request: Request, today: str) -> Posted | Refusal:
    command, role = request.command, request.principal.role
    match command:
        case OpenLedger():
            return _allowed(role, {"admin"}, "open ledgers") or _open_ledger(book, command)
        case RegisterParty():
            return _allowed(role, ADMINISTERED, "register parties") or register(book, command, request.salt_seed)
        case ChangeParty():
            return _allowed(role, ADMINISTERED, "change parties") or change(book, command, request.salt_seed)
        case SetPolicy():
            return _allowed(role, {"admin"}, "set policy") or _set_policy(command)
        case CreateCredential():
            return _allowed(role, {"admin"}, "create credentials") or _create_credential(book, command)
        case RevokeCredential():
            return _allowed(role, {"admin"}, "revoke credentials") or _revoke_credential(book, command)
        case RecordImport():
            body = ImportBody(document=command.document, figures=command.figures, layout=command.layout)
            return _allowed(role, {"operator"}, "import statements") or Posted((body,))
        case ClosePeriod():
            return _allowed(role, {"operator"}, "close periods") or close(book, command, today=today)
        case ReopenPeriod():
            return _allowed(role, {"operator"}, "open periods again") or propose_reopening(book, command, request)
        case NoteWithdrawal():
            return _allowed(role, {"operator"}, "import statements") or _note_withdrawal(book, command, request)
        case RejectLine():
            return _allowed(role, {"operator"}, "import statements") or _reject_line(book, command, request)
        case RegisterMeter():
            return _allowed(role, ADMINISTERED, "register meters") or register_meter(book, command)
        case RecordReading():
            return _allowed(role, SPEAKING, "record readings") or record_reading(book, command, request, today=today)
        case SubmitInventory():
            return _allowed(role, SPEAKING, "submit inventories") or submit(book, command, request, today=today)
        case JudgeInventory():
            return _allowed(role, {"operator"}, "verify inventories") or judge(book, command, request)
        case DeclareSigningKey():
            body = SigningKeyBody(key=command.key, replaces=command.replaces)
            return _allowed(role, {"admin"}, "declare signing keys") or Posted((body,))
    raise AssertionError(f"no decision for {type(command).__name__}")


def learn(book: Book, index: int, body: Body, names: tuple[str, ...] = ()) -> list[PostingRow]:
    """Take record `index` into the book; the posting rows it makes. `names` are a party's, in lookup form."""
    rows: list[PostingRow] = []
    match body:
        case PostingBody():
            rows = book.apply(index, body)
            if body.trade is not None:
                _learn_trade(book, index, body)
            if body.reverses is not None and (known := book.reversals.get(int(body.reverses))) is not None:
                book.put(known, index, body)
            if body.command in _MARKING:
                _learn_marks(book, index, body)
            if body.command in {"retire", "reverse"}:
                count_claim(book, index, body)
        case LotBody():
            book.declare_lot(Lot(index, body.lot))
        case PartyBody():
            book.put(book.parties, body.party, Party(body.party, body.kind, index))
            for name in names:
                book.put(book.names, name, body.party)
            _open(book, body.accounts, body.party if body.kind == "enterprise" else None)
        case PartyChangeBody():
            learn_change(book, body, names)
        case AccountBody():
            _open(book, body.accounts, body.owner)
        case PolicyBody():
            book.policies.add(index, body.row)
        case CredentialBody():
            book.put(book.credentials, body.credential, body.state)
        case ProposalBody():
            learn_proposal(book, index, body)
        case JudgementBody():
            learn_judgement(book, index, body)
        case OfferBody():
            learn_offer(book, index, body)
        case AnswerBody():
            learn_answer(book, index, body)
        case RetirementBody():
            learn_claim(book, index, body)
        case MeterBody():
            learn_meter(book, index, body)
        case ReadingBody():
            learn_reading(book, index, body)
        case InventoryBody():
            learn_inventory(book, index, body)
    book.size = index + 1
    return rows


def _allowed(role: str, roles: set[str], action: str) -> Refusal | None:
    return None if role in roles else refuse("forbidden", role=role, action=action)


def _open_ledger(book: Book, command: OpenLedger) -> Posted | Refusal:
    if book.size:
        return refuse("ledger_exists", size=book.size)
    opening = LedgerBody(continues=command.continues, origin=command.origin, zone=command.zone)
    rules = tuple(PolicyBody(row=row) for row in command.rows)
    return Posted((opening, *rules, AccountBody(accounts=PARK_ACCOUNTS)))


def _set_policy(command: SetPolicy) -> Posted | Refusal:
    row = command.row
    if isinstance(row.rule, Period):
        return refuse("rule_unsound", problem="a period is closed by its own command.")
    if (wrong := unsound(row)) is not None:
        return refuse("rule_unsound", problem=wrong)
    return Posted((PolicyBody(row=command.row),))


def _note_withdrawal(book: Book, command: NoteWithdrawal, request: Request) -> Posted | Refusal:
    key = request.evidence_key
    assert key is not None, "the withdrawal of a trade stands in the place of the trade"
    if key in book.evidence:
        return refuse("evidence_used", evidence=key, transaction=book.evidence[key])
    body = WithdrawalBody(evidence=command.evidence, occurred_on=command.occurred_on, trade_id=command.trade_id)
    return Posted((body,))


def _reject_line(book: Book, command: RejectLine, request: Request) -> Posted | Refusal:
    key = request.evidence_key
    assert key is not None, "a line is rejected once"
    if key in book.evidence:
        return refuse("evidence_used", evidence=key, transaction=book.evidence[key])
    body = RejectionBody(document=command.document, line=str(command.line), reason=command.reason, sheet=command.sheet)
    return Posted((body,))


def _create_credential(book: Book, command: CreateCredential) -> Posted | Refusal:
    if command.credential in book.credentials:
        return refuse("credential_exists", credential=command.credential)
    if command.tenant is not None and command.tenant not in book.parties:
        return refuse("unknown_party", party=command.tenant)
    if (command.role == "enterprise") != (command.tenant is not None):
        return refuse("malformed_request", problem="An enterprise key names its enterprise; no other key does.")
    body = CredentialBody(
        credential=command.credential,
        role=command.role,
        secret_sha256=command.secret_sha256,
        state="active",
        subject=command.subject,
        tenant=command.tenant,
    )
    return Posted((body,))


def _revoke_credential(book: Book, command: RevokeCredential) -> Posted | Refusal:
    if book.credentials.get(command.credential) != "active":
        return refuse("credential_unknown", credential=command.credential)
    return Posted((CredentialBody(credential=command.credential, state="revoked"),))


def _open(book: Book, names: tuple[str, ...], owner: str | None) -> None:
    for name in names:
        kind = kind_of(name)
        assert kind is not None, f"the chart has no account {name}"
        for commodity in kind.commodities:
            book.open_accounts([Account(book.next_account_id, name, kind, commodity, owner)])
            book.next_account_id += 1


_MARKING = {
    "issue": "issued",
    "trade": "traded",
    "settle_bundle": "traded",
    "identify_trade": "traded",
    "reverse": "",
}
"""The commands that do to serials what may be done once; a reversal may undo it."""


def _learn_marks(book: Book, index: int, body: PostingBody) -> None:
    """Mark the serials that were issued or traded; to trade only once is a rule, which the record must name."""
    if body.command == "reverse":
        _unmark(book, int(body.reverses or 0))
        for lot, serials in taken_back(body):
            book.take_back(book.lots[lot].lot_id, index, serials)
        return
    event = _MARKING[body.command]
    if body.command in {"issue", "settle_bundle"}:
        book.put(book.originals, index, body)
        book.put(book.reversals, index, {})
    if event == "traded" and not book.policies.names_any(body.policies, TradeOnce):
        return
    given = [leg for leg in body.legs if leg.serials and leg.quantity.startswith("-")]
    by_lot: dict[str, Ranges] = {}
    for leg in given:
        assert leg.lot is not None
        by_lot[leg.lot] = merge(by_lot.get(leg.lot, ()), serial_ranges(leg.serials))
    if body.command == "identify_trade":
        assert body.trade is not None
        index = book.trades[body.trade.trade_id].log_index  # the trade did it; it was not known to which serials
    for lot, serials in by_lot.items():
        book.mark(book.lots[lot].lot_id, event, index, serials)


def _unmark(book: Book, original_index: int) -> None:
    """Serials whose issuance was reversed may be issued again; those of a bundle traded, once none of it stands."""
    original = book.originals.get(original_index)
    if original is None or original.command not in {"issue", "settle_bundle"}:
        return
    left = standing(original, book.reversals[original_index].values())
    given = [one.leg for one in left if one.leg.serials and one.leg.quantity < 0]
    if original.command == "settle_bundle" and any(one.leg.commodity == "GEC" for one in left):
        return
    for lot in {leg.lot for leg in original.legs if leg.serials}:
        rest = merge(*(leg.serials for leg in given if leg.lot == lot))
        assert lot is not None
        book.mark(book.lots[lot].lot_id, _MARKING[original.command], original_index, rest)


def _learn_trade(book: Book, index: int, body: PostingBody) -> None:
    trade = body.trade
    assert trade is not None
    known = book.trades.get(trade.trade_id)
    if trade.state != "TRADED":
        assert known is not None
        book.keep_trade(_moved_on(book, index, body, known))
        return
    received = next(leg for leg in body.legs if leg.account.startswith("Clearing:"))
    assert trade.buyer and trade.seller and trade.platform and trade.quantity and received.lot
    facts = TradeFacts(
        trade_id=trade.trade_id,
        log_index=index,
        buyer=trade.buyer,
        seller=trade.seller,
        platform=trade.platform,
        lot=received.lot,
        lot_id=book.lots[received.lot].lot_id,
        ranges=serial_ranges(received.serials),
        quantity=int(trade.quantity),
        price=trade.price,
        amount_fen=None if trade.amount_fen is None else int(trade.amount_fen),
        state=trade.state,
    )
    book.keep_trade(facts)


def _moved_on(book: Book, index: int, body: PostingBody, known: TradeFacts) -> TradeFacts:
    """A trade after a later event of its own."""
    assert body.trade is not None
    match body.trade.state:
        case "TRANSFERRED":
            return msgspec.structs.replace(known, state="TRANSFERRED", transferred_index=index)
        case "VOID" | "VOID_IN_PART":
            return _voided(book, body, known)
        case "DELIVERED":
            return msgspec.structs.replace(known, delivered_index=index)
        case "IDENTIFIED":
            numbered = next(leg for leg in body.legs if leg.serials)
            assert numbered.lot is not None
            lot, ranges = book.lots[numbered.lot], serial_ranges(numbered.serials)
            return msgspec.structs.replace(known, lot=lot.facts.code, lot_id=lot.lot_id, ranges=ranges)
    raise AssertionError(f"a trade cannot become {body.trade.state}")


def _voided(book: Book, body: PostingBody, known: TradeFacts) -> TradeFacts:
    """A trade of which units went back; only when none stands may they be traded again."""
    back = next(leg for leg in body.legs if leg.commodity == "GEC" and leg.quantity.startswith("-"))
    voided, ranges = known.voided - int(back.quantity), subtract(known.ranges, serial_ranges(back.serials))
    if voided < known.quantity:
        return msgspec.structs.replace(known, voided=voided, ranges=ranges)
    if known.ranges:
        book.mark(known.lot_id, "traded", known.log_index, ())
    return msgspec.structs.replace(known, voided=voided, ranges=ranges, state="VOID")
