"""key -> Principal, and one permission for each kind of work. The tenant comes from the credential and nowhere else.

An operation is closed unless its `opt` says PUBLIC, and open to every valid key unless it says which roles it NEEDS.
"""

from typing import Any

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.exceptions import NotAuthorizedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem
from ledger.core.refusal import refuse
from ledger.keys import Credential

PUBLIC: dict[str, Any] = {"public": True}


class Permission(msgspec.Struct, frozen=True):
    """What the holders of some roles may do."""

    roles: frozenset[str]
    action: str

    def opt(self) -> dict[str, Any]:
        """The `opt` of an operation that needs it."""
        return {"needs": self}


MAY_POST = Permission(frozenset({"enterprise", "operator"}), "post transactions")
MAY_JUDGE = Permission(frozenset({"operator"}), "approve or reject proposals")
MAY_REGISTER = Permission(frozenset({"operator", "admin"}), "register or change parties")
MAY_SET_POLICY = Permission(frozenset({"admin"}), "set rules")
MAY_IMPORT = Permission(frozenset({"operator"}), "import statements")
MAY_READ_PARK = Permission(frozenset({"operator", "regulator", "auditor", "admin"}), "read the whole park's records")


class KeyMiddleware(ASGIMiddleware):
    """Authenticates every request by its Authorization header, and checks the role where one is needed."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = "public"

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on a request with a valid key: 401 without one, 403 where its role does not do."""
        # Plain lists of bytes: this runs for every request, before anything has parsed its headers.
        headers = dict(scope["headers"])
        kind, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        credential = await scope["litestar_app"].state.credentials.find(text) if kind.lower() == "bearer" else None
        if credential is None:
            raise NotAuthorizedException(detail="The Authorization header must be 'Bearer KEY' with a valid key")
        role, named = credential.principal.role, headers.get(b"ledger")
        if named is not None and named.decode("latin-1") != credential.ledger:
            raise Problem(refuse("forbidden", role=role, action=f"act on ledger {named.decode('latin-1')}"))
        needed: Permission | None = scope["route_handler"].opt.get("needs")
        if needed is not None and role not in needed.roles:
            raise Problem(refuse("forbidden", role=role, action=needed.action))
        if (differs := await scope["litestar_app"].state.history.verdict(credential)) is not None:
            raise Problem(differs)
        scope["user"], scope["auth"] = credential.principal, credential
        await next_app(scope, receive, send)


def credential_of(request: Request[Any, Any, Any]) -> Credential:
    """The credential of an authenticated request."""
    credential = request.auth
    assert isinstance(credential, Credential)
    return credential
