"""Commands that post nothing: opening a ledger, parties, rules, credentials; who may give them."""

import pytest

from ledger.core.command import (
    Command,
    CreateCredential,
    OpenLedger,
    Principal,
    RecordImport,
    RegisterParty,
    RevokeCredential,
    SetPolicy,
)
from ledger.core.policy import ROLES
from ledger.core.record import AccountBody, CredentialBody, LedgerBody, PolicyBody
from ledger.core.seed import SEED
from tests.core.park import ADMIN, ONE, OPERATOR, Park

KEY = CreateCredential(credential="k1", role="enterprise", tenant="GH-001", subject="person:x", secret_sha256="a" * 64)
FIRM = RegisterParty(party="GH-009", kind="enterprise", name="青海百河铝业有限责任公司", aliases=("百河铝业",))
COMMANDS: dict[Command, set[str]] = {
    OpenLedger(origin="o", zone="Asia/Shanghai", rows=()): {"admin"},
    FIRM: {"operator", "admin"},
    SetPolicy(row=SEED[0]): {"admin"},
    KEY: {"admin"},
    RevokeCredential(credential="k0"): {"admin"},
}


@pytest.fixture
def park() -> Park:
    """A park with three enterprises."""
    return Park()


def test_first_record_opens_the_ledger_and_the_rules_follow(park: Park) -> None:
    """Record 0 is the opening, then every seeded rule under its own index, then the park's own accounts."""
    park.book.size = 0
    bodies = park.ask(OpenLedger(origin="o", zone="z", rows=SEED), by=ADMIN).bodies
    assert [type(body) for body in bodies] == [LedgerBody, *[PolicyBody] * len(SEED), AccountBody]
    assert park.refused(OpenLedger(origin="o", zone="z", rows=SEED), by=ADMIN).code == "ledger_exists"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_only_its_roles_may_give_a_command(park: Park, command: Command, role: str) -> None:
    """Registering is the operator's and the administrator's; rules, keys and opening are the administrator's."""
    by = Principal(actor="k", role=role, subject="person:x", tenant="GH-001" if role == "enterprise" else None)
    decision = park.ask(command, by=by)
    assert (getattr(decision, "code", "posted") == "forbidden") == (role not in COMMANDS[command])


@pytest.mark.parametrize("by", [ONE, ADMIN])
def test_only_the_operator_records_imports(park: Park, by: Principal) -> None:
    """A statement is read by the operator."""
    command = RecordImport(document="d" * 64, layout="A", figures={"posted": "3"})
    assert park.refused(command, by=by).code == "forbidden"
    assert park.post(command, by=OPERATOR).figures == {"posted": "3"}


def test_registration_opens_the_enterprises_accounts(park: Park) -> None:
    """A new enterprise owns a holding, a commitment, an inventory and a payable account from then on."""
    park.post(FIRM)
    owned = {name for (name, _), account in park.book.accounts.items() if account.owner == "GH-009"}
    assert owned == {"Holding:Ent:GH-009", "Commitment:Ent:GH-009", "Inventory:GEC:GH-009", "Payable:GH-009"}


def test_sellers_and_platforms_own_nothing(park: Park) -> None:
    """Their accounts belong to the park, so no key can ever be scoped to them."""
    assert park.book.accounts["External:S-1", "GEC"].owner is None
    assert park.book.accounts["Clearing:gec", "GEC"].owner is None


def test_no_name_stands_in_a_record(park: Park) -> None:
    """Names enter the journal as salted hashes only (design D3)."""
    body = park.post(FIRM)
    assert "铝" not in str(body)
    assert len(body.names) == 2
    assert len(set(body.names)) == 2


@pytest.mark.parametrize("name", ["企业1", "企 业 1", "企业１"])
def test_name_that_meets_another_is_taken(park: Park, name: str) -> None:
    """Spellings that look the same to a reader are one name: width and blanks do not tell companies apart."""
    park.book.names["企业1"] = "GH-001"
    refusal = park.refused(RegisterParty(party="GH-009", kind="enterprise", name="新企业", aliases=(name,)))
    assert (refusal.code, refusal.figures["owner"]) == ("alias_taken", "GH-001")


def test_alias_that_only_repeats_the_name_is_kept_once(park: Park) -> None:
    """An alias that is looked up as the name itself adds nothing, and is no second row under one lookup."""
    body = park.post(RegisterParty(party="GH-009", kind="enterprise", name="百河铝业", aliases=("百河 铝业", "百河")))
    assert len(body.names) == 2


@pytest.mark.parametrize("party", ["", "GH 009", "GH:009", "企业", "x" * 65, "a\n"])
def test_party_whose_id_makes_no_account_is_refused(park: Park, party: str) -> None:
    """An id becomes a part of account names, so it is one."""
    command = RegisterParty(party=party, kind="enterprise", name="新企业")
    assert park.refused(command).code == "malformed_request"


def test_party_is_registered_once(park: Park) -> None:
    """The same id again is refused."""
    assert park.refused(RegisterParty(party="GH-001", kind="enterprise", name="另一家")).code == "party_exists"


def test_key_is_made_once_and_revoked_once(park: Park) -> None:
    """A key is active until it is revoked, and then never again."""
    body = park.post(KEY, by=ADMIN)
    assert (body.state, body.tenant) == ("active", "GH-001")
    assert park.refused(KEY, by=ADMIN).code == "credential_exists"
    assert park.post(RevokeCredential(credential="k1"), by=ADMIN) == CredentialBody(credential="k1", state="revoked")
    assert park.refused(RevokeCredential(credential="k1"), by=ADMIN).code == "credential_unknown"
    assert park.refused(KEY, by=ADMIN).code == "credential_exists"


@pytest.mark.parametrize(
    ("role", "tenant", "code"),
    [
        ("enterprise", None, "malformed_request"),
        ("operator", "GH-001", "malformed_request"),
        ("enterprise", "GH-999", "unknown_party"),
    ],
)
def test_key_names_an_enterprise_exactly_where_it_is_one(park: Park, role: str, tenant: str | None, code: str) -> None:
    """An enterprise's key is scoped to it; no other key is scoped."""
    command = CreateCredential(credential="k1", role=role, tenant=tenant, subject="s", secret_sha256="a" * 64)
    assert park.refused(command, by=ADMIN).code == code
