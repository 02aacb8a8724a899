"""Companies: how their names are looked up, and the accounts they bring."""

import unicodedata

from ledger.core.account import ENTERPRISE_KINDS, account_name

NAME_CHARS_MAX = 200


def lookup_name(name: str) -> str:
    """The form under which two spellings of one name meet: NFKC, without any blanks."""
    return "".join(unicodedata.normalize("NFKC", name).split())


def accounts_of(kind: str, party: str) -> tuple[str, ...]:
    """Names of the accounts a party of this kind has from its registration on."""
    match kind:
        case "enterprise":
            return tuple(account_name(code, party) for code in ENTERPRISE_KINDS)
        case "seller":
            return (account_name("external", party),)
        case "platform":
            return account_name("clearing", party), account_name("identification", party)
        case "project":
            kinds = ("issuance", "holding_project", "carry", "metered")
            return tuple(account_name(code, party) for code in kinds)
        case "province":
            return (account_name("holding_province", party),)
    raise ValueError(f"no such kind of party: {kind}")


PARK_ACCOUNTS = (account_name("commitment_contra"), account_name("commitment_unallocated"))
"""Accounts of the park itself, opened with the ledger."""
