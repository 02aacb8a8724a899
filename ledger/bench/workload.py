"""What the benchmarks post: a park of enterprises with plenty of certificates, and transfers between them."""

import datetime
import random
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from ledger.core.account import account_name
from ledger.core.certificate import LotFacts
from ledger.core.command import (
    CreateCredential,
    Principal,
    RegisterParty,
    Request,
    canonical,
)
from ledger.core.events import (
    Evidence,
    Leg,
    Trade,
    Transfer,
    TransferTrade,
)
from ledger.database import expect_posted, local_principal, request
from ledger.keys import make_key
from ledger.store.ledgers import ZONE
from ledger.writer import Writer

ENTERPRISES = 1000
LOT = "bench-lot"
PLENTY = 10**12
DOCUMENT = "0" * 64


def party(number: int) -> str:
    """The id of the enterprise of this number."""
    return f"B-{number:04}"


def principal(number: int) -> Principal:
    """The caller that acts for an enterprise."""
    return Principal(actor=f"bench:{number}", role="enterprise", subject=f"system:{number}", tenant=party(number))


OPERATOR = Principal(actor="bench:operator", role="operator", subject="system:operator")


async def fill(writer: Writer, *, enterprises: int = ENTERPRISES) -> dict[int, str]:
    """Register enterprises, give each plenty of one lot, and make a key for the first 64."""
    local = local_principal()
    commands: list[object] = [RegisterParty(party="S-1", kind="seller", name="bench seller")]
    commands.append(RegisterParty(party="bench", kind="platform", name="bench platform"))
    commands += [RegisterParty(party=party(n), kind="enterprise", name=f"bench {n}") for n in range(enterprises)]
    lot = LotFacts(code=LOT, numbered=False, production_month="2026-01", project="P-1")
    for n in range(enterprises):
        commands.append(
            Trade(trade_id=f"bench/{n}", buyer=party(n), seller="S-1", platform="bench", quantity=PLENTY, lot=lot)
        )
        commands.append(TransferTrade(trade_id=f"bench/{n}"))
    for at in range(0, len(commands), 1000):
        batch = [request(command, local) for command in commands[at : at + 1000]]  # type: ignore[arg-type]  # commands
        for outcome in await writer.submit_batch(batch, atomic=True):
            await expect_posted(_value(outcome))
    keys = {}
    for n in range(min(64, enterprises)):
        new = make_key()
        made = CreateCredential(
            credential=new.credential,
            role="enterprise",
            tenant=party(n),
            subject=f"system:{n}",
            secret_sha256=new.secret_sha256,
        )
        await expect_posted(writer.submit(request(made, local_principal("admin"))))
        keys[n] = new.text
    return keys


async def _value(outcome: object) -> object:
    return outcome


def transfer(source: int, target: int, key: str, *, day: datetime.date | None = None) -> Request:
    """One transfer of 5 certificates; a dated one is an operator's, with a document."""
    legs = (
        Leg(account_name("holding_ent", party(source)), "GEC", -5, LOT),
        Leg(account_name("holding_ent", party(target)), "GEC", 5, LOT),
    )
    if day is None:
        command, who = Transfer(legs=legs), principal(source)
    else:
        evidence = Evidence(document=DOCUMENT, level="REPORTED")
        command, who = Transfer(legs=legs, occurred_on=day.isoformat(), evidence=evidence), OPERATOR
    return Request(command=command, principal=who, request_key=key, canonical=canonical(command))


def pairs(seed: int, *, hot: bool = False, enterprises: int = ENTERPRISES) -> Iterator[tuple[int, int]]:
    """Givers and receivers at random; hot: always the same two accounts."""
    chance = random.Random(seed)
    while True:
        source = 0 if hot else chance.randrange(enterprises)
        yield source, 1 if hot else (source + 1 + chance.randrange(enterprises - 1)) % enterprises


def history(seed: int, *, days: int, enterprises: int = ENTERPRISES) -> Iterator[tuple[int, int, datetime.date | None]]:
    """Transfers of which one account has a tenth of all postings and a fifth are late by up to `days` days."""
    chance = random.Random(seed)
    today = civil_day()
    for source, target in pairs(seed, enterprises=enterprises):
        # Every fifth transfer touches account 0 once: a tenth of all postings.
        pair = (source, target)
        if chance.random() < 0.2:
            other = 1 + chance.randrange(enterprises - 1)
            pair = (0, other) if chance.random() < 0.5 else (other, 0)
        elif 0 in pair:
            pair = (1, 2)
        late = chance.random() < 0.2
        yield pair[0], pair[1], today - datetime.timedelta(days=1 + chance.randrange(days)) if late else None


def civil_day() -> datetime.date:
    """Today where the ledger is: by another clock's day nothing posted today would be seen yet, and reads be cheap."""
    return datetime.datetime.now(ZoneInfo(ZONE)).date()
