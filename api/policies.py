"""Rules as data: reading those in the book, and putting one in force."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import JSONBody

from api import cursors, problems
from api.accounts import Cursor, Limit
from api.park_bodies import RuleIn
from api.schemas import ReceiptOut, RuleOut, RulesOut
from api.security import MAY_SET_POLICY, credential_of
from api.transactions import IdempotencyKey, submit
from ledger.core.command import SetPolicy
from ledger.core.policy import PolicyRow
from ledger.reports.scope import scope_of


class PolicyController(Controller):
    """The rules that judge, each with its source and its days."""

    path = "/v1/policies"

    @get(
        "", operation_id="listPolicies", summary="Rules in the book (规则)",
        responses=problems.declared(*problems.READ), tags=["policies"],
    )  # fmt: skip
    async def policies(self, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None) -> RulesOut:
        """In the order they were made, each with its source and the days of the facts it judges."""
        credential = credential_of(request)
        (after,) = cursors.decode(cursor, 1) if cursor is not None else (-1,)
        scope = scope_of(credential.ledger_id, credential.principal)
        rows = await request.app.state.reading.policies(scope, after=after, limit=limit + 1)
        more = cursors.encode(rows[limit - 1][0]) if len(rows) > limit else None
        items = [
            RuleOut(
                record=str(index),
                in_force_from=row.in_force_from,
                in_force_to=row.in_force_to,
                source=row.source,
                rule=msgspec.Raw(msgspec.json.encode(row.rule)),
            )
            for index, row in rows[:limit]
        ]
        return RulesOut(items=items, next_cursor=more)

    @post(
        "", operation_id="postPolicy", summary="Put a rule in force", opt=MAY_SET_POLICY.opt(),
        responses=problems.declared(*problems.WRITE), status_code=201, tags=["policies"],
    )  # fmt: skip
    async def put_in_force(
        self, request: Request[Any, Any, Any], data: JSONBody[RuleIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """A record of its own; of several rules for the same thing the newest in force on the fact's day judges.

        Facts in the book are not judged again.
        """
        row = PolicyRow(
            in_force_from=data.in_force_from.isoformat(),
            in_force_to=None if data.in_force_to is None else data.in_force_to.isoformat(),
            rule=data.rule,
            source=data.source,
        )
        return await submit(request, SetPolicy(row=row), key)
