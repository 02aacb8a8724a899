"""Verify a file and say what came of it, on standard output: the command, without the rest of GreenLedger."""

import json as json_text
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from ledger.proof.bundle import BadBundle
from ledger.proof.findings import RULES, Report
from ledger.proof.note import BadNote, Note
from ledger.proof.pinned import BadKeys, read_pinned
from ledger.proof.state import BadState, keep, read_state
from ledger.proof.verifier import verify

CLEAN, TAMPERED, UNUSABLE = 0, 1, 2
_EVERY_SECONDS = 1.0


def verify_file(
    bundle: Path,
    *,
    keys: Path,
    state: Path | None,
    json: bool,
    cosigned: Sequence[Path] = (),
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
) -> int:
    """CLEAN, TAMPERED or UNUSABLE, after printing what was found; the state is kept only where all is clean."""
    try:
        pinned = read_pinned(keys.read_text("utf-8"))
        known = read_state(state) if state is not None else None
        notes = [Note.parse(file.read_bytes()) for file in cosigned]
        progress = _progress(err) if err.isatty() else lambda *_: None
        with bundle.open("rb") as stream:
            report = verify(stream, pinned, known, cosigned=notes, progress=progress)
        if report.verdict == CLEAN and state is not None:
            keep(state, known, report.newest)
    except (OSError, UnicodeDecodeError, BadBundle, BadNote, BadKeys, BadState) as fault:
        if json:
            _write_json(out, {"verdict": "unusable", "reason": str(fault)})
        else:
            err.write(_plain(f"Cannot be verified: {fault}", err) + "\n")
        return UNUSABLE
    verdict = report.verdict
    if json:
        word = ("clean", "tampered", "not replayed")[verdict]
        _write_json(out, {"verdict": word, **msgspec.to_builtins(report)})
    else:
        for line in _lines(report):
            out.write(_plain(line, out) + "\n")
    return verdict


def _write_json(out: TextIO, document: dict[str, object]) -> None:
    out.write(json_text.dumps(document) + "\n")  # in ASCII, whatever the terminal speaks


def _plain(text: str, out: TextIO) -> str:
    """The text with nothing in it that moves a cursor, hides or colours, and that this output can show.

    What a tampered bundle says is shown to somebody who is about to believe the screen.
    """
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    encoding = getattr(out, "encoding", None) or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def _lines(report: Report) -> Iterator[str]:
    yield (
        f"{report.ledger} ({report.origin}): records {report.from_size} to {report.to_size},"
        f" {report.checkpoints} signed checkpoints"
    )
    yield f"root {report.root}"
    if report.continues is not None:
        yield f"continues {report.continues}: compare that with the checkpoint you hold of it"
    for finding in report.findings:
        yield f"TAMPERED at {_where(finding.first, finding.before)}: {finding.rule}: {finding.what}"
        yield f"  the rule: {RULES[finding.rule]}"
    for kind, count in report.not_replayed.items():
        yield f"not replayed: {count} records of the unknown type {kind}"
    if report.from_size:
        yield "not replayed: balances need the records from 0 on; hashes, order and signatures were checked"
    if not report.extends_known:
        yield "NOT SHOWN to extend what was verified before: the bundle begins after it"
    if report.refusals:
        yield f"{sum(report.refusals.values())} refused attempts:"
        yield from (f"  {count} {who}" for who, count in report.refusals.items())
    if report.verdict == CLEAN:
        yield f"CLEAN: {report.records} records replayed"
        yield (
            f"{report.balances_compared} balances and {report.places_compared} ranges of serials are as claimed"
            if report.balances_compared
            else "no balances were claimed, so none were compared"
        )


def _where(first: int, before: int) -> str:
    return f"record {first}" if before == first + 1 else f"records {first} to {before - 1}"


def _progress(err: TextIO) -> Callable[[int, int], None]:
    last = time.monotonic()

    def tell(done: int, of_all: int) -> None:
        nonlocal last
        if time.monotonic() - last > _EVERY_SECONDS:
            last = time.monotonic()
            err.write(f"\r{done:,} of {of_all:,} records ({100 * done // max(1, of_all)} %)")
            err.flush()

    return tell
