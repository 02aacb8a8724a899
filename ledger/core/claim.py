"""May certificates of a lot be claimed for consumption in a year? Judged by the rules in force on the day. Pure."""

from collections.abc import Iterable, Iterator

from ledger.core.account import kind_of
from ledger.core.activity import reported
from ledger.core.book import Book, serial_ranges
from ledger.core.certificate import LotFacts
from ledger.core.policy import PolicyBook
from ledger.core.quantity import plain
from ledger.core.record import PostingBody, RetirementBody
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_choice import Placed
from ledger.core.serial_range import Ranges, intersect, merge, written
from ledger.core.trading import judge_validity

WH_OF_A_CERTIFICATE = 10**6


def judge_claim(lot: LotFacts, year: str, policies: PolicyBook, *, on: str) -> tuple[int, ...] | Refusal:
    """The ids of the rows that allow it (validity, vintage, and region where there is such a row), or why not:
    `expired`, `wrong_vintage`, `wrong_region`, `policy_missing`.

    `on` is the day of the retirement, not of the consumption: an expired certificate cannot be used, whether or not
    any job has noticed (domain reference, sections 1.7 and 1.8).
    """
    validity = judge_validity(lot, policies, on=on)
    if isinstance(validity, Refusal):
        return validity
    vintage = policies.vintage_match(year, on)
    if vintage is None:
        return refuse("policy_missing", rule=f"vintage for consumption in {year}", on=on)
    if vintage[1].match == "SAME_YEAR" and lot.production_month[:4] != year:
        return refuse("wrong_vintage", lot=lot.code, production_month=lot.production_month, year=year)
    region = policies.claim_region(year, on)
    if region is None:
        return validity, vintage[0]
    if lot.province not in region[1].provinces.split():
        figures = {"province": lot.province or "-", "provinces": region[1].provinces, "year": year}
        return refuse("wrong_region", lot=lot.code, **figures)
    return validity, vintage[0], region[0]


def judge_limit(book: Book, claim: RetirementBody, quantity: int, *, on: str) -> int | Refusal | None:
    """The id of the row by which a beneficiary claims no more than it consumed, None where no row says so.

    Or `claim_above_consumption` (domain reference, invariant 9).
    """
    rule = book.policies.claim_limit(on)
    if rule is None:
        return None
    key = claim.beneficiary, claim.year
    claimed, metered = book.carbon.claimed[key], book.carbon.metered[key]
    if (claimed + quantity) * WH_OF_A_CERTIFICATE > metered:
        figures = {"claimed": claimed, "asked": quantity, "metered": plain(reported(metered, "electricity")[0])}
        return refuse("claim_above_consumption", enterprise=claim.beneficiary, year=claim.year, **figures)
    return rule


def learn_claim(book: Book, index: int, body: RetirementBody) -> None:
    """The posting after record `index` claims; whose claim it is matters to what takes it back."""
    book.put(book.carbon.claims, index + 1, (body.beneficiary, body.year))


def count_claim(book: Book, index: int, body: PostingBody) -> None:
    """A retirement, or its reversal, changes what its beneficiary claims."""
    claim = index if body.command == "retire" else int(body.reverses or 0)
    key = book.carbon.claims.get(claim)
    if key is not None and key in book.carbon.claimed:
        moved = sum(max(0, int(leg.quantity)) for leg in body.legs if leg.commodity == "GEC")
        now = book.carbon.claimed[key] + (moved if body.command == "retire" else -moved)
        book.put(book.carbon.claimed, key, now)


def taken_back(body: PostingBody) -> Iterator[tuple[str, Ranges]]:
    """(lot, serials) that a reversal takes out of a retired account: they may be claimed again, but not as before."""
    for leg in body.legs:
        kind = kind_of(leg.account)
        left = leg.serials and leg.quantity.startswith("-") and kind is not None and kind.code == "retired"
        if left and leg.lot is not None:
            yield leg.lot, merge(serial_ranges(leg.serials))


def passed_over(book: Book, claim: RetirementBody | None, lot_id: int) -> Ranges:
    """The serials of a lot that a claim leaves out where it may choose: theirs was taken back, and it has no proof."""
    if claim is None or claim.proof is not None or lot_id not in book.taken_back:
        return ()
    return merge(*book.taken_back[lot_id].values())


def judge_claim_again(book: Book, claim: RetirementBody, legs: Iterable[Placed]) -> Refusal | None:
    """`proof_needed` for serials whose claim was taken back, unless a proof comes with them; each serves once.

    A retirement is final save as our own booking error, and then the registry's word decides (domain 3.4).
    """
    if claim.proof is not None:
        return None
    for leg in legs:
        for serials in book.taken_back.get(leg.lot_id, {}).values() if leg.serials and leg.quantity < 0 else ():
            if again := intersect(serials, leg.serials):
                assert leg.lot is not None
                return refuse("proof_needed", lot=leg.lot.facts.code, serials=written(again))
    return None
