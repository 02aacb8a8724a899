"""Hypothesis strategies for the nouns of the domain, shared by all tests."""

import datetime
import string

from hypothesis import strategies as st

from ledger.core import record
from ledger.core.account import KINDS, account_name
from ledger.core.certificate import LotFacts
from ledger.core.command import Batch
from ledger.core.events import (
    Evidence,
)
from ledger.core.policy import ROLES, CodeLayout, Dating, Move, Period, PolicyRow, Validity, VintageMatch
from ledger.core.quantity import COMMODITIES, QUANTITY_MAX
from ledger.core.serial_range import SerialRange

_PART = string.ascii_letters + string.digits + "._-"


def name_parts() -> st.SearchStrategy[str]:
    """One part of an account's name."""
    return st.text(_PART, min_size=1, max_size=64)


def account_parts(kind: str) -> st.SearchStrategy[list[str]]:
    """The parts that follow the prefix of an account of this kind."""
    return st.lists(name_parts(), min_size=KINDS[kind].parts, max_size=KINDS[kind].parts)


def account_names() -> st.SearchStrategy[str]:
    """Names the chart of accounts knows."""
    return st.sampled_from(sorted(KINDS)).flatmap(
        lambda kind: account_parts(kind).map(lambda parts: account_name(kind, *parts))
    )


def quantities(*, most: int = QUANTITY_MAX) -> st.SearchStrategy[int]:
    """Signed whole quantities other than zero."""
    return st.integers(-most, most).filter(bool)


def serial_ranges(*, most: int = 60) -> st.SearchStrategy[tuple[SerialRange, ...]]:
    """Merged serial ranges: sorted, apart, none empty."""
    return st.sets(st.integers(0, most)).map(ranges_of)


def ranges_of(serials: set[int]) -> tuple[SerialRange, ...]:
    """A set of serials as the fewest ranges, counted one by one."""
    found: list[SerialRange] = []
    for serial in sorted(serials):
        if found and found[-1].end == serial:
            found[-1] = SerialRange(found[-1].first, serial + 1)
        else:
            found.append(SerialRange(serial, serial + 1))
    return tuple(found)


def days() -> st.SearchStrategy[str]:
    """ISO dates."""
    return st.dates(datetime.date(2017, 1, 1), datetime.date(2040, 12, 31)).map(datetime.date.isoformat)


def production_months() -> st.SearchStrategy[str]:
    """Months as lots write them: YYYY-MM."""
    return st.builds("{:04}-{:02}".format, st.integers(2010, 2060), st.integers(1, 12))


def texts() -> st.SearchStrategy[str]:
    """Any text UTF-8 can write: Chinese, control characters, astral ones, quotes and all."""
    return st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


def hashes() -> st.SearchStrategy[str]:
    """SHA-256 in hexadecimal."""
    return st.binary(min_size=32, max_size=32).map(bytes.hex)


def lot_facts() -> st.SearchStrategy[LotFacts]:
    """What is known of a lot."""
    return st.builds(
        LotFacts, code=texts(), energy_class=st.none() | texts(), numbered=st.booleans(),
        production_month=production_months(), project=texts(), province=st.none() | texts(),
        scheme=st.sampled_from(["GEC", "IREC"]), source=st.none() | texts(), tradable=st.booleans(),
        trade_class=st.none() | texts(),
    )  # fmt: skip


def evidences() -> st.SearchStrategy[Evidence]:
    """What a fact rests on."""
    levels = st.sampled_from(["CONFIRMED", "REPORTED", "DECLARED"])
    return st.builds(Evidence, document=st.none() | hashes(), level=levels, line=st.none() | texts())


def words() -> st.SearchStrategy[str]:
    """What a rule says in words: anything but control characters."""
    return texts().map(lambda text: "".join(c for c in text if c.isprintable()))


def policy_rows() -> st.SearchStrategy[PolicyRow]:
    """Rules of every kind."""
    kinds, roles = st.sampled_from(sorted(KINDS)), st.sampled_from(ROLES)
    commodities, widths = st.sampled_from(sorted(COMMODITIES)), st.integers(0, 32).map(str)
    rules = st.one_of(
        st.builds(Move, command=words(), commodity=commodities, role=roles, source=kinds, target=kinds),
        st.builds(Dating, document=st.booleans(), future=st.booleans(), past=st.booleans(), role=roles),
        st.builds(CodeLayout, classes=widths, month=widths, project=widths, serial=widths),
        st.builds(
            Validity, months=st.integers(0, 99).map(str), produced_before=production_months(),
            produced_from=production_months(), valid_until=st.just("") | days(),
        ),
        st.builds(VintageMatch, consumed_before=words(), consumed_from=words()),
        st.builds(Period, month=production_months(), state=st.sampled_from(["soft", "closed", "open"])),
    )  # fmt: skip
    return st.builds(PolicyRow, in_force_from=days(), in_force_to=st.none() | days(), rule=rules, source=texts())


def _serial_pairs() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return serial_ranges().map(lambda held: tuple((str(r.first), str(r.end - 1)) for r in held))


def posted_legs() -> st.SearchStrategy[record.PostedLeg]:
    """Postings of a record; not balanced."""
    return st.builds(
        record.PostedLeg, account=account_names(), commodity=st.sampled_from(sorted(COMMODITIES)),
        lot=st.none() | texts(), quantity=quantities().map(str), serials=_serial_pairs(),
    )  # fmt: skip


def trade_states() -> st.SearchStrategy[record.TradeState]:
    """What a posting says about a trade."""
    text = st.none() | texts()
    return st.builds(
        record.TradeState, amount_fen=text, buyer=text, codes=st.lists(texts(), max_size=2).map(tuple), mode=text,
        platform=text, price=text, quantity=text, seller=text, state=st.sampled_from(["TRADED", "TRANSFERRED", "VOID"]),
        trade_id=texts(),
    )  # fmt: skip


def bodies(kind: str) -> st.SearchStrategy[record.Body]:
    """Bodies of records of this type."""
    several = st.lists(texts(), max_size=3).map(tuple)
    text, figures = st.none() | texts(), st.dictionaries(st.text(string.ascii_lowercase + "_", max_size=9), texts())
    return {
        "account": lambda: st.builds(record.AccountBody, accounts=several, owner=text),
        "credential": lambda: st.builds(
            record.CredentialBody, credential=texts(), role=text, secret_sha256=text, state=texts(), subject=text,
            tenant=text,
        ),
        "retirement": lambda: st.builds(
            record.RetirementBody, beneficiary=texts(), enterprise=texts(), from_month=text, proof=text,
            purpose=texts(), site=text, to_month=text, year=texts(),
        ),
        "judgement": lambda: st.builds(record.JudgementBody, proposal=texts(), subject=texts(), verdict=texts()),
        "answer": lambda: st.builds(record.AnswerBody, answer=texts(), offer=texts()),
        "offer": lambda: st.builds(
            record.OfferBody, enterprise=texts(), expires_on=st.none() | texts(), receiver=texts()
        ),
        "party_change": lambda: st.builds(
            record.PartyChangeBody,
            change=texts(),
            document=st.none() | texts(),
            into=st.none() | texts(),
            names=st.lists(texts(), max_size=3).map(tuple),
            on=texts(),
            party=texts(),
        ),
        "proposal": lambda: st.builds(
            record.ProposalBody, command=texts(), evidence_key=text, role=texts(), subject=texts(), tenant=text
        ),
        "signing_key": lambda: st.builds(record.SigningKeyBody, key=texts(), replaces=text),
        "withdrawal": lambda: st.builds(
            record.WithdrawalBody, evidence=evidences(), occurred_on=st.none() | days(), trade_id=texts()
        ),
        "rejection": lambda: st.builds(
            record.RejectionBody, document=hashes(), line=texts(), reason=texts(), sheet=texts()
        ),
        "close": lambda: st.builds(
            record.CloseBody, figures=figures, month=texts(), positions=text, state=texts(), tree_size=texts()
        ),
        "meter": lambda: st.builds(
            record.MeterBody, enterprise=texts(), material=texts(), meter=texts(), rating=text, route=text,
            site=texts(), stage=texts(), under=text,
        ),
        "reading": lambda: st.builds(
            record.ReadingBody, corrects=text, enterprise=texts(), evidence=evidences(), first_on=days(),
            hours=several, last_on=days(), meter=texts(), quantity=texts(),
        ),
        "inventory": lambda: st.builds(
            record.InventoryBody, digest=text, enterprise=texts(), factors_on=text, figures=figures, findings=text,
            inventory=text, restates=text, state=texts(), subject=texts(), tree_size=text, year=texts(),
        ),
        "import": lambda: st.builds(record.ImportBody, document=hashes(), figures=figures, layout=texts()),
        "ledger": lambda: st.builds(record.LedgerBody, continues=text, origin=texts(), zone=texts()),
        "lot": lambda: st.builds(record.LotBody, lot=lot_facts()),
        "party": lambda: st.builds(
            record.PartyBody, accounts=several, kind=texts(), names=several, party=texts(), private=several
        ),
        "policy": lambda: st.builds(record.PolicyBody, row=policy_rows()),
        "posting": lambda: st.builds(
            record.PostingBody, adjusts_period=text, command=texts(), corrects=text, effective_on=days(),
            engine=st.just("1"),
            evidence=evidences(), findings=several, legs=st.lists(posted_legs(), max_size=3).map(tuple),
            occurred_on=days(), policies=several, reverses=text, selection=text, status=text,
            trade=st.none() | trade_states(),
        ),
        "refusal": lambda: st.builds(record.RefusalBody, code=texts(), command=texts(), figures=figures),
    }[kind]()  # fmt: skip


def envelopes(kind: str | None = None) -> st.SearchStrategy[record.Envelope]:
    """Whole records, of one type or of any."""
    if kind is None:
        return st.sampled_from(sorted(record.BODY_TYPES)).flatmap(envelopes)
    text = st.none() | texts()
    numbers = st.integers(0, 2**40).map(str)
    return st.builds(
        record.Envelope, actor=texts(), batch=st.none() | st.builds(Batch, i=numbers, id=texts(), n=numbers),
        body=bodies(kind), caused_by=st.none() | numbers, evidence_key=text, fingerprint=st.none() | hashes(),
        index=numbers, ledger=st.just("ganhe"), recorded_at=st.just("2026-11-23T07:30:00.000000Z"), request_key=text,
        salt=st.binary(min_size=16, max_size=16).map(bytes.hex), tenant=text, type=st.just(kind),
        type_v=st.just("1"), v=st.just("1"),
    )  # fmt: skip
