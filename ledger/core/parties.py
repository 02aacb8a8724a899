"""Parties as dated facts: registered, named, merged, gone. Of names, the journal has salted hashes only."""

import msgspec

from ledger.core.account import KINDS, account_name, kind_of
from ledger.core.book import Book
from ledger.core.command import ChangeParty, RegisterParty, private_hash, private_salt
from ledger.core.party import accounts_of, lookup_name
from ledger.core.plans.plan import Plan
from ledger.core.record import OfferBody, PartyBody, PartyChangeBody, Posted
from ledger.core.refusal import Refusal, refuse

RESERVED = frozenset(
    longer.prefix.removeprefix(f"{shorter.prefix}:").split(":")[0]
    for shorter in KINDS.values()
    for longer in KINDS.values()
    if longer.prefix.startswith(f"{shorter.prefix}:")
)
"""Words of the chart, such as Emitted: `CO2E:Emitted:X` would be a lot of that party's and another kind of account."""


def register(book: Book, command: RegisterParty, seed: bytes) -> Posted | Refusal:
    """Register a party under names that nobody has, or `party_exists`, `alias_taken`, `name_blank`."""
    if kind_of(account_name("external", command.party)) is None:
        return refuse("malformed_request", problem="A party's id is 1 to 64 letters, digits or . _ - in ASCII.")
    if command.party in RESERVED:
        return refuse("malformed_request", problem=f"{command.party} is part of the chart of accounts and no party.")
    if command.party in book.parties:
        return refuse("party_exists", party=command.party)
    if (taken := _taken(book, command.party, command.name, *command.aliases)) is not None:
        return taken
    texts = private_texts(command)
    hashes = {field: private_hash(private_salt(seed, field), text) for field, text in texts.items()}
    body = PartyBody(
        accounts=accounts_of(command.kind, command.party),
        kind=command.kind,
        names=tuple(value for field, value in hashes.items() if is_name(field)),
        party=command.party,
        private=tuple(value for field, value in hashes.items() if not is_name(field)),
    )
    return Posted((body,))


def private_texts(command: RegisterParty | ChangeParty) -> dict[str, str]:
    """The texts of a registration, or a change, that stay out of the journal, by field, names first; none twice."""
    if isinstance(command, ChangeParty):
        return {} if command.name is None else {"name" if command.change == "name" else "alias.0": command.name}
    names = {lookup_name(name): name for name in reversed((command.name, *command.aliases))}
    kept = [name for name in dict.fromkeys((command.name, *command.aliases)) if names[lookup_name(name)] == name]
    texts = {"name" if at == 0 else f"alias.{at - 1}": name for at, name in enumerate(kept)}
    more = {"sector": command.sector, "usci": command.usci, "grid_user": command.grid_user}
    return texts | {field: text for field, text in more.items() if text}


def is_name(field: str) -> bool:
    """Whether a private field of a party is one of its names."""
    return field == "name" or field.startswith("alias.")


def change(book: Book, command: ChangeParty, seed: bytes) -> Posted | Refusal:
    """A new name, a further alias, an exit, or a merger into another party, from a day on.

    Or `unknown_party`, `party_exited`, `alias_taken`, `name_blank`, `change_incomplete`.
    """
    known = book.parties.get(command.party)
    if known is None:
        return refuse("unknown_party", party=command.party)
    if known.exited_on is not None:
        return refuse("party_exited", party=command.party, exited_on=known.exited_on)
    if (command.change in {"name", "alias"}) != (command.name is not None):
        return refuse(
            "change_incomplete", party=command.party, change=command.change, wanted="names a new name or none"
        )
    if (command.change == "merger") != (command.into is not None):
        return refuse("change_incomplete", party=command.party, change=command.change, wanted="names a party or none")
    if command.name is not None and (taken := _taken(book, command.party, command.name)) is not None:
        return taken
    if command.into is not None:
        other = book.parties.get(command.into)
        if other is None or other.exited_on is not None or other.kind != known.kind or command.into == command.party:
            return refuse("unknown_party", party=command.into)
    texts = private_texts(command)
    body = PartyChangeBody(
        change=command.change,
        document=command.document,
        into=command.into,
        names=tuple(private_hash(private_salt(seed, field), text) for field, text in texts.items()),
        on=command.on,
        party=command.party,
    )
    return Posted((body,))


def _taken(book: Book, party: str, *names: str) -> Refusal | None:
    for name in names:
        if not lookup_name(name):
            return refuse("name_blank", party=party)
        owner = book.names.get(lookup_name(name))
        if owner is not None:
            return refuse("alias_taken", party=party, owner=owner)
    return None


def learn_change(book: Book, body: PartyChangeBody, names: tuple[str, ...]) -> None:
    """A party has a further name, or is no more from a day on."""
    for name in names:
        book.put(book.names, name, body.party)
    if body.change in {"exit", "merger"}:
        known = book.parties[body.party]
        book.put(book.parties, body.party, msgspec.structs.replace(known, exited_on=body.on, into=body.into))


RECEIVING = frozenset(
    {
        "transfer", "subscribe", "trade", "transfer_trade", "settle_bundle", "transfer_with_energy", "allocate",
        "open_balance", "offer", "succeed",
    }
)  # fmt: skip
"""What brings a party something new; what takes something back may still reach one that is no more."""


def judge_exits(book: Book, plan: Plan, owners: set[str | None], on: str) -> Refusal | None:
    """`party_exited` where somebody receives, now or by what follows, from the day on it exited or merged."""
    if plan.command not in RECEIVING:
        return None
    buyer = None if plan.trade is None else plan.trade.buyer
    receiver = plan.about.receiver if isinstance(plan.about, OfferBody) else None
    for party in owners | {buyer, receiver}:
        known = book.parties.get(party) if party is not None else None
        if known is not None and known.exited_on is not None and known.exited_on <= on:
            return refuse("party_exited", party=party, exited_on=known.exited_on)
    return None
