"""The expiry job shows what has lapsed, certificates and offers, once, however many ranges there are."""

from ledger import expiring
from ledger.core.events import Offer
from ledger.store.session import Reader
from tests.conftest import ENTERPRISES, Park, holding

A, B = ENTERPRISES[:2]


def job(park: Park) -> expiring.ExpiryReport:
    """What a run of the job says."""

    async def work() -> expiring.ExpiryReport:
        reader = Reader(park.database.urls.reader, connections_max=1)
        await reader.open()
        try:
            principal = park.operator(Offer(enterprise=A, receiver=B, quantity=1)).principal
            return await expiring.expire(park.writer, reader, park.scope(), principal)
        finally:
            await reader.close()

    return park.run(work())


def held(park: Park, name: str) -> int:
    """What an account holds in all."""
    return park.database.value(
        "select coalesce(sum(p.quantity), 0)::int from posting p join account a using (ledger_id, account_id) "
        "where a.name = %s and a.commodity = 'GEC'",
        name,
    )


def test_an_offer_past_its_day_goes_back(park: Park) -> None:
    """Its day is put back behind the ledger's back, as if it had passed; the job takes it back, once."""
    park.give(A, 100, lot="L1")
    park.expect_posted(park.enterprise(A, Offer(enterprise=A, receiver=B, quantity=10, expires_on="2099-12-31")))
    assert job(park).offers == 0 and held(park, holding(A)) == 90
    park.database.rows("update offer set expires_on = '2026-01-01'")
    park.restart()
    told = job(park)
    assert (told.offers, told.refused) == (1, []) and held(park, holding(A)) == 100
    assert job(park).offers == 0


def test_more_ranges_than_one_transaction_takes_lapse_in_several(park: Park, monkeypatch) -> None:
    """Three ranges, two at a time: all of them, lowest first."""
    monkeypatch.setattr(expiring, "RANGES_EACH", 2)
    for first in (1, 11, 21):
        park.give_serials(A, first, first + 4, month="2023-05")
    told = job(park)
    assert (told.certificates, told.transactions, told.refused) == (15, 2, [])
    assert (held(park, holding(A)), held(park, f"Expired:{A}")) == (0, 15)
    assert job(park).transactions == 0
