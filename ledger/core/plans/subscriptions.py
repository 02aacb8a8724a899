"""Plans of promises (认购): GECSUB, which can never be retired or summed as a certificate."""

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.events import Leg, ReduceSubscription, Subscribe
from ledger.core.plans.plan import Plan, planned
from ledger.core.refusal import Refusal, refuse


def subscription(command: Subscribe, book: Book, _: str) -> Plan | Refusal:
    """A promise by an enterprise, or by nobody in particular."""
    if command.enterprise is not None and command.enterprise not in book.parties:
        return refuse("unknown_party", party=command.enterprise)
    status = None if command.status == "commitment" else command.status
    return planned("subscribe", command, subscription_legs(command, book), status=status)


def subscription_legs(command: Subscribe, _: Book) -> tuple[Leg, ...]:
    """Out of the park's contra account."""
    unallocated = account_name("commitment_unallocated")
    target = unallocated if command.enterprise is None else account_name("commitment_ent", command.enterprise)
    contra = account_name("commitment_contra")
    return Leg(contra, "GECSUB", -command.quantity), Leg(target, "GECSUB", command.quantity)


def reduction(command: ReduceSubscription, book: Book, _: str) -> Plan | Refusal:
    """A promise withdrawn or made smaller, for a reason."""
    if command.enterprise not in book.parties:
        return refuse("unknown_party", party=command.enterprise)
    return planned("reduce_subscription", command, reduction_legs(command, book), status=command.reason)


def reduction_legs(command: ReduceSubscription, _: Book) -> tuple[Leg, ...]:
    """Back to the park's contra account."""
    commitment = account_name("commitment_ent", command.enterprise)
    contra = account_name("commitment_contra")
    return Leg(commitment, "GECSUB", -command.quantity), Leg(contra, "GECSUB", command.quantity)
