"""A body -> the command it wishes for, for the caller it came from. No rule is judged here but whose it is."""

import functools
from typing import Any

from api import bodies, carbon_bodies
from api.problems import Problem
from ledger.core import events
from ledger.core.carbon_events import ProductPart
from ledger.core.certificate import LotFacts, code_given
from ledger.core.command import Batch, canonical
from ledger.core.command import Request as LedgerRequest
from ledger.core.events import Evidence, Leg, Posting
from ledger.core.quantity import QUANTITY_MAX, parse_quantity
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges, SerialRange
from ledger.core.settlement import correction_key, settled_lot, settlement_key
from ledger.keys import Credential

_QUANTITIES = {"quantity", "energy_kwh", "amount_fen"}
_RENAMED = {"trade_id": "trade", "province": "account"}
"""What a body calls otherwise than its command."""


def command_of(kind: type[Posting], data: bodies.FactIn, **more: object) -> Any:
    """A command of this kind with all the body's fields that it has, and `more`."""
    found = {field: _value(data, name) for field, name in _shared(kind, type(data)) if field not in more}
    return kind(**found, **more)  # type: ignore[arg-type]  # checked by the tests of every event


@functools.cache
def _shared(kind: type[Posting], body: type[bodies.FactIn]) -> tuple[tuple[str, str], ...]:
    """The command's fields that a body has, each with what the body calls it."""
    fields: tuple[str, ...] = kind.__struct_fields__
    named = ((field, field if field in body.__struct_fields__ else _RENAMED.get(field, field)) for field in fields)
    return tuple((field, name) for field, name in named if name in body.__struct_fields__)


def _value(data: Any, name: str) -> Any:
    value = getattr(data, name)
    if value is None:
        return None
    if name in _QUANTITIES:
        return quantity_in(value)
    if name == "serials":
        return serials_in(data)
    if name in {"code_first", "code_last"}:
        return code_in(value)
    if name in {"occurred_on", "effective_on", "expires_on"}:
        return value.isoformat()
    if name == "match":
        return events.Match(
            production_month=value.production_month, province=value.province, source=value.energy_source
        )
    if name == "evidence":
        return Evidence(level=value.level, document=value.document, line=value.line)
    return value


def legs_in(data: bodies.TransferIn) -> tuple[Leg, ...]:
    """The legs of a transfer as the engine takes them."""
    return tuple(
        Leg(posting.account, posting.commodity, quantity_in(posting.quantity), posting.lot, serials_in(posting))
        for posting in data.postings
    )


def serials_in(data: Any) -> Ranges:
    """The ranges a body names, in order; 422 where one ends before it begins."""
    serials = []
    for given in sorted(data.serials, key=lambda s: int(s.first)):
        first, last = int(given.first), int(given.last)
        if last < first:
            lot = getattr(data, "lot", None)
            raise Problem(refuse("serials_mismatch", lot=lot, given=last - first + 1, quantity=data.quantity))
        serials.append(SerialRange(first, last + 1))
    return tuple(serials)


def quantity_in(text: str) -> int:
    """A quantity from the wire, or 422."""
    quantity = parse_quantity(text)
    if quantity is None or abs(quantity) > QUANTITY_MAX:
        raise Problem(refuse("invalid_quantity", given=text))
    return quantity


def code_in(text: str) -> str:
    """A certificate's code from the wire, or 422."""
    code = code_given(text)
    if isinstance(code, Refusal):
        raise Problem(code)
    return code


def transfer(data: bodies.TransferIn, _: str | None) -> Posting:
    """A transfer names its own postings."""
    # Written out: by far the most commands are transfers.
    return events.Transfer(
        legs=legs_in(data),
        occurred_on=None if data.occurred_on is None else data.occurred_on.isoformat(),
        effective_on=None if data.effective_on is None else data.effective_on.isoformat(),
        evidence=_value(data, "evidence"),
    )


def subscription(data: bodies.SubscriptionIn, tenant: str | None) -> Posting:
    """An enterprise promises for itself."""
    if tenant is not None and data.enterprise not in {None, tenant}:
        raise Problem(refuse("not_your_account", account=f"Commitment:Ent:{data.enterprise}"))
    return command_of(events.Subscribe, data, enterprise=data.enterprise or tenant)


def surrender(data: carbon_bodies.SurrenderIn, tenant: str | None) -> Posting:
    """An enterprise surrenders its own."""
    if data.cea == data.ccer == "0":
        raise Problem(refuse("invalid_quantity", given=0))
    enterprise = _whose(data.enterprise, tenant)
    return command_of(events.Surrender, data, enterprise=enterprise, cea=int(data.cea), ccer=int(data.ccer))


def product(data: carbon_bodies.ProductIn, tenant: str | None) -> Posting:
    """An enterprise speaks of its own products."""
    return command_of(
        events.MakeProduct, data, enterprise=_whose(data.enterprise, tenant), outputs=_parts(data.outputs),
        inputs=_parts(data.inputs), emissions=int(data.emissions_g),
    )  # fmt: skip


def product_sale(data: carbon_bodies.ProductSaleIn, tenant: str | None) -> Posting:
    """An enterprise sells its own products."""
    return command_of(events.SellProduct, data, enterprise=_whose(data.enterprise, tenant))


def product_receipt(data: carbon_bodies.ProductReceiptIn, tenant: str | None) -> Posting:
    """An enterprise receives for itself."""
    enterprise = _whose(data.enterprise, tenant)
    return command_of(events.ReceiveProduct, data, enterprise=enterprise, emissions=int(data.emissions_g))


def _parts(given: tuple[carbon_bodies.ProductPartIn, ...]) -> tuple[ProductPart, ...]:
    return tuple(ProductPart(part.lot, quantity_in(part.quantity)) for part in given)


def trade(data: bodies.TradeIn, _: str | None) -> Posting:
    """A trade is known by platform, order, project and production month."""
    trade_id = "/".join((data.platform, data.order, data.project, data.production_month))
    return command_of(events.Trade, data, trade_id=trade_id, lot=_lot(data, trade_id))


def trade_correction(data: bodies.TradeCorrectionIn, _: str | None) -> Posting:
    """It names its trade as the trade itself does."""
    trade_id = "/".join((data.platform, data.order, data.project, data.production_month))
    lot = LotFacts(
        code=trade_id,
        numbered=False,
        production_month=data.production_month,
        project=data.project,
        source=data.energy_source,
    )
    return command_of(events.CorrectTrade, data, trade_id=trade_id, lot=lot)


def retirement(data: bodies.RetirementIn, tenant: str | None) -> Posting:
    """An enterprise retires its own; anybody else says whose."""
    return command_of(events.Retire, data, enterprise=_whose(data.enterprise, tenant))


def offer(data: bodies.OfferIn, tenant: str | None) -> Posting:
    """An enterprise offers its own; anybody else says whose."""
    return command_of(events.Offer, data, enterprise=_whose(data.enterprise, tenant))


def _whose(enterprise: str | None, tenant: str | None) -> str:
    """Whose holding is meant: the caller's own, or the one a park-wide caller names."""
    if tenant is not None and enterprise not in {None, tenant}:
        raise Problem(refuse("not_your_account", account=f"Holding:Ent:{enterprise}"))
    whose = enterprise or tenant
    if whose is None:
        raise Problem(refuse("enterprise_needed", role="operator"))
    return whose


def offer_answer(data: bodies.OfferAnswerIn, _: str | None) -> Posting:
    """An offer is named by the log index of its transaction."""
    return command_of(events.AnswerOffer, data, offer=int(data.offer))


def issuance(data: bodies.IssuanceIn, _: str | None) -> Posting:
    """Counted units of an issuance are a lot of their own, known by project, month and the issuer's reference."""
    code = f"{data.project}/{data.production_month}/{data.reference}"
    return command_of(events.Issue, data, lot=_lot(data, code))


def opening(data: bodies.OpeningIn, _: str | None) -> Posting:
    """Counted units of a take-on balance are a lot of their own."""
    return command_of(events.OpenBalance, data, lot=_lot(data, f"opening/{data.enterprise}/{data.reference}"))


def bundle(data: bodies.BundleIn, _: str | None) -> Posting:
    """Counted units of a settlement are a lot of their own, known by contract, project and month."""
    code = settled_lot(data.buyer, data.contract, data.project, data.production_month)
    return command_of(events.SettleBundle, data, lot=_lot(data, code))


def bundle_correction(data: bodies.BundleCorrectionIn, _: str | None) -> Posting:
    """A correction speaks of the counted lot that the settlement brought."""
    return command_of(events.CorrectBundle, data, lot=_settled_lot(data))


def correction_link(data: bodies.CorrectionLinkIn, _: str | None) -> Posting:
    """What waits under the settlement's lot comes off it."""
    return command_of(events.LinkCorrection, data, lot=_settled_lot(data))


def _settled_lot(data: bodies.SettledIn) -> LotFacts:
    return LotFacts(
        code=settled_lot(data.buyer, data.contract, data.project, data.production_month),
        numbered=False,
        production_month=data.production_month,
        project=data.project,
        province=data.province,
        source=data.energy_source,
    )


def energy_transfer(data: bodies.EnergyTransferIn, _: str | None) -> Posting:
    """Counted units that came with energy are a lot of their own."""
    code = f"energy/{data.enterprise}/{data.reference}"
    return command_of(events.TransferWithEnergy, data, lot=_lot(data, code))


def province_receipt(data: bodies.ProvinceReceiptIn, _: str | None) -> Posting:
    """Counted units of the province are a lot of their own."""
    code = f"province/{data.account}/{data.reference}"
    return command_of(events.ReceiveForProvince, data, province=data.account, lot=_lot(data, code))


def reversal(data: bodies.ReversalIn, _: str | None) -> Posting:
    """A transaction is named by its log index."""
    parts = tuple(events.Part(part.lot, quantity_in(part.quantity), serials_in(part)) for part in data.parts)
    return command_of(events.Reverse, data, transaction=int(data.transaction), reason=data.why, parts=parts)


def _lot(data: bodies.TradeIn | bodies.UnitsIn, code: str) -> LotFacts:
    """What a document says of its units; where they lie in the book already, the lot it names."""
    return LotFacts(
        code=getattr(data, "lot", None) or code,
        numbered=False,
        production_month=data.production_month,
        project=data.project,
        province=getattr(data, "province", None),
        source=data.energy_source,
        tradable=data.tradable,
    )


def evidence_key(command: Posting) -> str | None:
    """The ledger-wide key of the fact a document line states: a trade, and each event of it, happens once."""
    match command:
        case events.Trade():
            return f"trade:{command.trade_id}"
        case events.TransferTrade():
            return f"transfer:{command.trade_id}"
        case events.IdentifyTrade():
            return f"identify:{command.trade_id}"
        case events.VoidTrade(quantity=None):
            return f"void:{command.trade_id}"
        case events.Deliver():
            return f"delivery:{command.trade_id}"
        case events.Retire(proof=str()):
            return f"proof:{command.proof.upper()}"  # one proof, however it is typed
        case events.Issue():
            return f"issuance:{command.project}/{command.reference}"
        case events.OpenBalance():
            return f"opening:{command.enterprise}/{command.reference}"
        case events.SettleBundle():
            return settlement_key(command.buyer, command.contract, command.lot)
        case events.CorrectBundle():
            return correction_key(command.buyer, command.contract, command.lot, command.occurred_on)
        case events.CorrectTrade():
            return f"void:{command.trade_id}/{command.quantity}/{command.occurred_on}"
        case events.TransferWithEnergy():
            return f"energy:{command.enterprise}/{command.reference}"
        case events.ReceiveForProvince():
            return f"province:{command.province}/{command.reference}"
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
