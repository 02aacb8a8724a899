"""Writes: one resource for each event, and batches. A controller parses, submits and answers."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.params import HeaderParameter, JSONBody, PathParameter

from api import problems
from api.problems import Problem
from api.schemas import (
    BalanceAfterOut,
    EvidenceIn,
    FactIn,
    FreezeIn,
    FreezeReleaseIn,
    LegOut,
    PostingIn,
    ReceiptOut,
    RetirementIn,
    SubscriptionIn,
    TradeEventIn,
    TradeIdentificationIn,
    TradeIn,
    TradeTransferIn,
    TradeVoidIn,
    TransactionOut,
    TransferIn,
)
from api.security import MAY_POST, credential_of
from ledger.core.certificate import LotFacts
from ledger.core.command import Batch, canonical
from ledger.core.command import Request as LedgerRequest
from ledger.core.events import (
    Evidence,
    Freeze,
    IdentifyTrade,
    Leg,
    Posting,
    Retire,
    Subscribe,
    Trade,
    Transfer,
    TransferTrade,
    Unfreeze,
    VoidTrade,
)
from ledger.core.quantity import QUANTITY_MAX, parse_quantity
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges, SerialRange
from ledger.keys import Credential
from ledger.reports.scope import scope_of
from ledger.writer import Outcome, Posted, Refused, Unknown

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Freezes the outcome: the same key and request give the same answer for ever.",
    ),
]


def legs_in(data: TransferIn) -> tuple[Leg, ...]:
    """The legs of a transfer as the engine takes them."""
    return tuple(
        Leg(posting.account, posting.commodity, quantity_in(posting.quantity), posting.lot, _serials_in(posting))
        for posting in data.postings
    )


def _trade(data: TradeIn, dated: dict[str, Any]) -> Trade:
    trade_id = "/".join((data.platform, data.order, data.project, data.production_month))
    lot = LotFacts(
        code=trade_id,
        numbered=False,
        production_month=data.production_month,
        project=data.project,
        source=data.energy_source,
        tradable=data.tradable,
    )
    return Trade(
        trade_id=trade_id,
        buyer=data.buyer,
        seller=data.seller,
        platform=data.platform,
        quantity=quantity_in(data.quantity),
        lot=lot,
        code_first=data.code_first,
        code_last=data.code_last,
        mode=data.mode,
        price=data.price,
        amount_fen=None if data.amount_fen is None else quantity_in(data.amount_fen),
        **dated,
    )


def _retirement(data: RetirementIn, tenant: str | None, dated: dict[str, Any]) -> Retire:
    """An enterprise retires its own; anybody else says whose."""
    if tenant is not None and data.enterprise not in {None, tenant}:
        raise Problem(refuse("not_your_account", account=f"Holding:Ent:{data.enterprise}"))
    enterprise = data.enterprise or tenant
    if enterprise is None:
        raise Problem(refuse("enterprise_needed", role="operator"))
    return Retire(
        enterprise=enterprise,
        quantity=quantity_in(data.quantity),
        purpose=data.purpose,
        year=data.year,
        from_month=data.from_month,
        to_month=data.to_month,
        site=data.site,
        beneficiary=data.beneficiary,
        proof=data.proof,
        lot=data.lot,
        serials=_serials_in(data),
        **dated,
    )


def _serials_in(data: PostingIn | FreezeIn | RetirementIn) -> Ranges:
    """The ranges a body names, in order; 422 where one ends before it begins."""
    serials = []
    for given in sorted(data.serials, key=lambda s: int(s.first)):
        first, last = int(given.first), int(given.last)
        if last < first:
            count = last - first + 1
            raise Problem(refuse("serials_mismatch", lot=data.lot, given=count, quantity=data.quantity))
        serials.append(SerialRange(first, last + 1))
    return tuple(serials)


def quantity_in(text: str) -> int:
    """A quantity from the wire, or 422."""
    quantity = parse_quantity(text)
    if quantity is None or abs(quantity) > QUANTITY_MAX:
        raise Problem(refuse("invalid_quantity", given=text))
    return quantity


def command_in(data: FactIn, tenant: str | None) -> Posting:
    """The command a body wishes for; an enterprise subscribes for itself, and trades come from their platform."""
    dated = {
        "occurred_on": None if data.occurred_on is None else data.occurred_on.isoformat(),
        "effective_on": None if data.effective_on is None else data.effective_on.isoformat(),
        "evidence": _evidence(data.evidence),
    }
    if tenant is not None and isinstance(data, TradeEventIn):
        # Before the book is looked at: whether a trade is in it is nobody's to find out by trying.
        raise Problem(refuse("forbidden", role="enterprise", action="record trades"))
    if tenant is not None and isinstance(data, FreezeIn):
        raise Problem(refuse("forbidden", role="enterprise", action="freeze or release certificates"))
    match data:
        case TransferIn():
            return Transfer(legs=legs_in(data), **dated)
        case SubscriptionIn():
            if tenant is not None and data.enterprise not in {None, tenant}:
                raise Problem(refuse("not_your_account", account=f"Commitment:Ent:{data.enterprise}"))
            return Subscribe(
                enterprise=data.enterprise or tenant, quantity=quantity_in(data.quantity), status=data.status, **dated
            )
        case TradeIn():
            return _trade(data, dated)
        case TradeTransferIn():
            return TransferTrade(trade_id=data.trade, **dated)
        case TradeIdentificationIn():
            codes = {"code_first": data.code_first, "code_last": data.code_last}
            return IdentifyTrade(trade_id=data.trade, **codes, **dated)
        case TradeVoidIn():
            return VoidTrade(trade_id=data.trade, **dated)
        case RetirementIn():
            return _retirement(data, tenant, dated)
        case FreezeIn():
            return (Unfreeze if isinstance(data, FreezeReleaseIn) else Freeze)(
                enterprise=data.enterprise,
                quantity=quantity_in(data.quantity),
                reason=data.reason,
                lot=data.lot,
                serials=_serials_in(data),
                **dated,
            )


def _evidence(evidence: EvidenceIn) -> Evidence:
    return Evidence(level=evidence.level, document=evidence.document, line=evidence.line)


def evidence_key(command: Posting) -> str | None:
    """The ledger-wide key of the fact a document line states: a trade, and each event of it, happens once."""
    match command:
        case Trade():
            return f"trade:{command.trade_id}"
        case TransferTrade():
            return f"transfer:{command.trade_id}"
        case IdentifyTrade():
            return f"identify:{command.trade_id}"
        case VoidTrade():
            return f"void:{command.trade_id}"
        case Retire(proof=str()):
            return f"proof:{command.proof}"
    return None


def ledger_request(command: Posting, credential: Credential, key: str, batch: Batch | None = None) -> LedgerRequest:
    """The command with who asks, under its keys."""
    return LedgerRequest(
        command=command,
        principal=credential.principal,
        request_key=key,
        evidence_key=evidence_key(command),
        batch=batch,
        canonical=canonical(command),
    )


def receipt_out(posted: Posted) -> ReceiptOut:
    """What a caller hears of a posted command; the same bytes whenever it asks again."""
    return ReceiptOut(
        transaction=str(posted.index),
        recorded_at=posted.recorded_at,
        tree_size=str(posted.tree_size),
        balances=tuple(
            BalanceAfterOut(account=b.account, commodity=b.commodity, quantity=str(b.balance)) for b in posted.balances
        ),
    )


def answer(outcome: Outcome) -> Response[ReceiptOut]:
    """201 with the receipt, or the problem that tells the refusal."""
    match outcome:
        case Posted():
            headers = {"Idempotent-Replayed": "true"} if outcome.replayed else {}
            return Response(receipt_out(outcome), status_code=201, headers=headers)
        case Refused():
            raise Problem(outcome.refusal, record=outcome.index)
        case Unknown():
            raise Problem(refuse("outcome_unknown"))


_WRITES: dict[str, Any] = {"opt": MAY_POST.opt(), "responses": problems.declared(*problems.WRITE), "status_code": 201}


class TransactionController(Controller):
    """Every write of a single fact, and reading one back."""

    path = "/v1"
    tags = ("transactions",)

    @post("/transfers", operation_id="postTransfer", summary="Post one balanced transaction", **_WRITES)
    async def transfer(
        self, request: Request[Any, Any, Any], data: JSONBody[TransferIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Move certificates between holdings: postings that sum to zero for each commodity and each lot."""
        return await _post(request, data, key)

    @post("/subscriptions", operation_id="postSubscription", summary="Subscribe (认购)", **_WRITES)
    async def subscription(
        self, request: Request[Any, Any, Any], data: JSONBody[SubscriptionIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Promise certificates. A promise is GECSUB: it can never be retired or summed as a certificate."""
        return await _post(request, data, key)

    @post("/trades", operation_id="postTrade", summary="Record a trade (成交)", **_WRITES)
    async def trade(
        self, request: Request[Any, Any, Any], data: JSONBody[TradeIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """A trade moves units into clearing; its transfer is a fact of its own."""
        return await _post(request, data, key)

    @post("/trades/transfers", operation_id="postTradeTransfer", summary="Record a trade's transfer (划转)", **_WRITES)
    async def trade_transfer(
        self, request: Request[Any, Any, Any], data: JSONBody[TradeTransferIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """The registry moved a trade's units from clearing to the buyer."""
        return await _post(request, data, key)

    @post(
        "/trades/identifications",
        operation_id="postTradeIdentification",
        summary="Record the codes of a trade's certificates (编号落实)",
        **_WRITES,
    )
    async def trade_identification(
        self, request: Request[Any, Any, Any], data: JSONBody[TradeIdentificationIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Counted units become numbered where they lie; totals stay. A serial in the book already is a conflict."""
        return await _post(request, data, key)

    @post("/trades/voids", operation_id="postTradeVoid", summary="Record a withdrawn trade (撤单)", **_WRITES)
    async def trade_void(
        self, request: Request[Any, Any, Any], data: JSONBody[TradeVoidIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """The platform withdrew the whole trade: units and debt go back, if the buyer still has the units."""
        return await _post(request, data, key)

    @post("/freezes", operation_id="postFreeze", summary="Freeze certificates (冻结)", **_WRITES)
    async def freeze(
        self, request: Request[Any, Any, Any], data: JSONBody[FreezeIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Lock certificates an enterprise holds, on the authority of a document: they can be neither moved nor used."""
        return await _post(request, data, key)

    @post("/freezes/releases", operation_id="postFreezeRelease", summary="End a freeze (解冻)", **_WRITES)
    async def freeze_release(
        self, request: Request[Any, Any, Any], data: JSONBody[FreezeReleaseIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Give frozen certificates back to their holder, on the authority of a document."""
        return await _post(request, data, key)

    @post("/retirements", operation_id="postRetirement", summary="Retire certificates (核销)", **_WRITES)
    async def retirement(
        self, request: Request[Any, Any, Any], data: JSONBody[RetirementIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Claim consumption with certificates held: valid on the day, of the right year, each once. It is final."""
        return await _post(request, data, key)

    @get(
        "/transactions/{transaction:str}",
        operation_id="getTransaction",
        summary="One transaction",
        responses=problems.declared(*problems.READ),
    )
    async def transaction(
        self,
        request: Request[Any, Any, Any],
        transaction: Annotated[str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,18})$", description="Its log index.")],
    ) -> TransactionOut:
        """A transaction by its log index; 404 unless it touches the caller's accounts or the caller is park-wide."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await request.app.state.reading.transaction(scope, int(transaction))
        if isinstance(found, Refusal):
            raise Problem(found)
        envelope, visible = found
        body = envelope.body
        postings = []
        for at, leg in enumerate(body.legs):
            seen = visible.get(at)
            postings.append(
                LegOut(
                    account="withheld" if seen is None else seen[0],
                    commodity=leg.commodity,
                    lot=leg.lot,
                    quantity=leg.quantity,
                    serials=list(leg.serials),
                    balance="withheld" if seen is None else str(seen[1]),
                )
            )
        return TransactionOut(
            transaction=envelope.index,
            recorded_at=envelope.recorded_at,
            command=body.command,
            occurred_on=body.occurred_on,
            effective_on=body.effective_on,
            evidence_level=body.evidence.level,
            document=body.evidence.document,
            document_line=body.evidence.line,
            policies=list(body.policies),
            findings=list(body.findings),
            selection=body.selection,
            trade=None if body.trade is None else body.trade.trade_id,
            postings=postings,
        )


async def _post(
    request: Request[Any, Any, Any],
    data: FactIn,
    key: str,
) -> Response[ReceiptOut]:
    credential = credential_of(request)
    command = command_in(data, credential.principal.tenant)
    writer = await request.app.state.writers.of(credential)
    return answer(await writer.submit(ledger_request(command, credential, key)))
