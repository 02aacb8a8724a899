"""Verify a file and say what came of it, on standard output: the command, without the rest of GreenLedger."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from ledger.proof.bundle import BadBundle
from ledger.proof.note import BadNote, Note
from ledger.proof.pinned import BadKeys, read_pinned
from ledger.proof.state import BadState, keep, read_state
from ledger.proof.verifier import RULES, Report, verify

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
            out.write(msgspec.json.encode({"verdict": "unusable", "reason": str(fault)}).decode() + "\n")
        else:
            err.write(f"Cannot be verified: {fault}\n")
        return UNUSABLE
    verdict = report.verdict
    if json:
        word = ("clean", "tampered", "not replayed")[verdict]
        out.write(msgspec.json.encode({"verdict": word, **msgspec.to_builtins(report)}).decode() + "\n")
    else:
        _show(report, out)
    return verdict


def _show(report: Report, out: TextIO) -> None:
    out.write(
        f"{report.ledger} ({report.origin}): records {report.from_size} to {report.to_size},"
        f" {report.checkpoints} signed checkpoints\nroot {report.root}\n"
    )
    for finding in report.findings:
        where = _where(finding.first, finding.before)
        out.write(f"TAMPERED at {where}: {finding.rule}: {finding.what}\n  the rule: {RULES[finding.rule]}\n")
    for kind, count in report.not_replayed.items():
        out.write(f"not replayed: {count} records of the unknown type {kind}\n")
    if report.from_size:
        out.write("not replayed: balances need the records from 0 on; hashes, order and signatures were checked\n")
    refused = sum(report.refusals.values())
    if refused:
        out.write(f"{refused} refused attempts:\n")
        out.writelines(f"  {count} {who}\n" for who, count in report.refusals.items())
    if report.verdict == CLEAN:
        out.write(
            f"CLEAN: {report.records} records replayed; {report.balances_compared} balances and"
            f" {report.places_compared} ranges of serials are as claimed\n"
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
