"""Every setting: type, default, one line on why. All come from the environment; none is a password."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this process runs."""

    home: Path = Path(".greenledger")
    """GREENLEDGER_HOME: the data folder: embedded database, passwords of the logins, demo keys."""
    database_url: str | None = None
    """DATABASE_URL: the migrator's URL of a real server; without it an embedded PostgreSQL is used."""
    writer_url: str | None = None
    """DATABASE_URL_WRITER: with the reader's URL, all that `serve` needs on a real server."""
    reader_url: str | None = None
    """DATABASE_URL_READER."""
    signer_url: str | None = None
    """DATABASE_URL_SIGNER."""
    ledger: str = "ganhe"
    """GREENLEDGER_LEDGER: the ledger that commands act on where none is named."""
    body_bytes_max: int = 16 * 1024 * 1024
    """GREENLEDGER_BODY_BYTES_MAX: the largest request body; above it 413."""
    refusals_per_minute: int = 600
    """GREENLEDGER_REFUSALS_PER_MINUTE: refused commands recorded for one subject; beyond it 429."""


_NAMES = {
    "home": "GREENLEDGER_HOME",
    "database_url": "DATABASE_URL",
    "writer_url": "DATABASE_URL_WRITER",
    "reader_url": "DATABASE_URL_READER",
    "signer_url": "DATABASE_URL_SIGNER",
    "ledger": "GREENLEDGER_LEDGER",
    "body_bytes_max": "GREENLEDGER_BODY_BYTES_MAX",
    "refusals_per_minute": "GREENLEDGER_REFUSALS_PER_MINUTE",
}


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in the environment; msgspec.ValidationError names one that is not of its type."""
    given = {field: environment[name] for field, name in _NAMES.items() if environment.get(name)}
    home = Path(given.pop("home", str(Settings().home)))
    settings = msgspec.convert(given, _Given, strict=False)
    return Settings(home=home, **{f: v for f, v in msgspec.structs.asdict(settings).items() if v is not None})


class _Given(msgspec.Struct):
    database_url: str | None = None
    writer_url: str | None = None
    reader_url: str | None = None
    signer_url: str | None = None
    ledger: str | None = None
    body_bytes_max: int | None = None
    refusals_per_minute: int | None = None
