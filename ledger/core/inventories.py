"""An inventory's life as facts: submitted, then verified or returned by a second person, restated by a new one. Pure.

A draft is no fact: it is what the book gives at any size. What is submitted is pinned to a tree size and to the day
whose factors judge, and its digest lets anybody prove that the same bytes come of them again.
"""

import datetime

import msgspec

from ledger.core.book import Book
from ledger.core.command import JudgeInventory, Request, SubmitInventory
from ledger.core.facts import InventoryFacts
from ledger.core.record import InventoryBody, Posted
from ledger.core.refusal import Refusal, refuse


def submit(book: Book, command: SubmitInventory, request: Request, *, today: str) -> Posted | Refusal:
    """Pin an inventory: `unknown_party`, also for another enterprise; `inventory_day` for a year to come, or a day that
    would hide what is missing of it; `inventory_verified` where one is and it is not named as restated;
    `inventory_not_verified` where what is restated is not the year's verified one.
    """
    tenant = request.principal.tenant
    if command.enterprise not in book.parties or tenant not in {None, command.enterprise}:
        return refuse("unknown_party", party=command.enterprise)
    first, last = f"{command.year}-01-01", f"{command.year}-12-31"
    # Somebody may have asked before midnight.
    yesterday = (datetime.date.fromisoformat(today) - datetime.timedelta(days=1)).isoformat()
    earliest = min(max(first, yesterday), last)
    if not earliest <= command.factors_on <= today:
        return refuse("inventory_day", year=command.year, given=command.factors_on, first=earliest, today=today)
    if command.tree_size > book.size:  # another process wrote since this one's book was loaded
        return refuse("unavailable")
    verified = verified_of(book, command.enterprise, command.year)
    if command.restates is None and verified is not None:
        return refuse("inventory_verified", enterprise=command.enterprise, year=command.year, record=verified.log_index)
    if command.restates is not None and (verified is None or verified.log_index != command.restates):
        return refuse("inventory_not_verified", record=command.restates)
    body = InventoryBody(
        digest=command.digest, enterprise=command.enterprise, factors_on=command.factors_on, figures=command.figures,
        restates=None if command.restates is None else str(command.restates), state="submitted",
        subject=request.principal.subject, tree_size=str(command.tree_size), year=command.year,
    )  # fmt: skip
    return Posted((body,))


def judge(book: Book, command: JudgeInventory, request: Request) -> Posted | Refusal:
    """A second person's word on the newest submission: `inventory_unknown`, `inventory_decided`,
    `inventory_second_person`, and `inventory_findings` for verifying what has findings that matter.
    """
    known = book.carbon.inventories.get(command.inventory)
    if known is None:
        return refuse("inventory_unknown", record=command.inventory)
    year = known.enterprise, known.year
    newest = max(i.log_index for i in book.carbon.inventories.values() if (i.enterprise, i.year) == year)
    if known.state != "submitted" or newest != known.log_index:
        return refuse("inventory_decided", record=known.log_index, state=known.state, newest=newest)
    subject = request.principal.subject
    if subject == known.subject or subject.startswith("system:"):
        return refuse("inventory_second_person", record=known.log_index, subject=subject)
    if command.verdict == "verified" and command.findings in {"material", "incomplete"}:
        return refuse("inventory_findings", record=known.log_index, findings=command.findings)
    body = InventoryBody(
        enterprise=known.enterprise, findings=command.findings, inventory=str(known.log_index), state=command.verdict,
        subject=subject, year=known.year,
    )  # fmt: skip
    return Posted((body,))


def verified_of(book: Book, enterprise: str, year: str) -> InventoryFacts | None:
    """The verified inventory of the year that stands, or None."""
    mine = (one for one in book.carbon.inventories.values() if (one.enterprise, one.year) == (enterprise, year))
    return next((one for one in mine if one.state == "verified"), None)


def learn_inventory(book: Book, index: int, body: InventoryBody) -> None:
    """A submission waits, or is decided; what a verified one restates stands no more."""
    if body.inventory is None:
        assert body.digest is not None and body.factors_on is not None and body.tree_size is not None
        facts = InventoryFacts(
            log_index=index, enterprise=body.enterprise, year=body.year, subject=body.subject,
            tree_size=int(body.tree_size), factors_on=body.factors_on, digest=body.digest,
            restates=None if body.restates is None else int(body.restates), scope1=body.figures.get("scope1", "0"),
        )  # fmt: skip
        book.put(book.carbon.inventories, index, facts)
        return
    known = book.carbon.inventories[int(body.inventory)]
    decided = msgspec.structs.replace(known, findings=body.findings, state=body.state, judged_index=index)
    book.put(book.carbon.inventories, known.log_index, decided)
    if body.state == "verified" and known.restates is not None:
        before = book.carbon.inventories[known.restates]
        book.put(book.carbon.inventories, before.log_index, msgspec.structs.replace(before, state="restated"))
