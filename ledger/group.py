"""A group of commands, decided in memory: what each becomes, and what the group changes. No SQL, no waiting.

The writer gives a group the book with all it touches; afterwards the book is as if the group were written.
"""

import asyncio
import enum
import secrets
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import msgspec

from ledger.core.book import Book
from ledger.core.command import (
    ChangeParty,
    RegisterParty,
    Request,
    differing_fields,
    fingerprint,
    is_same,
    private_salt,
)
from ledger.core.decision import decide, learn
from ledger.core.facts import Known
from ledger.core.parties import is_name, private_texts
from ledger.core.party import lookup_name
from ledger.core.record import (
    NOT_RECORDED,
    TYPE_OF_BODY,
    Body,
    Envelope,
    PostingBody,
    ProposalBody,
    RefusalBody,
    encode,
)
from ledger.core.refusal import Refusal, refuse
from ledger.store.changes import Changes
from ledger.store.outcomes import BalanceAfter, Outcome, Posted, Refused, Unknown
from ledger.store.unit_of_work import Entry, PrivateText, Ready


class Ticket(msgspec.Struct, gc=False):
    """Commands of one caller, and where the outcomes are awaited; `atomic`: all or none."""

    requests: Sequence[Request]
    atomic: bool
    done: asyncio.Future[list[Outcome]]


class Item(msgspec.Struct, gc=False):
    """What came of one request, before the commit: its own entry, a refusal, or a replay."""

    request: Request
    entry: Entry | None = None
    refusal: Refusal | None = None
    replay_of: int | None = None
    refused_before: str | None = None
    """The code, where what is replayed is a refusal."""
    after: tuple[BalanceAfter, ...] = ()


class Group(msgspec.Struct):
    """Tickets decided together, in order, and what they become."""

    tickets: list[Ticket]
    first_index: int
    items: list[list[Item]] = msgspec.field(default_factory=list)
    entries: list[Entry] = msgspec.field(default_factory=list)
    changes: Changes = msgspec.field(default_factory=Changes)
    records: list[bytes] = msgspec.field(default_factory=list)
    """The entries' bytes, all but when they are recorded."""
    ready: Ready | None = None
    """What is written besides the records, laid out for the database."""
    presumed: Sequence[tuple[str, str]] = ()
    """(tenant, key) of what was decided as if the key were new: looked for once the head is locked."""


class Status(enum.Enum):
    """What became of a group that was sent."""

    WRITTEN = enum.auto()
    STALE = enum.auto()
    """Somebody else wrote since the group was decided, or a key taken for new is in use; nothing of it was written."""
    FAILED = enum.auto()


class Flight(NamedTuple):
    """A group that is being written."""

    group: Group
    flush: asyncio.Task[Status]
    """Done when its callers have heard."""
    landed: asyncio.Future[Status]
    """Done when it is known what became of it."""

    @property
    def commands(self) -> int:
        """How many commands it has."""
        return sum(len(ticket.requests) for ticket in self.group.tickets)


_NAMING = frozenset({RegisterParty, ChangeParty})
STEP = 25
"""Commands of a batch decided in one go, some milliseconds; then the connections and other callers have their turn."""
SUBJECTS_MAX = 10_000
"""Subjects whose refusals are counted; above it the count begins anew for all."""


class Deciding:
    """Decides groups against a book, and counts the refusals of each subject."""

    def __init__(self, *, refusals_per_minute: int) -> None:
        self._refusals_per_minute = refusals_per_minute
        self._refusals: dict[str, deque[int]] = {}

    def decide(self, book: Book, group: Group, today: str) -> Iterator[None]:
        """Fill the group; the book is changed as if it were written. Yields where the caller may do other work."""
        for ticket in group.tickets:
            decide_ticket = self._decide_atomic if ticket.atomic else self._decide_each
            group.items.append((yield from decide_ticket(book, ticket, group, today)))
        for entry in group.entries:
            group.changes.note(book, entry)
        group.changes.settle(book)

    def _decide_each(self, book: Book, ticket: Ticket, group: Group, today: str) -> Generator[None, None, list[Item]]:
        items = []
        for at, request in enumerate(ticket.requests, start=1):
            items.append(self._decide_one(book, request, group.entries, today))
            if at % STEP == 0:
                yield
        return items

    def _decide_atomic(self, book: Book, ticket: Ticket, group: Group, today: str) -> Generator[None, None, list[Item]]:
        """All or none: at the first refusal the book goes back, and only the failing item is frozen."""
        book.begin()
        entries: list[Entry] = []
        items: list[Item] = []
        for at, request in enumerate(ticket.requests):
            if at % STEP == STEP - 1:
                yield
            item = self._decide_one(book, request, entries, today)
            items.append(item)
            code = item.refused_before if item.refusal is None else item.refusal.code
            if code is None:
                continue
            book.rollback()
            why = refuse("batch_refused", item=at + 1, refused_code=code)
            items = [Item(request, refusal=why) for request in ticket.requests]
            items[at] = Item(request, refusal=item.refusal, replay_of=item.replay_of)
            if item.entry is not None:
                items[at].entry = _record(book, request, (item.entry.body,), group.entries)
            return items
        book.commit()
        group.entries += entries
        return items

    def _decide_one(self, book: Book, request: Request, entries: list[Entry], today: str) -> Item:
        known = book.outcomes.get(key_of(request))
        if known is not None:
            return _replay(request, known)
        decision = decide(book, request, today=today)
        if not isinstance(decision, Refusal):
            if decision.evidence_key is not None:
                request = msgspec.structs.replace(request, evidence_key=decision.evidence_key)
            entry = _record(book, request, decision.bodies, entries)
            return Item(request, entry=entry, after=_balances_after(book, entry))
        if not decision.reason.frozen:
            return Item(request, refusal=decision)
        if (beyond := self._beyond_quota(request.principal.subject)) is not None:
            return Item(request, refusal=beyond)
        name = type(request.command).__struct_config__.tag
        body = RefusalBody(code=decision.code, command=str(name), figures=decision.figures)
        return Item(request, entry=_record(book, request, (body,), entries), refusal=decision)

    def _beyond_quota(self, subject: str) -> Refusal | None:
        now = time.monotonic_ns()
        if len(self._refusals) > SUBJECTS_MAX:
            self._refusals.clear()
        recent = self._refusals.setdefault(subject, deque())
        while recent and now - recent[0] > 60 * 10**9:
            recent.popleft()
        if len(recent) >= self._refusals_per_minute:
            return refuse("quota_exceeded", given=len(recent), limit=self._refusals_per_minute)
        recent.append(now)
        return None


def _replay(request: Request, known: Known) -> Item:
    if is_same(known.canonical, request.canonical):
        return Item(request, replay_of=known.log_index, refused_before=known.refused)
    fields = ", ".join(differing_fields(known.canonical, request.canonical))
    return Item(request, refusal=refuse("request_key_reused", fields=fields))


def _record(book: Book, request: Request, bodies: Sequence[Body], entries: list[Entry]) -> Entry:
    """Take the command's records into the book and the group; the command's own entry."""
    own = None
    for body in bodies:
        index = book.size
        private: tuple[PrivateText, ...] = ()
        if type(request.command) in _NAMING and not isinstance(body, RefusalBody):
            private = _private_texts(request.command, request.salt_seed, index)  # type: ignore[arg-type]  # by its type
        names = tuple(text.lookup for text in private if text.lookup is not None) if private else ()
        rows = learn(book, index, body, names)
        own = Entry(index, body, request, body is bodies[-1], rows, private)
        entries.append(own)
    assert own is not None
    book.put(book.outcomes, key_of(request), _known(own))
    if own.evidence_key is not None:
        book.put(book.evidence, own.evidence_key, own.index)
    return own


def encode_entries(group: Group, ledger: str) -> Iterator[None]:
    """Lay the group's records out as canonical bytes, in log order, for the moment that `stamped` fills in.

    Yields where the caller may do other work.
    """
    entries = group.entries
    salts = secrets.token_bytes(16 * len(entries))
    # From the last to the first, so that a record is caused by the command's own, which comes after it.
    group.records, own_index = [b""] * len(entries), 0
    for at in range(len(entries) - 1, -1, -1):
        if at % (4 * STEP) == 0:
            yield
        entry = entries[at]
        request, principal = entry.request, entry.request.principal
        salt = salts[16 * at : 16 * at + 16]
        own = entry.is_own
        if own:
            own_index = entry.index
        envelope = Envelope(
            actor=principal.actor,
            batch=request.batch if own else None,
            body=entry.body,
            caused_by=None if own else str(own_index),
            evidence_key=entry.evidence_key,
            fingerprint=fingerprint(salt, request.canonical).hex() if own else None,
            index=str(entry.index),
            ledger=ledger,
            recorded_at=NOT_RECORDED,
            request_key=request.request_key if own else None,
            salt=salt.hex(),
            tenant=principal.tenant,
            type=TYPE_OF_BODY[type(entry.body)],
            type_v="1",
            v="1",
        )
        group.records[at] = encode(envelope)


def outcome_of(item: Item, moment: str, again: dict[int, Outcome]) -> Outcome:
    """What a caller hears of its command; `again` holds the outcomes of replayed records."""
    if item.replay_of is not None:
        # Where the journal could not be read again, the caller may ask again.
        return again.get(item.replay_of, Unknown())
    if item.refusal is not None:
        return Refused(item.refusal, None if item.entry is None else item.entry.index)
    assert item.entry is not None
    return Posted(item.entry.index, moment, item.after, proposed=isinstance(item.entry.body, ProposalBody))


def _known(entry: Entry) -> Known:
    refused = entry.body.code if isinstance(entry.body, RefusalBody) else None
    return Known(entry.index, entry.request.canonical, refused)


def key_of(request: Request) -> tuple[str, str]:
    """The tenant and key an outcome is frozen under."""
    return request.principal.tenant or "", request.request_key


def _private_texts(command: RegisterParty | ChangeParty, seed: bytes, index: int) -> tuple[PrivateText, ...]:
    return tuple(
        PrivateText(index, field, private_salt(seed, field), text, lookup_name(text) if is_name(field) else None)
        for field, text in private_texts(command).items()
    )


def _balances_after(book: Book, entry: Entry) -> tuple[BalanceAfter, ...]:
    """Balances after a posting, of the caller's own accounts; of all for park-wide callers."""
    if not isinstance(entry.body, PostingBody):
        return ()
    tenant = entry.request.principal.tenant
    after = {}
    for row, leg in zip(entry.rows, entry.body.legs, strict=True):
        key = leg.account, leg.commodity
        if tenant is None or book.accounts[key].owner == tenant:
            after[key] = row.balance
    return tuple([BalanceAfter(*key, after[key]) for key in sorted(after)])
