"""Every event that can be posted: its path, its body, who may, and the command it becomes. One table for all."""

import functools
from collections.abc import Callable
from typing import Any, Union

import msgspec

from api import bodies, carbon_bodies, wishes
from api.problems import Problem
from ledger.core import events
from ledger.core.events import Posting
from ledger.core.refusal import refuse


class Event(msgspec.Struct, frozen=True):
    """One resource under /v1, and one type of item in a batch."""

    path: str
    operation: str
    item: str
    """Its `type` in a batch."""
    body: type[bodies.FactIn]
    command: Callable[[Any, str | None], Posting]
    """What a body wishes for, of a caller that is this enterprise (None: a park-wide role)."""
    summary: str
    text: str
    operators: str | None = None
    """What only operators may do by it; None where enterprises may post it too."""


def _plainly(kind: type[Posting]) -> Callable[[Any, str | None], Posting]:
    """A body whose fields are the command's own."""
    return lambda data, _: wishes.command_of(kind, data)


_TRADES, _FREEZES = "record trades", "freeze or release certificates"
_ISSUER, _PROJECT = "record what comes into the book", "act for a project"

EVENTS = (
    Event(
        "/transfers", "postTransfer", "transfer", bodies.TransferIn, wishes.transfer,
        "Post one balanced transaction",
        "Move certificates between holdings: postings that sum to zero for each commodity and each lot.",
    ),
    Event(
        "/subscriptions", "postSubscription", "subscription", bodies.SubscriptionIn, wishes.subscription,
        "Subscribe (认购)",
        "Promise certificates. A promise is GECSUB: it can never be retired or summed as a certificate.",
    ),
    Event(
        "/subscriptions/reductions", "postSubscriptionReduction", "subscription_reduction",
        bodies.SubscriptionReductionIn,
        lambda data, _: wishes.command_of(events.ReduceSubscription, data, reason=data.cause),
        "Make a subscription smaller (认购变更)",
        "An enterprise owes fewer certificates than it promised, never less than none.",
        "change subscriptions",
    ),
    Event(
        "/trades", "postTrade", "trade", bodies.TradeIn, wishes.trade,
        "Record a trade (成交)",
        "A trade moves units into clearing; its transfer is a fact of its own.",
        _TRADES,
    ),
    Event(
        "/trades/transfers", "postTradeTransfer", "trade_transfer", bodies.TradeTransferIn,
        _plainly(events.TransferTrade),
        "Record a trade's transfer (划转)",
        "The registry moved a trade's units from clearing to the buyer.",
        _TRADES,
    ),
    Event(
        "/trades/identifications", "postTradeIdentification", "trade_identification", bodies.TradeIdentificationIn,
        _plainly(events.IdentifyTrade),
        "Record the codes of a trade's certificates (编号落实)",
        "Counted units become numbered where they lie; totals stay. A serial in the book already is a conflict.",
        _TRADES,
    ),
    Event(
        "/trades/voids", "postTradeVoid", "trade_void", bodies.TradeVoidIn, _plainly(events.VoidTrade),
        "Record a withdrawn trade (撤单)",
        "The platform withdrew a trade, or part of it: units and debt go back, if the buyer still has the units. "
        "Only when all of it is void may its certificates be traded again.",
        _TRADES,
    ),
    Event(
        "/trades/corrections", "postTradeCorrection", "trade_correction", bodies.TradeCorrectionIn,
        wishes.trade_correction,
        "Correct a trade that is not in the book (冲销, 原交易缺失)",
        "Certificates went back by a statement, and their trade has not come yet: they stand in suspense until then.",
        _TRADES,
    ),
    Event(
        "/trades/links", "postTradeLink", "trade_link", bodies.TradeLinkIn, _plainly(events.LinkTrade),
        "Link waiting corrections to their trade",
        "The trade has come, and as much as waited was withdrawn from it: suspense is cleared of it.",
        _TRADES,
    ),
    Event(
        "/trades/deliveries", "postTradeDelivery", "trade_delivery", bodies.TradeDeliveryIn, _plainly(events.Deliver),
        "Count a trade as delivery on a subscription (履约)",
        "A transferred trade takes as much off its buyer's promise as it brought, once.",
        _TRADES,
    ),
    Event(
        "/trades/breaks", "postBreakSettlement", "break_settlement", bodies.BreakSettlementIn,
        _plainly(events.SettleBreak),
        "Settle a withdrawn trade's break (待查结清)",
        "A trade the platform withdrew, confirmed, after its units had moved on stands in suspense; units that are "
        "found go back, and the break shrinks.",
        _TRADES,
    ),
    Event(
        "/issuances", "postIssuance", "issuance", bodies.IssuanceIn, wishes.issuance,
        "Record an issuance (核发)",
        "Whole MWh of a project's energy, with what was carried, become certificates; the rest is carried. "
        "Serials that came in from outside before are adopted.",
        _ISSUER,
    ),
    Event(
        "/openings", "postOpening", "opening", bodies.OpeningIn, wishes.opening,
        "Record a take-on balance (期初)",
        "What an enterprise held before the book began, by a document.",
        _ISSUER,
    ),
    Event(
        "/bundles", "postBundle", "bundle", bodies.BundleIn, wishes.bundle,
        "Record settled green power (绿电交易)",
        "Certificates that came with the energy: traded once by it. The contract carries the rest of a MWh.",
        _ISSUER,
    ),
    Event(
        "/bundles/corrections", "postBundleCorrection", "bundle_correction", bodies.BundleCorrectionIn,
        wishes.bundle_correction,
        "Correct settled green power downwards (退补)",
        "Certificates of a settled month go back to the seller. Where the settlement is not in the book, or they have "
        "moved on, they stand in suspense.",
        _ISSUER,
    ),
    Event(
        "/bundles/links", "postCorrectionLink", "correction_link", bodies.CorrectionLinkIn, wishes.correction_link,
        "Link a waiting correction to its settlement",
        "All that waits in suspense under the settlement's lot comes off what the buyer has of it.",
        _ISSUER,
    ),
    Event(
        "/energy-transfers", "postEnergyTransfer", "energy_transfer", bodies.EnergyTransferIn, wishes.energy_transfer,
        "Record certificates of hydro or self-used energy",
        "Non-tradable certificates that move with the energy itself; no trade.",
        _ISSUER,
    ),
    Event(
        "/provinces/receipts", "postProvinceReceipt", "province_receipt", bodies.ProvinceReceiptIn,
        wishes.province_receipt,
        "Record certificates for the provincial account (省级绿证账户)",
        "Certificates of hydro power that the grid bought as agent.",
        _ISSUER,
    ),
    Event(
        "/provinces/allocations", "postProvinceAllocation", "province_allocation", bodies.AllocationIn,
        _plainly(events.Allocate),
        "Record a provincial allocation",
        "The province gives certificates to an enterprise by its published plan.",
        _ISSUER,
    ),
    Event(
        "/listings", "postListing", "listing", bodies.ListingIn, _plainly(events.ListForSale),
        "List certificates (挂牌)",
        "A project locks certificates for a platform: tradable, valid on the day, never traded.",
        _PROJECT,
    ),
    Event(
        "/listings/withdrawals", "postListingWithdrawal", "listing_withdrawal", bodies.DelistingIn,
        _plainly(events.Delist),
        "Take certificates off a platform (撤牌)",
        "What was listed and not sold is the project's again.",
        _PROJECT,
    ),
    Event(
        "/freezes", "postFreeze", "freeze", bodies.FreezeIn, _plainly(events.Freeze),
        "Freeze certificates (冻结)",
        "Lock certificates a party holds, on the authority of a document: they can be neither moved nor used.",
        _FREEZES,
    ),
    Event(
        "/freezes/releases", "postFreezeRelease", "freeze_release", bodies.FreezeReleaseIn, _plainly(events.Unfreeze),
        "End a freeze (解冻)",
        "Give frozen certificates back to their holder, on the authority of a document.",
        _FREEZES,
    ),
    Event(
        "/cancellations", "postCancellation", "cancellation", bodies.CancellationIn, _plainly(events.CancelForCcer),
        "Cancel certificates for CCER (注销)",
        "Frozen certificates whose energy was registered as CCER end, by a document, while the linkage is in force.",
        _FREEZES,
    ),
    Event(
        "/retirements", "postRetirement", "retirement", bodies.RetirementIn, wishes.retirement,
        "Retire certificates (核销)",
        "Claim consumption with certificates held: valid on the day, of the right year, each once. It is final.",
    ),
    Event(
        "/reversals", "postReversal", "reversal", bodies.ReversalIn, wishes.reversal,
        "Take a transaction back (冲销)",
        "The exact mirror of what still stands of a transaction, or of parts of it by lot; nothing is edited. "
        "A trade is withdrawn at /v1/trades/voids instead.",
        "reverse transactions",
    ),
    Event(
        "/offers", "postOffer", "offer", bodies.OfferIn, wishes.offer,
        "Offer certificates to another enterprise (转让要约)",
        "What is offered is reserved until the receiver accepts or rejects it, the offerer withdraws it, or its day "
        "has passed.",
    ),
    Event(
        "/offers/answers", "postOfferAnswer", "offer_answer", bodies.OfferAnswerIn, wishes.offer_answer,
        "Answer an offer",
        "All that was offered goes to the receiver, or back to the offerer, once.",
    ),
    Event(
        "/parties/successions", "postSuccession", "succession", bodies.SuccessionIn, _plainly(events.Succeed),
        "Move what a merged enterprise holds (合并承继)",
        "Its certificates with their costs, and its promise, go to the enterprise it merged into, as far as one "
        "transaction takes them; ask again until nothing is left.",
        "wind up a merged enterprise",
    ),
    Event(
        "/expiries", "postExpiry", "expiry", bodies.ExpiryIn, _plainly(events.Expire),
        "Record lapsed certificates (到期)",
        "Make visible what the rule of validity says: the certificates cannot be used any more. They never could.",
        "record what has lapsed",
    ),
    Event(
        "/allowances/allocations", "postAllowanceAllocation", "allowance_allocation",
        carbon_bodies.AllowanceAllocationIn, _plainly(events.AllocateAllowances),
        "Record allocated allowances (配额分配)",
        "The state allocates CEA to an enterprise for a year; they move between enterprises by transfers.",
        _ISSUER,
    ),
    Event(
        "/allowances/ccer", "postCcerPurchase", "ccer_purchase", carbon_bodies.CcerPurchaseIn, _plainly(events.BuyCcer),
        "Record bought reductions (CCER)",
        "1 CCER is 1 tCO2e; it is never converted into a certificate, nor a certificate into it.",
        _ISSUER,
    ),
    Event(
        "/allowances/surrenders", "postSurrender", "surrender", carbon_bodies.SurrenderIn, wishes.surrender,
        "Surrender allowances (清缴)",
        "For the verified Scope 1 of a year, no more than that, and CCER up to a share of it. Certificates do not "
        "lower it.",
    ),
    Event(
        "/products", "postProduct", "product", carbon_bodies.ProductIn, wishes.product,
        "Make products of others (隐含碳)",
        "What was embodied in the inputs, and what was emitted, is embodied in the outputs: nothing is lost or made.",
    ),
    Event(
        "/products/sales", "postProductSale", "product_sale", carbon_bodies.ProductSaleIn, wishes.product_sale,
        "Pass a product on with its embodied carbon",
        "What one enterprise passes on the next receives, to the gram.",
    ),
    Event(
        "/products/receipts", "postProductReceipt", "product_receipt", carbon_bodies.ProductReceiptIn,
        wishes.product_receipt,
        "Record a product from outside the park",
        "With the footprint that its seller declares.",
    ),
)  # fmt: skip
_BY_BODY = {event.body: event for event in EVENTS}
_KEY = bodies.RequestKey | None


def command_in(data: bodies.FactIn, tenant: str | None) -> Posting:
    """The command a body wishes for; 403 where it is not an enterprise's to wish."""
    event = _event_of(type(data))
    if tenant is not None and event.operators is not None:
        # Before the book is looked at: what is in it is nobody's to find out by trying.
        raise Problem(refuse("forbidden", role="enterprise", action=event.operators))
    return event.command(data, tenant)


@functools.cache
def _event_of(body: type[bodies.FactIn]) -> Event:
    """The event of a body, or of a batch's item that is one."""
    return next(_BY_BODY[kind] for kind in body.__mro__ if kind in _BY_BODY)


def _item(event: Event) -> type[msgspec.Struct]:
    name = event.body.__name__.removesuffix("In") + "Item"
    doc = {"__doc__": f"{event.body.__doc__ or ''} As an item of a batch; `key` is its own request key."}
    return msgspec.defstruct(
        name, [("key", _KEY, None)], bases=(event.body,), namespace=doc, tag=event.item, tag_field="type", kw_only=True,
        frozen=True, forbid_unknown_fields=True,
    )  # fmt: skip


ITEMS = tuple(_item(event) for event in EVENTS)
BatchItem: Any = Union[ITEMS]  # type: ignore[not-a-type]  # noqa: UP007 (made of a tuple)
