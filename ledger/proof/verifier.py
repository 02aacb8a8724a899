"""A bundle against pinned keys: signatures, tree, order, and the book replayed. Needs no database and no network.

What was found is told with the first record it concerns, wherever the evidence fixes that; where only roots differ it
is the interval between the last checkpoint that fits and the first that does not.
"""

import gc
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar

import msgspec

from ledger.core.record import Envelope, PostingBody
from ledger.proof.bundle import BadBundle, Header, read_frames, read_records
from ledger.proof.decoding import NO_JSON, decoded
from ledger.proof.findings import FINDINGS_MAX, RULES, Finding, Known, NamedKey, Report
from ledger.proof.keys_seen import KeysSeen
from ledger.proof.merkle import HASH_BYTES, Frontier, leaf_hashes
from ledger.proof.note import BadNote, Checkpoint, Note
from ledger.proof.pinned import Pinned
from ledger.proof.replay import Replay, wrong_reversal

AT_ONCE = 256
"""Records read and followed in one go: so few that their memory is used again, not given back and asked for anew."""


def verify(
    stream: BinaryIO,
    pinned: Pinned,
    known: Known | None = None,
    *,
    cosigned: Sequence[Note] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Report:
    """Verify a bundle; `progress` hears (records done, of all). BadBundle or BadNote where it cannot be read.

    `cosigned` are checkpoints as witnesses handed them out: their signatures count for the newest of the bundle.
    """
    verifier = Verifier(pinned, known, progress, cosigned)
    was_enabled = gc.isenabled()
    gc.disable()  # records make no cycles, and a collection walks all that a long replay keeps
    try:
        for kind, content in read_frames(stream):
            verifier.take(kind, content)
        if verifier.has_reversals():
            # What was taken back is known only now: its originals are looked up on a second way through.
            stream.seek(0)
            for kind, content in read_frames(stream):
                verifier.look_up(kind, content)
        return verifier.finish()
    finally:
        if was_enabled:
            gc.enable()


class Verifier:
    """Takes a bundle's frames in order."""

    def __init__(
        self,
        pinned: Pinned,
        known: Known | None,
        progress: Callable[[int, int], None],
        cosigned: Sequence[Note] = (),
    ) -> None:
        self.report, self._cosigned = Report(), cosigned
        self._pinned, self._progress = pinned, progress
        self._known = dict(known.checkpoints) if known is not None else {}
        self._known_sizes = sorted(self._known)
        self._known_origin = None if known is None else known.origin
        self._tree = Frontier()
        self._stored: Frontier | None = None
        """The tree of the stored leaf hashes, from the first record on that does not hash to its own."""
        self._first_changed: int | None = None
        self._fits_to = 0
        """The size up to which a checkpoint fits."""
        self._replay = Replay()
        self._types: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._request_keys, self._evidence_keys = KeysSeen(), KeysSeen()
        self._last_moment = ""
        self._totals: dict[tuple[str, str], int] | None = None
        self._places: dict[tuple[str, str, int], int] | None = None
        self._newest: tuple[Checkpoint, Note] | None = None
        self._begun = False
        self._is_cut = False
        self._looked_up_to = 0
        self._wanted: list[int] = []
        """Originals of reversals that were not looked up yet, the last first."""
        self._at = 0
        """The record that is being looked at."""

    def take(self, kind: bytes, content: bytes) -> None:
        """Take one frame."""
        if not self._begun:
            if kind != b"H":
                raise BadBundle("a bundle begins by saying what it is")
            self._begin(_json(content, Header))
            return
        if self._is_cut:
            return
        match kind:
            case b"R":
                self._records(content)
            case b"C":
                self._checkpoint(content)
            case b"B":
                self._claimed_balances(_json(content, list[tuple[str, str, str, str]]))
            case b"P":
                self._claimed_places(_json(content, list[tuple[str, str, str, str]]))
            case _:
                raise BadBundle("a bundle says once what it is")

    def has_reversals(self) -> bool:
        """Whether anything was taken back, so that every frame is to be looked at again."""
        self._wanted = sorted(self._replay.reversed, reverse=True)
        return bool(self._wanted)

    def look_up(self, kind: bytes, content: bytes) -> None:
        """Take a frame a second time: hold reversals against their originals."""
        if kind != b"R":
            return
        contents = read_records(content).contents
        first, self._looked_up_to = self._looked_up_to, self._looked_up_to + len(contents)
        while self._wanted and self._wanted[-1] < self._looked_up_to:
            original = self._wanted.pop()
            ((_, body),) = decoded([contents[original - first]])
            if (wrong := wrong_reversal(body, self._replay.reversed[original])) is not None:
                self._note("wrong_reversal", *wrong)

    def finish(self) -> Report:
        """The report, once all frames are taken."""
        if not self._begun:
            raise BadBundle("the bundle is empty")
        report = self.report
        if self._tree.size != report.to_size:
            self._missing(report.to_size)
        self._seal()
        for rule, seen in (
            ("key_twice", self._request_keys),
            ("evidence_twice", self._evidence_keys),
            ("proof_twice", self._replay.proofs),
        ):
            if (index := seen.first_repeated()) is not None:
                self._note(rule, index, "was used before")
        if self._totals is not None and (rest := {key: left for key, left in self._totals.items() if left}):
            account, commodity = min(rest)
            self._note_claim("balance_differs", f"{account} holds {rest[account, commodity]} {commodity}; not claimed")
        if self._places:
            self._note_claim("place_differs", f"{min(self._places)} is not claimed")
        self._opening()
        report.root, report.types = self._tree.root().hex(), dict(self._types)
        report.not_replayed = dict(self._unknown)
        report.refusals = {" ".join(key): count for key, count in sorted(self._replay.refusals.items())}
        report.replayed = report.from_size == 0 and not self._unknown
        report.keys = [NamedKey(index, body.key, body.replaces) for index, body in self._replay.signing_keys]
        report.findings.sort(key=lambda finding: (finding.first, finding.before))
        return report

    def _begin(self, header: Header) -> None:
        report, self._begun = self.report, True
        report.ledger, report.origin = header.ledger, header.origin
        report.from_size, report.to_size = _size(header.from_size), _size(header.to_size)
        if report.from_size > report.to_size:
            raise BadBundle("the bundle ends before it begins")
        self._tree = Frontier(report.from_size, _edge(header.edge, report.from_size))
        self._fits_to = report.from_size
        names = {one.key.name for one in self._pinned.signers}
        if header.origin not in names or (self._known_origin or header.origin) != header.origin:
            self._note("wrong_origin", report.from_size, f"the bundle is of {header.origin[:80]!r}")
        newest = max(self._known, default=0)
        if newest > report.to_size:
            what = f"the bundle ends at {report.to_size}, and {newest} was verified before"
            self._note("older_than_known", report.to_size, what, before=newest)
        report.extends_known = not self._known or report.from_size <= newest
        self._compare_known()

    def _records(self, content: bytes) -> None:
        records = read_records(content)
        first, count = self._tree.size, len(records.contents)
        if first + count > self.report.to_size:
            raise BadBundle(f"the bundle has more records than it says: {self.report.to_size}")
        leaves = leaf_hashes(records.contents)
        if self._stored is not None or b"".join(leaves) != records.leaves:
            self._compare_leaves(first, leaves, records.leaves)
        done = 0
        inside = self._known_sizes[
            bisect_right(self._known_sizes, first) : bisect_left(self._known_sizes, first + count)
        ]
        for size in inside:
            self._tree.extend(leaves[done : size - first])
            done = size - first
            self._compare_known()
        self._tree.extend(leaves[done:])
        self._compare_known()
        for at in range(0, count, AT_ONCE):
            self._replay_all(first + at, records.contents[at : at + AT_ONCE])
        self.report.records += count
        self._progress(self.report.records, self.report.to_size - self.report.from_size)

    def _compare_leaves(self, first: int, leaves: list[bytes], stored: bytes) -> None:
        """Note the first record that does not hash to its stored leaf, and follow the tree of those from there on."""
        found = [stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES)]
        if self._stored is None:
            at = next(at for at, leaf in enumerate(leaves) if leaf != found[at])
            self._first_changed, self._stored = first + at, Frontier(first, self._tree.hashes)
        self._stored.extend(found)

    def _replay_all(self, first: int, contents: Sequence[bytes]) -> None:
        records = decoded(contents)
        self._look_at_order(first, [envelope for envelope, _ in records])
        numbered = enumerate(records, start=first)
        readable = [(index, envelope, body) for index, (envelope, body) in numbered if envelope is not None]
        self._request_keys.add_all(
            [((e.tenant or "", e.request_key), index) for index, e, _ in readable if e.request_key is not None]
        )
        take, is_whole = self._replay.take, self.report.from_size == 0
        for self._at, envelope, body in readable:
            if envelope.evidence_key is not None and type(body) is PostingBody:
                self._evidence_keys.add(envelope.evidence_key, self._at)
            if body is None:
                self._unknown[envelope.type] += 1
            elif is_whole:
                take(self._at, envelope, body, self._broken)

    def _look_at_order(self, first: int, envelopes: Sequence[Envelope | None]) -> None:
        """That each is canonical, says its own place, and is no earlier than the one before; all at once where so."""
        whole = [envelope for envelope in envelopes if envelope is not None]
        self._types.update([envelope.type for envelope in whole])
        moments = [self._last_moment, *(envelope.recorded_at for envelope in whole)]
        places = [envelope.index for envelope in whole]
        expected = [str(index) for index in range(first, first + len(envelopes))]
        self._last_moment = moments[-1]
        in_place = places == expected and {envelope.ledger for envelope in whole} == {self.report.ledger}
        if in_place and moments == sorted(moments):
            return
        before = moments[0]
        for self._at, (envelope, place) in enumerate(zip(envelopes, expected, strict=True), start=first):
            if envelope is None:
                self._broken("not_canonical", "the bytes are no canonical record of version 1")
                continue
            if (envelope.index, envelope.ledger) != (place, self.report.ledger):
                self._broken("wrong_index", f"says it is {envelope.ledger[:80]} {envelope.index[:20]}")
            if envelope.recorded_at < before:
                self._broken("time_back", f"{envelope.recorded_at[:30]} after {before}")
            before = envelope.recorded_at

    def _broken(self, rule: str, what: str) -> None:
        """A rule that the record looked at breaks."""
        self._note(rule, self._at, what)

    def _checkpoint(self, content: bytes) -> None:
        """A checkpoint on all the records so far."""
        note = Note.parse(content)
        checkpoint, size = Checkpoint.of(note), self._tree.size
        interval = {"first": self._fits_to, "before": max(size, self._fits_to + 1)}
        if checkpoint.size > size:
            self._missing(checkpoint.size)
            return
        if checkpoint.size < size:
            raise BadBundle(f"a checkpoint at {checkpoint.size} stands behind {size} records")
        try:
            signers = [key for key in self._pinned.signers_of(note, size) if key.name == checkpoint.origin]
        except BadNote as fault:
            self._note("not_signed", **interval, what=f"the checkpoint at {size}: {fault}")
            return
        if checkpoint.origin != self.report.origin:
            self._note("wrong_origin", **interval, what=f"the checkpoint at {size} is of {checkpoint.origin[:80]!r}")
        elif not signers:
            self._note("not_signed", **interval, what=f"no key pinned for {size} signed the checkpoint there")
        elif checkpoint.root != self._tree.root():
            self._root_differs(checkpoint.root, size)
        else:
            self._fits_to = size
            self.report.checkpoints += 1
            self._newest = (checkpoint, note)

    def _missing(self, size: int) -> None:
        """Records up to a size are not there, nobody can say which: nothing that follows can be placed."""
        if not self._is_cut:
            what = f"the records end at {self._tree.size}, and {size} are said to be there"
            self._note("missing", self._fits_to, what, before=size)
        self._is_cut = True

    def _root_differs(self, root: bytes, size: int) -> None:
        """Name the record where its stored hash is the one that was signed; else the interval."""
        if self._stored is not None and self._stored.root() == root and self._first_changed is not None:
            self._note("leaf_differs", self._first_changed, "the record is not the one whose hash was signed")
            return
        what = f"the checkpoint at {size} signed {root.hex()}, and the records give {self._tree.root().hex()}"
        self._note("root_differs", self._fits_to, what, before=size)

    def _compare_known(self) -> None:
        """The tree here against what was verified at this size before."""
        size = self._tree.size
        root = self._known.get(size)
        if root is not None and size and root != self._tree.root().hex():
            below = max((one for one in self._known if one < size), default=0)
            what = f"at {size} the root {root} was verified before, and the records give {self._tree.root().hex()}"
            self._note("known_differs", below, what, before=size)

    def _seal(self) -> None:
        """What the newest checkpoint covers, and who cosigned it."""
        report = self.report
        if self._newest is None or self._newest[0].size != report.to_size:
            covered = report.from_size if self._newest is None else self._newest[0].size
            if not report.findings:
                what = "no checkpoint by a pinned key covers them"
                self._note("not_sealed", covered, what, before=report.to_size)
        elif self._pinned.quorum:
            try:
                notes = [self._newest[1], *(one for one in self._cosigned if one.text == self._newest[1].text)]
                count = len({key.public for note in notes for key in self._pinned.witnesses_of(note)})
            except BadNote as fault:
                self._note("quorum", report.from_size, str(fault), before=report.to_size)
                return
            if count < self._pinned.quorum:
                what = f"{count} pinned witnesses cosigned, and {self._pinned.quorum} are asked for"
                self._note("quorum", report.from_size, what, before=report.to_size)
        if self._newest is not None:
            report.newest = self._newest[1].encode().decode()
        if self._first_changed is not None and not report.findings:
            self._note("leaf_differs", self._first_changed, "the stored leaf hash is not that of the record")

    def _opening(self) -> None:
        """That the ledger was opened once, first, and is the one it is said to be."""
        if not self.report.records or self.report.from_size:
            return
        openings = dict(self._replay.openings)
        first = openings.pop(0, None)
        if first is None:
            self._note("opening", 0, "does not open the ledger")
        else:
            self.report.continues = first.continues
            if first.origin != self.report.origin:
                self._note("opening", 0, f"opens {first.origin[:80]!r}, not {self.report.origin[:80]!r}")
        for index in openings:
            self._note("opening", index, "opens the ledger again")

    def _claimed_balances(self, claims: list[tuple[str, str, str, str]]) -> None:
        if not self._is_whole():
            return
        if self._totals is None:
            self._totals = self._replay.totals()
        for account, commodity, balance, total in claims:
            made = self._totals.pop((account, commodity), None)
            for claimed in (balance, total):
                if made is None or str(made) != claimed:
                    what = f"{account} is said to hold {claimed[:30]} {commodity}, and the records make {made}"
                    self._note_claim("balance_differs", what)
            self.report.balances_compared += 1

    def _claimed_places(self, claims: list[tuple[str, str, str, str]]) -> None:
        if not self._is_whole():
            return
        if self._places is None:
            pieces = ((lot, *piece) for lot, places in self._replay.places.items() for piece in places.all())
            self._places = {(account, lot, first): end - 1 for lot, account, first, end in pieces}
        for account, lot, first, last in claims:
            if not first.isdecimal() or len(first) > 19 or self._place(account, lot, first) != last:
                what = (
                    f"{first[:20]} to {last[:20]} of lot {lot} are said to lie in {account}; the records say otherwise"
                )
                self._note_claim("place_differs", what)
            self.report.places_compared += 1

    def _place(self, account: str, lot: str, first: str) -> str:
        assert self._places is not None
        return str(self._places.pop((account, lot, int(first)), None))

    def _is_whole(self) -> bool:
        """Whether claims can be compared: all was replayed, up to the size they are of."""
        if self._tree.size != self.report.to_size:
            self._missing(self.report.to_size)
        return self.report.from_size == 0 and not self._is_cut

    def _note_claim(self, rule: str, what: str) -> None:
        """A report that differs from a true log: no record is to blame."""
        self._note(rule, self.report.to_size, what)

    def _note(self, rule: str, first: int, what: str, *, before: int | None = None) -> None:
        assert rule in RULES
        if len(self.report.findings) < FINDINGS_MAX:
            end = first + 1 if before is None else before
            self.report.findings.append(Finding(rule=rule, first=first, before=end, what=what))


_T = TypeVar("_T")


def _edge(written: Sequence[str], size: int) -> list[bytes]:
    """The hashes of a tree's edge; BadBundle unless there is one for each set bit of its size."""
    try:
        nodes = [bytes.fromhex(node) for node in written]
    except ValueError as fault:
        raise BadBundle("the edge is not written in hexadecimal") from fault
    is_plain = all(len(node) == HASH_BYTES and node.hex() == text for node, text in zip(nodes, written, strict=True))
    if not is_plain or len(nodes) != size.bit_count():
        raise BadBundle(f"the edge is not that of a tree of {size}")
    return nodes


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadBundle(f"{text[:30]!r} is no size")
    return int(text)


def _json(content: bytes, kind: type[_T]) -> _T:
    """What a frame of JSON says; it has one form only, so that no bit of it can be another."""
    try:
        found = msgspec.json.decode(content, type=kind)
    except NO_JSON as fault:
        raise BadBundle(f"a frame is not what its letter says: {fault}") from fault
    if msgspec.json.encode(found) != content:
        raise BadBundle("a frame of JSON is not in its one form")
    return found
