"""The verifier: clean logs are clean; whatever else somebody hands over is found, with the first bad record named.

Each case says who lies and what the finder holds. A record that breaks a rule is found though everything about it was
signed with the real key: the replay trusts no signature.
"""

import datetime
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.core.command import ClosePeriod
from ledger.proof.bundle import FRAME_BYTES_MAX, MAGIC, BadBundle, Header, frame
from ledger.proof.findings import RULES
from ledger.proof.merkle import Frontier, leaf_hash
from ledger.proof.note import WITNESS, BadNote, Checkpoint, Note, SignerKey
from ledger.proof.pinned import Pinned, PinnedSigner
from ledger.proof.verifier import verify
from tests.core.park import CONFIRMED, PROJECT, trade
from tests.proof.logs import (
    EVERY,
    KEY,
    PINNED,
    THIEF,
    LogPark,
    bundle_of,
    busy_park,
    changed,
    claims_of,
    known_of,
    rules,
    verified,
)

SEEDS = 10
"""Random places for each way of tampering."""


@pytest.fixture(scope="module")
def park() -> LogPark:
    """A log with a bit of everything. Nobody changes it."""
    return busy_park()


def postings(contents: list[bytes], command: str) -> list[int]:
    """The log indexes of transactions by this command."""
    return [
        index
        for index, content in enumerate(contents)
        if (record := json.loads(content))["type"] == "posting" and record["body"]["command"] == command
    ]


def test_clean_bundle_is_clean(park: LogPark) -> None:
    """Every posting is followed, and what is claimed is compared with it."""
    report = verified(bundle_of(park.contents, claims=claims_of(park.book)), known=known_of(park.contents, 16, 48))
    assert (report.verdict, report.findings) == (0, [])
    assert report.records == report.to_size == len(park.contents)
    assert report.balances_compared == len(park.book.accounts)
    assert report.places_compared > 20
    assert report.refusals == {"key-GH-001 serial_not_held": 1}


def test_every_cut_of_a_clean_log_is_clean(park: LogPark) -> None:
    """No false alarm, whatever the checkpoints and wherever the log stood: 200 bundles."""
    chance = random.Random(4)
    for _ in range(200):
        size = chance.randrange(1, len(park.contents) + 1)
        earlier = sorted(chance.sample(range(1, size + 1), min(3, size)))
        bundle = bundle_of(park.contents[:size], every=chance.randrange(1, 40))
        assert verified(bundle, known=known_of(park.contents, *earlier)).findings == []


def test_part_of_a_log_is_checked_and_not_called_clean(park: LogPark) -> None:
    """From a size above 0 hashes, order and signatures are checked; balances cannot be, and it does not exit 0."""
    report = verified(bundle_of(park.contents, start=64), known=known_of(park.contents, 64))
    assert (report.findings, report.verdict, report.replayed) == ([], 2, False)
    other = verified(bundle_of(park.contents, start=64), known=known_of(busy_park().contents[:63] + [b"{}"], 64))
    assert rules(other.findings) == {"known_differs"}


def test_unknown_type_is_passed_over_and_said(park: LogPark) -> None:
    """A record of a later version's type: its hash and order are checked, the rest is called not replayed."""
    later = changed(park.contents[-1], lambda record: record.update(type="solar_storm"))
    report = verified(bundle_of([*park.contents[:-1], later]))
    assert (report.findings, report.not_replayed, report.verdict) == ([], {"solar_storm": 1}, 2)


# Whoever has the database and the real key may sign anything; a record that breaks a rule is found all the same.


def _legs(change: Callable[[dict[str, Any]], None], which: int = 0) -> Callable[[dict[str, Any]], None]:
    def work(record: dict[str, Any]) -> None:
        change(record["body"]["legs"][which])

    return work


def _both(quantity: int) -> Callable[[dict[str, Any]], None]:
    def work(record: dict[str, Any]) -> None:
        for leg, sign in zip(record["body"]["legs"], ("-", ""), strict=True):
            leg["quantity"] = f"{sign}{quantity}"

    return work


def _serials(first: int, last: int) -> Callable[[dict[str, Any]], None]:
    def work(record: dict[str, Any]) -> None:
        for leg in record["body"]["legs"]:
            leg["serials"] = [[str(first), str(last)]]

    return work


def _account(name: str, which: int) -> Callable[[dict[str, Any]], None]:
    return _legs(lambda leg: leg.update(account=name), which)


def _body(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["body"].update(fields)


def _top(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update(fields)


LAST = -1
FORGED: dict[str, tuple[str, int, Callable[[dict[str, Any]], None], str]] = {
    "one leg more": ("transfer", LAST, _legs(lambda leg: leg.update(quantity="-8")), "unbalanced"),
    "more than there is": ("transfer", LAST, _both(10**6), "overdraft"),
    "more than a number": ("transfer", LAST, _both(10**30), "malformed_figure"),
    "a fraction": ("transfer", LAST, _legs(lambda leg: leg.update(quantity="-7.0")), "malformed_figure"),
    "leading zeros": ("transfer", LAST, _legs(lambda leg: leg.update(quantity="-07")), "malformed_figure"),
    "full-width digits": ("transfer", LAST, _legs(lambda leg: leg.update(quantity="-７")), "malformed_figure"),
    "another lot": ("transfer", LAST, _legs(lambda leg: leg.update(lot=f"{PROJECT}/2026-05/AB"), 1), "unbalanced"),
    "a lot that is not": ("transfer", LAST, _legs(lambda leg: leg.update(lot="made up")), "unknown_lot"),
    "an account that is not": ("transfer", LAST, _account("Holding:Ent:GH-099", 1), "unknown_account"),
    "another commodity": ("transfer", LAST, _legs(lambda leg: leg.update(commodity="CNY"), 1), "unknown_account"),
    "out of thin air": ("transfer", LAST, _account("Issuance:" + PROJECT, 0), "move_not_allowed"),
    "a serial twice": ("transfer", 1, _serials(1, 1), "serial_not_there"),
    "fewer serials": ("transfer", 1, _serials(5, 6), "serials_mismatch"),
    "serials backwards": ("transfer", 1, _serials(9, 3), "serials_mismatch"),
    "no serials": ("transfer", 1, _legs(lambda leg: leg.pop("serials")), "serials_mismatch"),
    "somebody else's serial": ("transfer", 1, _serials(45, 45), "serial_not_there"),
    "a rule that is not": ("transfer", LAST, _body(policies=["9999"]), "unknown_policy"),
    "no rule": ("transfer", LAST, _body(policies=[]), "move_not_allowed"),
    "a move no rule allows": ("retire", LAST, _body(command="transfer"), "move_not_allowed"),
    "before the rules": ("transfer", LAST, _body(occurred_on="1999-01-01"), "move_not_allowed"),
    "claimed after its last day": ("retire", LAST, _body(occurred_on="2028-05-01"), "expired"),
    "a reversal of what comes later": ("transfer", LAST, _body(reverses="9999"), "wrong_reversal"),
    "another index": ("transfer", LAST, _top(index="3"), "wrong_index"),
    "another ledger": ("transfer", LAST, _top(ledger="other"), "wrong_index"),
    "an earlier moment": ("transfer", LAST, _top(recorded_at="2026-01-01T00:00:00.000000Z"), "time_back"),
    "a key again": ("transfer", LAST, _top(request_key="key-20"), "key_twice"),
    "a document's line again": ("transfer_trade", 1, _top(evidence_key="gec/n/0"), "evidence_twice"),
    "no postings": ("transfer", LAST, _body(legs=[]), "unbalanced"),
    "a day that is not": ("transfer", LAST, _body(occurred_on="2026-99-99"), "malformed_figure"),
    "a day and more": ("transfer", LAST, _body(effective_on="2026-11-23x"), "malformed_figure"),
    "a moment of another zone": ("transfer", LAST, _top(recorded_at="2026-11-23T09:00:00.000+09:00"), "not_canonical"),
    "a moment in words": ("transfer", LAST, _top(recorded_at="yesterday"), "not_canonical"),
    "an empty salt": ("transfer", LAST, _top(salt=""), "not_canonical"),
    "sold by its project too late": ("trade", 0, _body(occurred_on="2028-05-01"), "expired"),
    "reverses a rule": ("transfer", LAST, _body(reverses="1", command="reverse"), "wrong_reversal"),
    "reverses what did otherwise": ("transfer", LAST, _body(reverses="131", command="reverse"), "wrong_reversal"),
    "a field nobody knows": ("transfer", LAST, _top(note="x"), "not_canonical"),
    "a body's field nobody knows": ("transfer", LAST, _body(note="x"), "not_canonical"),
    "no salt": ("transfer", LAST, lambda record: record.pop("salt"), "not_canonical"),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_record_is_found_though_it_was_signed(park: LogPark, case: str) -> None:
    """The real key signed a log with one record that breaks a rule: the rule and the record are named."""
    command, which, change, rule = FORGED[case]
    index = postings(park.contents, command)[which]
    forged = list(park.contents)
    forged[index] = changed(forged[index], change)
    assert forged[index] != park.contents[index]
    report = verified(bundle_of(forged))
    assert report.verdict == 1
    found = [finding for finding in report.findings if finding.rule == rule]
    assert found and (found[0].first, found[0].before) == (index, index + 1), report.findings
    assert min(finding.first for finding in report.findings) == index


def test_proof_of_retirement_serves_once(park: LogPark) -> None:
    """Two retirements under one proof number, both signed."""
    indexes = [i for i, content in enumerate(park.contents) if b'"type":"retirement"' in content]
    forged = list(park.contents)
    forged[indexes[1]] = forged[indexes[1]].replace(b"HX-2", b"HX-1")
    report = verified(bundle_of(forged))
    assert [(finding.rule, finding.first) for finding in report.findings] == [("proof_twice", indexes[1])]


@pytest.mark.parametrize("how", ["leaves", "comes back", "to another", "twice", "for a transfer"])
def test_retired_certificates_stay_retired(how: str) -> None:
    """Out of a retired account only a reversal of what was retired leads: to where it came from, and once."""
    park = busy_park()
    retired = postings(park.contents, "retire")[0]
    legs = [leg for leg in json.loads(park.contents[retired])["body"]["legs"] if leg["commodity"] == "GEC"]
    like = park.contents[postings(park.contents, "transfer")[-1]]

    def back(record: dict[str, Any]) -> None:
        record["body"]["legs"] = [
            {**leg, "quantity": leg["quantity"][1:] if leg["quantity"][0] == "-" else f"-{leg['quantity']}"}
            for leg in legs
        ]
        if how != "leaves":
            record["body"].update(reverses=str(retired), command="reverse")
        if how == "to another":
            for leg in record["body"]["legs"]:
                leg["account"] = leg["account"].replace("Holding:Ent:GH-001", "Holding:Ent:GH-003")
        if how == "for a transfer":
            record["body"].update(reverses=str(postings(park.contents, "transfer")[0]))

    forged = list(park.contents)
    for number in range(2 if how == "twice" else 1):
        at = {"index": str(len(forged)), "recorded_at": "2026-11-23T09:00:00.000000Z", "request_key": f"new-{number}"}
        forged.append(changed(changed(like, back), _top(**at)))
    expected = {
        "leaves": {"left_terminal", "move_not_allowed"}, "comes back": {"move_not_allowed"},
        "to another": {"move_not_allowed", "wrong_reversal"}, "for a transfer": {"move_not_allowed", "wrong_reversal"},
        "twice": {"move_not_allowed", "wrong_reversal", "overdraft", "serial_not_there", "serial_twice"},
    }  # fmt: skip
    report = verified(bundle_of(forged))
    assert rules(report.findings) == expected[how]
    if "wrong_reversal" in expected[how]:
        (wrong,) = [finding for finding in report.findings if finding.rule == "wrong_reversal"]
        assert wrong.first == len(forged) - 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"actor":"', b'"actor":"x","actor":"'),
        (b'"actor":"k', b'"actor":"\\u006b'),
        (b'{"actor"', b'{ "actor"'),
        (b'"v":"1"}', b'"v":"1"}\n'),
        (b'"salt":"0', b'"salt":"z'),
        (b'"recorded_at":"2026-11', b'"recorded_at":"2026-19'),
        (b'"type_v":"1","v":"1"}', b'"v":"1","type_v":"1"}'),
        (b'"quantity":"7"', b'"quantity":7'),
        (b'"body":{', b'"body":{"command":"transfer",'),
    ],
)
def test_record_has_one_form(park: LogPark, old: bytes, new: bytes) -> None:
    """Duplicate keys, other escapes, blanks or order, and numbers: not canonical, though hashed and signed so."""
    index = postings(park.contents, "transfer")[-1]
    forged = list(park.contents)
    forged[index] = forged[index].replace(old, new, 1)
    assert forged[index] != park.contents[index]
    report = verified(bundle_of(forged))
    assert (report.findings[0].rule, report.findings[0].first) == ("not_canonical", index)


def test_every_rule_is_broken_by_some_case() -> None:
    """No rule stands there that nothing tests: those of single records here, the others by their own tests below."""
    by_record = {rule for *_, rule in FORGED.values()}
    others = {
        "proof_twice", "left_terminal", "not_signed", "wrong_origin", "root_differs", "leaf_differs", "known_differs",
        "older_than_known", "not_sealed", "quorum", "missing", "balance_differs", "place_differs", "serial_twice",
        "account_twice", "lot_twice", "opening", "in_closed_period",
    }  # fmt: skip
    assert by_record | others == set(RULES)


def test_nothing_counts_in_a_month_that_was_closed() -> None:
    """A transaction recorded after the close and counted inside is found; opened again, the month takes it."""
    park = LogPark()
    park.open("Holding:Ent:GH-009", owner=None)
    close = ClosePeriod(month="2026-05", state="closed", tree_size=park.book.size, figures={}, positions="f" * 64)
    park.post(close)
    park.post(trade(5, trade_id="late", occurred_on="2026-05-20", evidence=CONFIRMED))
    assert rules(verified(bundle_of(park.contents)).findings) == set()  # it counts from June on
    forged = changed(park.contents[-1], _body(effective_on="2026-05-31"))
    assert rules(verified(bundle_of([*park.contents[:-1], forged])).findings) == {"in_closed_period"}


def test_ledger_is_opened_first_once_and_under_its_origin(park: LogPark) -> None:
    """Opened again, opened as another, or never; and what it continues is told."""
    whole = park.contents
    again = changed(whole[0], _top(index=str(len(whole)), recorded_at="2026-11-23T09:00:00.000000Z"))
    another = changed(whole[0], lambda record: record["body"].update(origin="greenledger.example/other"))
    never = changed(whole[1], _top(index="0", recorded_at="2026-11-23T07:00:00.000000Z"))
    for forged, at in (([*whole, again], len(whole)), ([another, *whole[1:]], 0), ([never, *whole[1:]], 0)):
        found = [finding.first for finding in verified(bundle_of(forged)).findings if finding.rule == "opening"]
        assert found == [at]
    named = changed(whole[0], lambda record: record["body"].update(continues="greenledger.example/old 7 abcd"))
    report = verified(bundle_of([named, *whole[1:]]))
    assert (report.continues, report.findings) == ("greenledger.example/old 7 abcd", [])


@pytest.mark.parametrize(("kind", "rule"), [("account", "account_twice"), ("lot", "lot_twice")])
def test_nothing_is_opened_or_declared_twice(park: LogPark, kind: str, rule: str) -> None:
    """An account opened, or a lot declared, a second time."""
    index = next(i for i, content in enumerate(park.contents) if f'"type":"{kind}"'.encode() in content)
    again = changed(park.contents[index], _top(index=str(len(park.contents)), request_key="again"))
    again = changed(again, _top(recorded_at="2026-11-23T09:00:00.000000Z"))
    report = verified(bundle_of([*park.contents, again]))
    assert rules(report.findings) == {rule}
    assert report.findings[0].first == len(park.contents)


def test_serial_cannot_come_in_twice(park: LogPark) -> None:
    """An issuance of serials that lie somewhere already."""
    index = postings(park.contents, "issue")[0]
    again = changed(park.contents[index], _top(index=str(len(park.contents)), request_key="again"))
    again = changed(again, _top(recorded_at="2026-11-23T09:00:00.000000Z"))
    report = verified(bundle_of([*park.contents, again]))
    assert rules(report.findings) == {"serial_twice"}


# Whoever has the database but not the key.


def _changed_bytes(contents: list[bytes], index: int) -> list[bytes]:
    forged = list(contents)
    forged[index] = changed(forged[index], _top(actor="nobody"))
    return forged


@pytest.mark.parametrize("seed", range(SEEDS))
def test_changed_bytes_are_named_by_their_stored_hash(park: LogPark, seed: int) -> None:
    """Only a record's bytes were changed: its stored leaf is what was signed, so the record is named. Keys alone do."""
    index = random.Random(seed).randrange(len(park.contents))
    forged = _changed_bytes(park.contents, index)
    leaves = [leaf_hash(content) for content in park.contents]
    report = verified(bundle_of(forged, leaves=leaves, signed=park.contents))
    assert (report.findings[0].rule, report.findings[0].first) == ("leaf_differs", index)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_changed_bytes_and_hashes_are_narrowed_to_an_interval(park: LogPark, seed: int) -> None:
    """Bytes and hashes were changed, the signatures not: between the last checkpoint that fits and the next."""
    index = random.Random(seed).randrange(len(park.contents))
    forged = _changed_bytes(park.contents, index)
    report = verified(bundle_of(forged, signed=park.contents))
    first = report.findings[0]
    assert first.rule == "root_differs"
    assert (first.first, first.before) == (index // EVERY * EVERY, min(len(forged), index // EVERY * EVERY + EVERY))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_changed_leaf_alone_is_found(park: LogPark, seed: int) -> None:
    """A stored hash that is not that of its record."""
    leaves = [leaf_hash(content) for content in park.contents]
    index = random.Random(seed).randrange(len(leaves))
    leaves[index] = leaf_hash(b"other")
    report = verified(bundle_of(park.contents, leaves=leaves))
    assert [(finding.rule, finding.first) for finding in report.findings] == [("leaf_differs", index)]


def test_another_key_is_not_believed(park: LogPark) -> None:
    """A log changed and signed anew with another key, under the same name."""
    report = verified(bundle_of(_changed_bytes(park.contents, 50), key=THIEF))
    assert report.findings[0].rule == "not_signed"
    assert (report.findings[0].first, report.findings[-1].before) == (0, len(park.contents))


def test_key_is_believed_for_its_sizes_only(park: LogPark) -> None:
    """After a rotation the old key signs nothing more."""
    until = Pinned((PinnedSigner(KEY.verifier, 0, 64),))
    report = verified(bundle_of(park.contents), pinned=until)
    assert rules(report.findings) == {"not_signed"}
    assert report.findings[0].first == 64


def test_another_ledgers_key_signs_nothing_here(park: LogPark) -> None:
    """Two ledgers pinned in one file: each key counts for its own ledger only."""
    other = SignerKey.make("greenledger.example/other", b"o" * 32)
    both = Pinned((*PINNED.signers, PinnedSigner(other.verifier, 0, 2**62)))
    assert "not_signed" in rules(verified(bundle_of(park.contents, key=other), pinned=both).findings)


def test_another_ledgers_log_is_not_taken_for_this_one(park: LogPark) -> None:
    """The same key, another origin."""
    assert "wrong_origin" in rules(verified(bundle_of(park.contents, origin="greenledger.example/other")).findings)


def test_history_signed_anew_with_the_stolen_key_needs_an_older_checkpoint(park: LogPark) -> None:
    """With pinned keys alone it is clean, and the documents say so; who kept a checkpoint sees it, and where."""
    forged = _changed_bytes(park.contents, 70)
    assert verified(bundle_of(forged)).findings == []
    report = verified(bundle_of(forged), known=known_of(park.contents, 64, 80, 96))
    assert [(f.rule, f.first, f.before) for f in report.findings] == [
        ("known_differs", 64, 80),
        ("known_differs", 80, 96),
    ]


def test_two_views_are_told_apart(park: LogPark) -> None:
    """Two readers were shown different logs of one size: either's checkpoint exposes the other's bundle."""
    other = _changed_bytes(park.contents, len(park.contents) - 1)
    for shown, kept in ((park.contents, other), (other, park.contents)):
        report = verified(bundle_of(shown), known=known_of(kept, len(kept)))
        assert rules(report.findings) == {"known_differs"}


def test_old_bundle_is_not_taken_for_a_new_one(park: LogPark) -> None:
    """A bundle that ends before what was verified already: restored, or kept back."""
    report = verified(bundle_of(park.contents[:64]), known=known_of(park.contents, 64, 100))
    assert [(f.rule, f.first, f.before) for f in report.findings] == [("older_than_known", 64, 100)]


@pytest.mark.parametrize("at", [0, 1, 40, 159])
def test_missing_records_are_found(park: LogPark, at: int) -> None:
    """One record left out, or the newest ones: what a checkpoint covers is not there."""
    report = verified(bundle_of(park.contents[:at] + park.contents[at + 1 :], signed=park.contents))
    assert report.verdict == 1
    assert report.findings[0].first <= at


def test_records_without_a_checkpoint_are_not_sealed(park: LogPark) -> None:
    """Records beyond the last signature might be anybody's."""
    whole = bundle_of(park.contents, every=len(park.contents))
    at = whole.rindex(b"C\x00\x00")
    report = verified(whole[:at] + frame(b"E", b""))
    assert rules(report.findings) == {"not_sealed"}


def test_edited_report_over_a_true_log_is_found(park: LogPark) -> None:
    """One balance, or one place, is claimed otherwise than the records make it."""
    claims = claims_of(park.book)
    for old, new, rule in (
        (b'"Holding:Ent:GH-002","GEC",', b'"Holding:Ent:GH-002","GEC","9999","9999"],["x","GEC",', "balance_differs"),
        (b'["Holding:Ent:GH-003",', b'["Holding:Ent:GH-001",', "place_differs"),
    ):
        head = claims.index(b"P\x00") if rule == "place_differs" else 0
        edited = claims[:head] + claims[head:].replace(old, new, 1)
        kind, at = (b"P", head) if rule == "place_differs" else (b"B", 0)
        length = len(edited) - len(claims) + struct.unpack(">I", claims[at + 1 : at + 5])[0]
        edited = edited[:at] + kind + struct.pack(">I", length) + edited[at + 5 :]
        assert rules(verified(bundle_of(park.contents, claims=edited)).findings) == {rule}


def test_quorum_of_witnesses(park: LogPark) -> None:
    """As many witnesses as the reader asks for must have cosigned the newest checkpoint, each with a key of its own."""
    names = ("a", "b", "c")
    seen = [SignerKey.make(f"witness.example/{name}", name.encode() * 32, kind=WITNESS) for name in names]
    bundle = bundle_of(park.contents)
    at = bundle.rindex(b"C\x00\x00")
    note = Note.parse(bundle[at + 5 : -5])
    for key in seen[:2]:
        note = note.cosigned(key, timestamp=1_800_000_000)
    cosigned = bundle[:at] + frame(b"C", note.encode()) + frame(b"E", b"")
    for quorum, witnesses, clean in ((2, seen, True), (3, seen, False), (1, seen[2:], False), (0, (), True)):
        pinned = Pinned(PINNED.signers, tuple(key.verifier for key in witnesses), quorum)
        assert (rules(verified(cosigned, pinned=pinned).findings) == set()) is clean


def test_bundle_that_begins_after_what_is_known_is_said_to(park: LogPark) -> None:
    """It cannot be shown to extend what was verified before, and the report says so."""
    bundle = bundle_of(park.contents, start=64)
    assert not verified(bundle, known=known_of(park.contents, 48)).extends_known
    assert verified(bundle, known=known_of(park.contents, 48, 64)).extends_known


def test_keys_are_named_by_records_only(park: LogPark) -> None:
    """Keys that the report names come from records that were hashed and signed, not from whoever hands it over."""
    record = changed(park.contents[-1], _top(index=str(len(park.contents)), type="signing_key", request_key="k"))
    record = changed(record, lambda one: one.update(body={"key": str(THIEF.verifier)}))
    record = changed(record, _top(recorded_at="2026-11-23T09:00:00.000000Z"))
    report = verified(bundle_of([*park.contents, record]))
    assert [(one.record, one.key) for one in report.keys] == [(len(park.contents), str(THIEF.verifier))]


def test_nothing_new_is_clean(park: LogPark) -> None:
    """A bundle from the size that was verified already, where no record came since."""
    size = len(park.contents)
    tree = Frontier()
    tree.extend(map(leaf_hash, park.contents))
    edge = tuple(node.hex() for node in tree.hashes)
    header = Header(edge=edge, from_size=str(size), ledger="ganhe", origin=KEY.name, to_size=str(size))
    note = Checkpoint(KEY.name, size, tree.root()).note().signed(KEY).encode()
    bundle = MAGIC + frame(b"H", msgspec.json.encode(header)) + frame(b"C", note) + frame(b"E", b"")
    report = verified(bundle, known=known_of(park.contents, size))
    assert (report.findings, report.verdict) == ([], 2)


def _lot(record: dict[str, Any]) -> None:
    record["body"]["lot"]["production_month"] = "2026-5-1"


def _rule(**fields: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["body"]["row"]["rule"].update(fields)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (b'"type":"lot"', _lot),
        (b'"kind":"validity"', _rule(months="x")),
        (b'"kind":"validity"', _rule(months="999999", valid_until="")),
        (b'"kind":"validity"', _rule(valid_until="soon")),
        (b'"command":"transfer","effective_on"', _both(int("9" * 4299))),
    ],
)
@pytest.mark.parametrize("key", [KEY, THIEF])
def test_absurd_figures_do_not_stop_the_verifier(
    park: LogPark, kind: bytes, change: Callable[[dict[str, Any]], None], key: SignerKey
) -> None:
    """Months, terms and quantities that nothing can be reckoned with: a finding or nothing, never a crash."""
    index = max(i for i, content in enumerate(park.contents) if kind in content)
    forged = list(park.contents)
    forged[index] = changed(forged[index], change)
    report = verified(bundle_of(forged, key=key))
    assert report.records == len(forged)
    assert key is KEY or "not_signed" in rules(report.findings)


@pytest.mark.parametrize("first", ["²", "9" * 4500, "-1", "1_0", "٣"])
def test_absurd_claims_do_not_stop_the_verifier(park: LogPark, first: str) -> None:
    """A claimed place whose serial is no number."""
    claims = frame(b"P", msgspec.json.encode([("Holding:Ent:GH-001", "x", first, "5")]))
    assert rules(verified(bundle_of(park.contents, claims=claims)).findings) == {"place_differs"}


# What is no bundle at all.


def _hostile(park: LogPark) -> dict[str, bytes]:
    whole = bundle_of(park.contents[:16])
    deep = b'{"edge":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    return {
        "nothing": b"",
        "another file": b"PK\x03\x04" + bytes(500),
        "half a header": whole[: len(MAGIC) + 9],
        "cut": whole[:-9],
        "no end": whole[:-5],
        "more behind the end": whole + b"x",
        "no header": MAGIC + frame(b"E", b""),
        "records first": MAGIC + frame(b"R", b"\x00\x00\x00\x00") + frame(b"E", b""),
        "a huge frame": MAGIC + struct.pack(">cI", b"R", 2**32 - 1),
        "a huge header": MAGIC + struct.pack(">cI", b"H", FRAME_BYTES_MAX),
        "an unknown frame": MAGIC + struct.pack(">cI", b"Z", 3) + b"abc",
        "a huge count": whole[:-5] + frame(b"R", b"\xff\xff\xff\xff") + frame(b"E", b""),
        "a huge size": whole.replace(b'"to_size":"16"', b'"to_size":"1' + b"0" * 1 + b'"'),
        "deep nesting": MAGIC + struct.pack(">cI", b"H", min(len(deep), 65_536)) + deep[:65_536],
        "two headers": whole[:-5] + whole[len(MAGIC) : whole.index(b"R\x00")] + frame(b"E", b""),
        "a negative size": whole.replace(b'"from_size":"0"', b'"from_size":"-"'),
    }


@pytest.mark.parametrize("case", list(_hostile(busy_park())))
def test_what_is_no_bundle_is_refused_with_a_reason(park: LogPark, case: str) -> None:
    """Cut, swollen, nested, or of another kind: refused with a reason, at once, and in little memory."""
    started = datetime.datetime.now(datetime.UTC)
    with pytest.raises((BadBundle, BadNote), match=r"\w"):
        verify(io.BytesIO(_hostile(park)[case]), PINNED)
    assert datetime.datetime.now(datetime.UTC) - started < datetime.timedelta(seconds=5)


def test_record_nested_deeply_is_found(park: LogPark) -> None:
    """A record of thousands of brackets is no record; it is named, and nothing falls over."""
    index = postings(park.contents, "transfer")[-1]
    forged = list(park.contents)
    forged[index] = b'{"actor":' + b"[" * 15_000 + b"]" * 15_000 + b"}"
    report = verified(bundle_of(forged))
    assert (report.findings[0].rule, report.findings[0].first) == ("not_canonical", index)


# The command.


def command(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`python -m ledger.proof`, run where nothing of ours is."""
    found = [sys.executable, "-m", "ledger.proof", *map(str, arguments)]
    return subprocess.run(found, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path, park: LogPark) -> Path:
    """A folder with pinned keys, a clean bundle, an older one and a forged one."""
    (tmp_path / "keys").write_text(f"signer {KEY.verifier} 0\n", "utf-8")
    (tmp_path / "clean").write_bytes(bundle_of(park.contents, claims=claims_of(park.book)))
    (tmp_path / "older").write_bytes(bundle_of(park.contents[:64]))
    (tmp_path / "forged").write_bytes(bundle_of(_changed_bytes(park.contents, 100)))
    return tmp_path


def test_exit_codes(folder: Path, park: LogPark) -> None:
    """0 clean, 1 tampered with the record named, 2 unusable with a reason; the state remembers only what was clean."""
    done = command("older", "--keys", "keys", "--state", "state", cwd=folder)
    assert (done.returncode, "CLEAN" in done.stdout) == (0, True), done.stdout + done.stderr
    done = command("clean", "--keys", "keys", "--state", "state", cwd=folder)
    assert done.returncode == 0
    kept = msgspec.json.decode((folder / "state").read_bytes())
    assert [size for size, _ in kept["checkpoints"]] == [64, len(park.contents)]
    done = command("forged", "--keys", "keys", "--state", "state", "--json", cwd=folder)
    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "tampered"
    done = command("older", "--keys", "keys", "--state", "state", cwd=folder)
    assert (done.returncode, "older_than_known" in done.stdout) == (1, True)
    assert msgspec.json.decode((folder / "state").read_bytes()) == kept
    for wrong in (("keys", "--keys", "keys"), ("none", "--keys", "keys"), ("clean", "--keys", "clean")):
        done = command(*wrong, cwd=folder)
        assert done.returncode == 2
        assert "Cannot be verified" in done.stderr and "Traceback" not in done.stderr


def test_nothing_a_bundle_says_moves_the_screen(folder: Path, park: LogPark) -> None:
    """Escapes and false lines inside a tampered bundle are shown as text; the verdict and exit code stay."""
    index = next(i for i, content in enumerate(park.contents) if b'"type":"refusal"' in content)
    forged = list(park.contents)
    forged[index] = changed(forged[index], _body(code="x\x1b[2J\x1b[HCLEAN: all records replayed\x1b[8m\n💥"))
    (folder / "screen").write_bytes(bundle_of(forged, signed=park.contents))
    for encoding in ("utf-8", "gbk", "ascii"):
        found = [sys.executable, "-m", "ledger.proof", "screen", "--keys", "keys"]
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(found, capture_output=True, check=False, cwd=folder, env=environment)
        assert done.returncode == 1, done.stderr
        assert b"\x1b" not in done.stdout and not [x for x in done.stdout.split(b"\n") if x.startswith(b"CLEAN")]


def test_damaged_state_is_not_overwritten(folder: Path) -> None:
    """A state file that cannot be read stops the command: forgetting what was known would hide a rollback."""
    (folder / "state").write_text("{}", "utf-8")
    done = command("clean", "--keys", "keys", "--state", "state", cwd=folder)
    assert done.returncode == 2
    assert (folder / "state").read_text("utf-8") == "{}"


def test_verifier_needs_nothing_but_two_libraries() -> None:
    """No database, no web framework, no HTTP client is loaded by the verifier."""
    code = (
        "import sys, ledger.proof.verifying; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'psycopg', 'sqlalchemy', 'sqlmodel', 'litestar', 'uvicorn', 'httpx', 'alembic', 'pydantic', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_verifier_is_installed_alone() -> None:
    """The package without extras brings those two libraries and nothing else, and a command of its own."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert {re.split(r"[<>=\[]", one)[0] for one in project["dependencies"]} == {"cryptography", "msgspec"}
    assert project["scripts"]["greenledger-verify"] == "ledger.proof.__main__:main"


def test_checkpoint_kept_for_next_time_is_the_newest(park: LogPark) -> None:
    """The report hands over the note itself, to be shown to others."""
    report = verified(bundle_of(park.contents))
    assert Checkpoint.of(Note.parse(report.newest.encode())).size == len(park.contents)
