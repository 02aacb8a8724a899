"""What verifying a bundle came to: the rules, what was found broken, and the report."""

import msgspec

from ledger.proof.replay import RULES as REPLAY_RULES

FINDINGS_MAX = 100
RULES = REPLAY_RULES | {
    "not_signed": "every checkpoint is signed by a key pinned for its size",
    "wrong_origin": "every checkpoint is of the ledger the keys are pinned for",
    "root_differs": "the records hash to the root of every checkpoint",
    "missing": "all records that a checkpoint covers, and the bundle says it has, are there",
    "leaf_differs": "each record hashes to its stored leaf",
    "known_differs": "the log extends what was verified before",
    "older_than_known": "a bundle is not older than what was verified before",
    "not_sealed": "the bundle ends at a checkpoint",
    "quorum": "so many witnesses as the keys ask for cosigned the newest checkpoint",
    "not_canonical": "a record is canonical JSON of its type, and has one form",
    "wrong_index": "a record says its own place in the log, and its ledger",
    "time_back": "time never goes back",
    "key_twice": "a request key is used once by each tenant",
    "evidence_twice": "a line of a document is posted once",
    "proof_twice": "the number of a proof of retirement is used once",
    "balance_differs": "the balances claimed are those the records make",
    "place_differs": "the places claimed are those the records make",
}
"""Every rule by its code, in the order a reader would ask for them."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is broken, and where."""

    rule: str
    first: int
    """The record; of an interval its first."""
    before: int
    """One past the record, or past the interval."""
    what: str


class NamedKey(msgspec.Struct, frozen=True):
    """A key as a record of the log names it."""

    record: int
    key: str
    replaces: str | None


class Report(msgspec.Struct, kw_only=True):
    """What verifying a bundle came to."""

    ledger: str = ""
    origin: str = ""
    from_size: int = 0
    to_size: int = 0
    records: int = 0
    root: str = ""
    checkpoints: int = 0
    """Signed by a pinned key, and fitting."""
    replayed: bool = False
    """Whether every record was followed; not so from a size above 0, or past a type this program does not know."""
    not_replayed: dict[str, int] = msgspec.field(default_factory=dict)
    """Record types that are not known here, with how many there are."""
    balances_compared: int = 0
    places_compared: int = 0
    types: dict[str, int] = msgspec.field(default_factory=dict)
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    """`actor code` -> refused attempts."""
    continues: str | None = None
    """Origin, size and root of the ledger this one says it goes on from; whoever holds that checkpoint compares."""
    keys: list[NamedKey] = msgspec.field(default_factory=list)
    """Signing keys that the records themselves name. Each may be a thief's: pin it only after asking elsewhere."""
    extends_known: bool = True
    """Whether the bundle reaches back to what was verified before, so that it is shown to extend it."""
    findings: list[Finding] = msgspec.field(default_factory=list)
    newest: str = ""
    """The newest checkpoint that fits, as a note: what to keep for next time."""

    @property
    def verdict(self) -> int:
        """0 clean, 1 tampered, 2 clean as far as it goes, but not replayed whole."""
        return 1 if self.findings else 0 if self.replayed else 2


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Checkpoints verified before, which any later bundle must extend."""

    origin: str
    checkpoints: tuple[tuple[int, str], ...]
    """(size, root in hexadecimal), rising."""
