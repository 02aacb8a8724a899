"""Reads of accounts: balances and postings on both time axes, and the trial balance."""

import datetime
from typing import Annotated, Any

from litestar import Controller, Request, get
from litestar.params import PathParameter, QueryParameter

from api import cursors, problems
from api.problems import Problem, malformed
from api.schemas import (
    AccountOut,
    AccountsOut,
    BalanceOut,
    BalancesOut,
    LotBalanceOut,
    PostingOut,
    PostingsOut,
    TrialBalanceOut,
    TrialLineOut,
)
from api.security import credential_of
from ledger.core.refusal import Refusal
from ledger.reports.reading import AccountRow, Balance, Moment, Reading
from ledger.reports.scope import scope_of

AccountPath = Annotated[
    str, PathParameter(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9:._-]+$", description="The account's name.")
]
EffectiveAsOf = Annotated[
    datetime.date | None,
    QueryParameter(
        name="effective_as_of", required=False, description="What counted up to this civil day (Asia/Shanghai)."
    ),
]
KNOWN_AS_OF = (
    r"^([0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))$"
)
KnownAsOf = Annotated[
    str | None,
    QueryParameter(
        name="known_as_of",
        required=False,
        max_length=40,
        pattern=KNOWN_AS_OF,
        description="What was known: a tree size, or an instant (RFC 3339), which is resolved to a size once.",
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=cursors.LIMIT_MAX, description="Rows on a page.")]
Cursor = Annotated[
    str | None, QueryParameter(required=False, max_length=200, description="`next_cursor` of the page before.")
]
_READ: dict[str, Any] = {"responses": problems.declared(*problems.READ)}


async def moment_in(
    reading: Reading, request: Request[Any, Any, Any], effective_as_of: datetime.date | None, known_as_of: str | None
) -> Moment | None:
    """The two axes of a read; None where neither was asked for."""
    if effective_as_of is None and known_as_of is None:
        return None
    size, instant = None, None
    if known_as_of is not None:
        if known_as_of.isdigit():
            size = int(known_as_of)
        else:
            instant = _instant(known_as_of)
    credential = credential_of(request)
    scope = scope_of(credential.ledger_id, credential.principal)
    moment = await reading.moment(scope, effective_as_of=effective_as_of, known_as_of=size, known_at=instant)
    if isinstance(moment, Refusal):
        raise Problem(moment)
    return moment


def _instant(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise malformed(f"{text} is not an instant (RFC 3339)", f"{text} 不是时刻（RFC 3339）") from None


def account_out(row: AccountRow) -> AccountOut:
    """An account as listed."""
    return AccountOut(
        account=row.account, kind=row.kind, commodity=row.commodity, owner=row.owner, opened=str(row.opened)
    )


def _balance_out(balance: Balance) -> BalanceOut:
    lots = None
    if balance.lots is not None:
        lots = [
            LotBalanceOut(lot=lot.lot, quantity=str(lot.quantity), serials=[(str(f), str(t)) for f, t in lot.serials])
            for lot in balance.lots
        ]
    return BalanceOut(commodity=balance.commodity, unit=balance.unit, quantity=str(balance.quantity), lots=lots)


class AccountController(Controller):
    """Accounts the caller may see: its own, or for park-wide roles all."""

    path = "/v1/accounts"
    tags = ("accounts",)

    @get("", operation_id="listAccounts", summary="Accounts", **_READ)
    async def accounts(self, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None) -> AccountsOut:
        """Accounts in the order they were opened."""
        credential = credential_of(request)
        (after,) = cursors.decode(cursor, 1) if cursor is not None else (0,)
        scope = scope_of(credential.ledger_id, credential.principal)
        rows = await request.app.state.reading.accounts(scope, after=min(after, 2**31 - 1), limit=limit + 1)
        more = cursors.encode(rows[limit - 1].account_id) if len(rows) > limit else None
        return AccountsOut(items=[account_out(row) for row in rows[:limit]], next_cursor=more)

    @get("/{account:str}", operation_id="getAccount", summary="One account", **_READ)
    async def account(self, request: Request[Any, Any, Any], account: AccountPath) -> list[AccountOut]:
        """The account, once for each commodity it holds."""
        credential = credential_of(request)
        found = await request.app.state.reading.account(scope_of(credential.ledger_id, credential.principal), account)
        if isinstance(found, Refusal):
            raise Problem(found)
        return [account_out(row) for row in found]

    @get("/{account:str}/balances", operation_id="getBalances", summary="Balances of an account", **_READ)
    async def balances(
        self,
        request: Request[Any, Any, Any],
        account: AccountPath,
        effective_as_of: EffectiveAsOf = None,
        known_as_of: KnownAsOf = None,
    ) -> BalancesOut:
        """Now, by commodity and lot; or on either time axis, by commodity."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        moment = await moment_in(request.app.state.reading, request, effective_as_of, known_as_of)
        if moment is None:
            found = await request.app.state.reading.balances(scope, account)
            if isinstance(found, Refusal):
                raise Problem(found)
            size, balances = found
        else:
            as_of = await request.app.state.reading.balances_as_of(scope, account, moment)
            if isinstance(as_of, Refusal):
                raise Problem(as_of)
            size, balances = moment.known_as_of, as_of
        return BalancesOut(
            account=account,
            effective_as_of=None if effective_as_of is None else effective_as_of.isoformat(),
            tree_size=str(size),
            balances=[_balance_out(b) for b in balances],
        )

    @get("/{account:str}/postings", operation_id="listPostings", summary="Postings of an account", **_READ)
    async def postings(
        self,
        request: Request[Any, Any, Any],
        account: AccountPath,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> PostingsOut:
        """Newest first, each with the balance after it."""
        credential = credential_of(request)
        index, leg = cursors.decode(cursor, 2) if cursor is not None else (2**63 - 1, 0)
        before = (index, min(leg, 2**15 - 1))
        scope = scope_of(credential.ledger_id, credential.principal)
        rows = await request.app.state.reading.postings(scope, account, before=before, limit=limit + 1)
        if isinstance(rows, Refusal):
            raise Problem(rows)
        more = cursors.encode(rows[limit - 1].transaction, rows[limit - 1].leg) if len(rows) > limit else None
        items = [
            PostingOut(
                transaction=str(row.transaction),
                leg=row.leg,
                commodity=row.commodity,
                lot=row.lot,
                quantity=str(row.quantity),
                balance=str(row.balance),
                version=str(row.version),
                effective_on=row.effective_on.isoformat(),
            )
            for row in rows[:limit]
        ]
        return PostingsOut(account=account, items=items, next_cursor=more)


class TrialBalanceController(Controller):
    """The book in one table."""

    path = "/v1/balances"
    tags = ("accounts",)

    @get("", operation_id="getTrialBalance", summary="Trial balance", **_READ)
    async def trial_balance(
        self,
        request: Request[Any, Any, Any],
        effective_as_of: EffectiveAsOf = None,
        known_as_of: KnownAsOf = None,
    ) -> TrialBalanceOut:
        """Sums by kind of account; over the whole park each commodity's total is zero."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        moment = await moment_in(request.app.state.reading, request, effective_as_of, known_as_of)
        size, lines = await request.app.state.reading.trial_balance(scope, moment)
        totals: dict[str, int] = {}
        for line in lines:
            totals[line.commodity] = totals.get(line.commodity, 0) + line.quantity
        return TrialBalanceOut(
            effective_as_of=None if effective_as_of is None else effective_as_of.isoformat(),
            tree_size=str(size),
            lines=[
                TrialLineOut(commodity=x.commodity, kind=x.kind, accounts=x.accounts, quantity=str(x.quantity))
                for x in lines
            ],
            totals={commodity: str(total) for commodity, total in sorted(totals.items())},
        )
