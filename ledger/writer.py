"""The one door for writes: submit(requests) -> an outcome for each.

Callers put tickets into a bounded queue. One task takes a group of them, decides it in memory with the pure
engine, and hands it to the database; while that is written, the next group is decided. Only when COMMIT has
answered does any caller hear. An outcome that is not known is told as unknown, never guessed.
"""

import asyncio
import contextlib
import datetime
import gc
from collections import deque
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import structlog

from ledger.core.book import Book
from ledger.core.command import Request
from ledger.core.facts import Known
from ledger.core.record import stamped
from ledger.core.refusal import refuse
from ledger.group import Deciding, Flight, Group, Status, Ticket, encode_entries, key_of, outcome_of
from ledger.store import balances, unit_of_work
from ledger.store.changes import ready
from ledger.store.journal import Tree, read_leaves, read_tree, seal
from ledger.store.outcomes import Outcome, Posted, Refused, Unknown, instant, read_outcomes
from ledger.store.registry import load_keys
from ledger.store.session import Keyed, connect
from ledger.store.unit_of_work import Head, UnknownOutcome

QUEUE_MAX = 50_000
"""Commands that may wait; above it callers hear `queue_full`."""
GROUP_MAX = 10_000
"""Commands in one group commit, unless one ticket alone is larger."""
BATCH_MAX = 10_000
"""Commands in one ticket."""
LAG_MAX = 1_000
"""Records by which the table of balances may lag behind while the writer is busy: each group walks what it lacks."""
CACHED_MAX = 250_000
"""Entries the book keeps between groups, about 1 kB each; above it those of days are dropped, or it begins anew."""
DAYS_MAX = 1_000_000
"""Quantities by day that the book keeps for facts dated back; above it the book begins anew."""
COLLECT_EVERY = 10
"""Books let go of between two looks through all that is in memory: each look holds callers up for 0.1 s."""
LARGE_GROUP = 250
"""Records from which on what a group leaves in memory is taken out of the garbage collector's sight. As many commands
look for their keys before they are decided: a round trip is little to them, and the group before is written meanwhile.
"""
LOOKING_FIRST = 1_000
"""Groups that look for their keys before they are decided, once one was found in use: a replay seldom comes alone."""
REFUSALS_PER_MINUTE = 600
"""Refusals recorded for one subject within a minute; beyond it a refused command hears `quota_exceeded`."""

__all__ = ["BATCH_MAX", "Ledger", "Outcome", "Posted", "Refused", "Unknown", "Writer", "tune_process"]

log = structlog.get_logger()


def tune_process() -> None:
    """Let the garbage collector look seldom: commands make no cycles, and a collection holds every caller up."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


def _collect() -> None:
    """Look through everything once, also what was frozen along: without a book there is least of it."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Ledger(msgspec.Struct, frozen=True):
    """Which ledger a writer writes."""

    ledger_id: int
    name: str
    zone: str


class Writer:
    """Writes one ledger. Several processes may each have one: they take turns by the head's lock."""

    def __init__(self, url: str, ledger: Ledger, *, refusals_per_minute: int = REFUSALS_PER_MINUTE) -> None:
        self.ledger = ledger
        self._url = url
        self._zone = ZoneInfo(ledger.zone)
        self._deciding = Deciding(refusals_per_minute=refusals_per_minute)
        self._queue: deque[Ticket] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._wanted = 1
        """How many commands must wait for the next group to be decided."""
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._book: Book | None = None
        self._tree: Tree | None = None
        self._connected = False
        self._flying_outcomes: dict[tuple[str, str], Known] = {}
        self._flying_evidence: dict[str, int] = {}
        self._sent = asyncio.Event()
        self._dropped = 0
        """Books let go of so far."""
        self._alone = 0
        """How many of the next tickets are decided one by one."""
        self._looking_first = 0
        """How many of the next groups look for their keys before they are decided."""
        self._at_fault = False
        """Whether the last group that could not be decided failed by a fault of ours, not of the database."""
        self._loading: Keyed | None = None
        self._writing: Keyed | None = None

    async def start(self) -> None:
        """Connect and begin to take commands; raises psycopg.OperationalError where there is no database."""
        await self._begin_anew()
        self._task = asyncio.create_task(self._run(), name=f"writer of {self.ledger.name}")

    async def stop(self) -> None:
        """Write what waits, then end."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._disconnect()

    @property
    def waiting(self) -> int:
        """How many commands wait in the queue."""
        return self._waiting

    async def submit(self, request: Request) -> Outcome:
        """What became of one command: Posted, Refused or Unknown."""
        return (await self.submit_batch((request,), atomic=False))[0]

    async def submit_batch(self, requests: Sequence[Request], *, atomic: bool) -> list[Outcome]:
        """An outcome for each, in order; `atomic` posts all or none. At most BATCH_MAX commands."""
        assert 0 < len(requests) <= BATCH_MAX, "the caller checks the size of a batch"
        if self._closing or self._waiting + len(requests) > QUEUE_MAX:
            full = refuse("queue_full", waiting=self._waiting, limit=QUEUE_MAX)
            return [Refused(full)] * len(requests)
        ticket = Ticket(requests, atomic, asyncio.get_running_loop().create_future())
        self._queue.append(ticket)
        self._waiting += len(requests)
        if self._waiting >= self._wanted:
            self._wake.set()
        # A caller that is cancelled leaves the queue's work untouched: it may ask again with its key.
        return await ticket.done

    async def _run(self) -> None:
        """Decide a group while the one before it is written; begin anew whenever that one did not come to be."""
        flying: Flight | None = None
        while True:
            if flying is None:
                await self._trim_book()
            await self._gather(flying)
            if flying is not None and (not self._queue or self._book_is_large()):
                await self._land(flying)
                await flying.flush
                flying = None
                continue
            if not self._queue:
                return
            tickets = self._take(flying)
            group = await self._try_decide(tickets)
            if flying is not None and not await self._land(flying) and group is not None:
                group = await self._try_decide(tickets)
            if group is None:
                if flying is not None:
                    await flying.flush  # its callers hear before the connections are given up
                    flying = None
                self._give_up(tickets)
                continue
            self._sent.clear()
            landed = asyncio.get_running_loop().create_future()
            flying = Flight(group, asyncio.create_task(self._flush(group, landed=landed)), landed)
            await self._sent.wait()  # first give the server its work, then decide while it does it

    async def _gather(self, flying: Flight | None) -> None:
        """Wait for a command; while a group is written, for as many as that has, or until it is written.

        Fewer are not worth deciding before: they may be more by then, and groups of one size overlap best.
        """
        self._wanted = 1
        if flying is not None:
            self._wanted = flying.commands
            flying.landed.add_done_callback(lambda _: self._wake.set())
        while self._waiting < self._wanted and not (self._closing if flying is None else flying.landed.done()):
            self._wake.clear()
            await self._wake.wait()

    def _give_up(self, tickets: list[Ticket]) -> None:
        """Nothing of these tickets was sent. Where one of many was at fault, try each alone; else tell the callers."""
        self._forget()
        if self._at_fault and len(tickets) > 1:
            self._queue.extendleft(reversed(tickets))
            self._waiting += sum(len(ticket.requests) for ticket in tickets)
            self._alone = len(tickets)
            return
        _answer_all(tickets, Refused(refuse("unavailable")))

    async def _land(self, flight: Flight) -> bool:
        """See a group through; False where the book had to begin anew, so later decisions no longer stand."""
        status = await flight.landed
        if status is Status.WRITTEN:
            return True
        while status is Status.STALE:  # behind the lock it is never stale again; nobody is left unanswered if it were
            status = await self._take_turn(flight.group.tickets)
        if status is Status.FAILED:
            self._forget()
        return False

    async def _take_turn(self, tickets: list[Ticket]) -> Status:
        """Decide and write while the head is locked: whoever else writes this ledger cannot come before again.

        Decided first and locked then, a slower process would find the head moved on each time, and never write.
        """
        assert self._writing is not None
        self._book = None
        self._looking_first = max(self._looking_first, 1)  # the lock is there already, and looks for nothing
        try:
            head = await unit_of_work.lock_head(self._writing, self.ledger.ledger_id)
        except psycopg.Error as fault:
            log.warning("database_unavailable", fault=type(fault).__name__)
            self._at_fault = False
            self._give_up(tickets)
            return Status.FAILED
        again = await self._try_decide(tickets)
        if again is None:
            with contextlib.suppress(psycopg.Error):
                await unit_of_work.release_head(self._writing)  # nobody waits for a turn that is not used
            self._give_up(tickets)
            return Status.FAILED
        return await self._flush(again, head)

    async def _try_decide(self, tickets: list[Ticket]) -> Group | None:
        """The decided group, or None: then the book is not to be used any more."""
        try:
            return await self._decide(tickets)
        except (psycopg.Error, OSError) as fault:
            self._at_fault = isinstance(fault, psycopg.DataError)  # what one of the commands says fits no column
            log.warning("database_unavailable", fault=type(fault).__name__)
        except Exception:
            self._at_fault = True
            log.exception("group_could_not_be_decided", commands=sum(len(ticket.requests) for ticket in tickets))
        return None

    def _forget(self) -> None:
        """Drop all that was in memory, and the connections: the next group begins from the database."""
        self._book = self._tree = None
        self._connected = False

    def _book_is_large(self) -> bool:
        book = self._book
        return book is not None and (len(book.day_balances) > CACHED_MAX or _holds_too_much(book))

    async def _trim_book(self) -> None:
        """Let go of what can be loaded again, once all that the book says is in the database."""
        if (book := self._book) is None or not self._book_is_large():
            return
        if _holds_too_much(book):
            self._book = None
            for _ in book.emptied():
                await asyncio.sleep(0)
            self._dropped += 1
            if self._dropped % COLLECT_EVERY == 0:
                _collect()
        else:
            book.day_balances.clear()

    def _take(self, flying: Flight | None) -> list[Ticket]:
        """Half of all that wait or are being written, up to the limit.

        Where each took all that waits, groups of two and of six took turns among eight callers, and the small one was
        decided long before the large one was written.
        """
        if self._alone:
            self._alone -= 1
            ticket = self._queue.popleft()
            self._waiting -= len(ticket.requests)
            return [ticket]
        tickets, commands = [], 0
        limit = min(GROUP_MAX, (self._waiting + (0 if flying is None else flying.commands)) // 2)
        while self._queue and (not tickets or commands + len(self._queue[0].requests) <= limit):
            ticket = self._queue.popleft()
            commands += len(ticket.requests)
            tickets.append(ticket)
        self._waiting -= commands
        return tickets

    async def _decide(self, tickets: list[Ticket]) -> Group:
        if self._book is None:
            await self._begin_anew()
        book = self._book
        assert book is not None and self._loading is not None
        # Keys of the group in flight are not in the database yet; older ones are.
        book.outcomes, book.evidence = dict(self._flying_outcomes), dict(self._flying_evidence)
        today = datetime.datetime.now(self._zone).date().isoformat()
        requests = [request for ticket in tickets for request in ticket.requests]
        group = Group(tickets, book.size)
        await self._loading.plan_for(book.size)
        if self._looking_first or len(requests) >= LARGE_GROUP:
            self._looking_first = max(self._looking_first - 1, 0)
            await load_keys(self._loading, self.ledger.ledger_id, book, requests)
        else:
            group.presumed = [key for request in requests if (key := key_of(request)) not in book.outcomes]
        await balances.load(self._loading, self.ledger.ledger_id, book, requests, today=today)
        for _ in self._deciding.decide(book, group, today):
            await asyncio.sleep(0)
        self._remember_keys(book, group)
        if len(group.entries) >= LARGE_GROUP:
            # The book keeps it for long, and makes no cycles: to look through it again and again took 8 % of a batch.
            gc.freeze()
        # All that does not depend on the moment is made ready here, while the group before is written.
        for _ in encode_entries(group, self.ledger.name):
            await asyncio.sleep(0)
        group.ready = ready(self.ledger.ledger_id, group.entries, group.changes, first_index=group.first_index)
        return group

    def _remember_keys(self, book: Book, group: Group) -> None:
        own = [entry for entry in group.entries if entry.is_own]
        self._flying_outcomes = {key: book.outcomes[key] for key in [key_of(entry.request) for entry in own]}
        self._flying_evidence = {key: e.index for e in own if (key := e.evidence_key) is not None}

    async def _flush(
        self, group: Group, head: Head | None = None, landed: asyncio.Future[Status] | None = None
    ) -> Status:
        """Write a decided group and answer its callers; `_sent` is set as soon as only the server has work to do."""
        recorded_at, status = None, Status.FAILED
        try:
            recorded_at = await self._write(group, head)
            status = Status.STALE if recorded_at is None else Status.WRITTEN
        except UnknownOutcome as fault:
            log.warning("outcome_unknown", fault=str(fault))
            _answer_all(group.tickets, Unknown())
        except psycopg.OperationalError as fault:
            # Before COMMIT was sent nothing can have been kept.
            log.warning("database_unavailable", fault=type(fault).__name__)
            _answer_all(group.tickets, Refused(refuse("unavailable")))
        except Exception:
            log.exception("group_failed")
            _answer_all(group.tickets, Refused(refuse("unavailable")))
        finally:
            self._sent.set()
        if landed is not None:
            # The next group asks for its lock first: it has it by the time these callers heard, and asked again.
            landed.set_result(status)
            await asyncio.sleep(0)
        if recorded_at is not None:
            await self._answer(group, recorded_at)
        return status

    async def _write(self, group: Group, head: Head | None) -> datetime.datetime | None:
        """Write and commit the group; None where it does not stand: the head, locked now or before, is not where it was
        decided, or a key that was taken for new is in use.
        """
        connection, ledger_id = self._writing, self.ledger.ledger_id
        assert connection is not None and self._tree is not None and group.ready is not None
        await connection.plan_for(group.first_index)
        assert head is None or not group.presumed, "behind a lock that is there already keys are looked for first"
        head = head or await unit_of_work.lock_head(connection, ledger_id, group.presumed)
        if head.found:
            self._looking_first = LOOKING_FIRST
        stands = head.size == group.first_index and not head.found
        if not stands or not group.entries:
            await unit_of_work.release_head(connection)
            return head.now if stands else None
        tree = self._tree
        if tree.frontier.size != head.size:
            tree.extend(await read_leaves(connection, ledger_id, tree.frontier.size))
        recorded_at = max(head.now, head.recorded_at + datetime.timedelta(microseconds=1))
        moment = instant(recorded_at)
        segment = seal(head.size, [stamped(record, moment) for record in group.records], tree.frontier)
        size = segment.first_index + segment.count
        await unit_of_work.write_group(
            connection,
            ledger_id,
            ready=group.ready,
            segment=segment,
            recorded_at=recorded_at,
            tree=tree,
            on_sending=self._sent.set,
            catch_up_from=None if self._queue and size - head.balance_size < LAG_MAX else head.balance_size,
        )
        return recorded_at

    async def _answer(self, group: Group, recorded_at: datetime.datetime) -> None:
        """Tell the callers of a group that is written what came of it."""
        replays = [
            (item.replay_of, item.request.principal.tenant)
            for items in group.items
            for item in items
            if item.replay_of is not None
        ]
        again: dict[int, Outcome] = {}
        if replays:
            assert self._loading is not None  # on the other connection the next group may have its transaction
            try:
                again = await read_outcomes(self._loading, self.ledger.ledger_id, replays)
            except Exception as fault:
                # They hear that it is unknown, and may ask again; the others hear what was posted.
                log.warning("outcomes_unread", fault=type(fault).__name__)
        moment = instant(recorded_at)
        for ticket, items in zip(group.tickets, group.items, strict=True):
            if not ticket.done.done():
                ticket.done.set_result([outcome_of(item, moment, again) for item in items])

    async def _begin_anew(self) -> None:
        """Load the book's foundations, connecting first where needed."""
        if not self._connected:
            await self._connect()
        assert self._loading is not None
        ledger_id = self.ledger.ledger_id
        cursor = await self._loading.execute("select size, frontier from head where ledger_id = %s", (ledger_id,))
        row = await cursor.fetchone()
        assert row is not None, "the ledger has a head"
        size, frontier = row
        book = Book(self.ledger.name)
        await balances.load_whole(self._loading, ledger_id, book)
        book.size = book.loaded_size = size
        book.first_new_account = book.next_account_id
        if self._tree is None:
            self._tree = await read_tree(self._loading, ledger_id, size, frontier)
        self._flying_outcomes, self._flying_evidence = {}, {}
        self._book = book

    async def _connect(self) -> None:
        await self._disconnect()
        self._loading, self._writing = await connect(self._url), await connect(self._url)
        await unit_of_work.prepare_lock(self._writing)
        self._connected = True

    async def _disconnect(self) -> None:
        for connection in (self._loading, self._writing):
            if connection is not None:
                with contextlib.suppress(psycopg.Error):
                    await connection.close()
        self._loading = self._writing = None
        self._connected = False


def _holds_too_much(book: Book) -> bool:
    return book.held > CACHED_MAX or book.days_loaded > DAYS_MAX


def _answer_all(tickets: Sequence[Ticket], outcome: Outcome) -> None:
    for ticket in tickets:
        if not ticket.done.done():
            ticket.done.set_result([outcome] * len(ticket.requests))
