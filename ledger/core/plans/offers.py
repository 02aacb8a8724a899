"""A transfer in two steps (转让要约): offered, which reserves; then accepted, rejected, withdrawn or lapsed."""

import msgspec

from ledger.core.account import account_name
from ledger.core.book import Book, serial_ranges
from ledger.core.command import Principal
from ledger.core.events import AnswerOffer, Leg, Offer
from ledger.core.facts import OfferFacts
from ledger.core.plans.plan import Plan, missing_party, moved, planned
from ledger.core.record import AnswerBody, OfferBody
from ledger.core.refusal import Refusal, refuse


def offer(command: Offer, book: Book, today: str) -> Plan | Refusal:
    """What is offered is reserved: it leaves the holding, and stays the offerer's until it is accepted."""
    for party in (command.enterprise, command.receiver):
        if (wrong := missing_party(book, enterprise=party)) is not None:
            return wrong
    if command.receiver == command.enterprise:
        return refuse("offer_to_itself", enterprise=command.enterprise)
    if command.expires_on is not None and command.expires_on < today:
        return refuse("offer_lapsed", offer="-", expires_on=command.expires_on, today=today)
    about = OfferBody(enterprise=command.enterprise, expires_on=command.expires_on, receiver=command.receiver)
    opens = ((account_name("offered", command.enterprise), command.enterprise),)
    return planned("offer", command, offer_legs(command, book), about=about, opens=opens)


def offer_legs(command: Offer, _: Book) -> tuple[Leg, ...]:
    """From the offerer's holding to what it has offered."""
    source, target = account_name("holding_ent", command.enterprise), account_name("offered", command.enterprise)
    return moved(source, target, command.quantity, command.lot, command.serials)


def stranger(command: AnswerOffer, book: Book, principal: Principal) -> Refusal | None:
    """`offer_unknown` to an enterprise that cannot answer so: it learns nothing of offers between others."""
    known = book.offers.get(command.offer)
    if known is None:
        return refuse("offer_unknown", offer=command.offer)
    may = {
        "accept": (known.receiver,),
        "reject": (known.receiver,),
        "withdraw": (known.enterprise,),
        "lapse": (known.enterprise, known.receiver),
    }
    if principal.tenant is not None and principal.tenant not in may[command.answer]:
        return refuse("offer_unknown", offer=command.offer)
    return None


def answer(command: AnswerOffer, book: Book, today: str) -> Plan | Refusal:
    """All that was offered goes to the receiver, or back; once, and to the receiver only until the day it lapses."""
    known = book.offers[command.offer]  # `stranger` has looked
    if known.state != "open":
        return refuse("offer_answered", offer=command.offer, state=known.state)
    has_lapsed = known.expires_on is not None and known.expires_on < today
    if command.answer == "accept" and has_lapsed:
        return refuse("offer_lapsed", offer=command.offer, expires_on=known.expires_on, today=today)
    if command.answer == "lapse" and not has_lapsed:
        return refuse("offer_open", offer=command.offer, expires_on=known.expires_on or "-")
    target = known.receiver if command.answer == "accept" else known.enterprise
    legs = _offered_to(command, book, account_name("holding_ent", target))
    about = AnswerBody(answer=command.answer, offer=str(command.offer))
    return planned("answer_offer", command, legs, about=about, status=command.answer, settled=True)


def answer_legs(command: AnswerOffer, book: Book) -> tuple[Leg, ...]:
    """For loading: all that was offered, to either end."""
    known = book.offers.get(command.offer)
    if known is None:
        return ()
    ends = (account_name("holding_ent", party) for party in (known.enterprise, known.receiver))
    return tuple(leg for end in ends for leg in _offered_to(command, book, end))


def _offered_to(command: AnswerOffer, book: Book, target: str) -> tuple[Leg, ...]:
    original = book.originals.get(command.offer)
    offered = [] if original is None else [leg for leg in original.legs if not leg.quantity.startswith("-")]
    return tuple(
        leg
        for one in offered
        for leg in moved(one.account, target, int(one.quantity), one.lot, serial_ranges(one.serials))
    )


def learn_offer(book: Book, index: int, body: OfferBody) -> None:
    """An offer stands under the index of its posting, which follows."""
    facts = OfferFacts(
        log_index=index + 1, enterprise=body.enterprise, receiver=body.receiver, expires_on=body.expires_on
    )
    book.put(book.offers, index + 1, facts)


def learn_answer(book: Book, index: int, body: AnswerBody) -> None:
    """An offer is answered by the posting that follows."""
    known = book.offers[int(body.offer)]
    book.put(
        book.offers,
        known.log_index,
        msgspec.structs.replace(known, state=body.answer, answered_index=index + 1),
    )
