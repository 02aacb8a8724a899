"""What a fact rests on, and what every event of a day says."""

from typing import Literal

import msgspec

Level = Literal["CONFIRMED", "REPORTED", "DECLARED"]


class Evidence(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a fact rests on. `document` is the SHA-256 of the file, `line` where in it (sheet!line)."""

    document: str | None = None
    level: Level
    line: str | None = None


def reported() -> Evidence:
    """The weakest evidence, of what somebody says."""
    # A factory, so that it is always written: `omit_defaults` goes by identity, and one command has one form.
    return Evidence(level="REPORTED")


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The day it occurred on, the day it counts from, and what it rests on."""

    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)
