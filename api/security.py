"""key -> Principal, and one guard for each permission. The tenant comes from the credential and nowhere else."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from api.problems import Problem
from ledger.core.refusal import refuse
from ledger.keys import Credential, Keys

OPEN_PATHS = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs")
POSTERS = frozenset({"enterprise", "operator"})
IMPORTERS = frozenset({"operator"})
PARK_READERS = frozenset({"operator", "regulator", "auditor", "admin"})


class KeyMiddleware(AbstractAuthenticationMiddleware):
    """Authenticates every request by its Authorization header."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """The credential of the request; 401 where there is none that is valid."""
        keys: Keys = connection.app.state.credentials
        scheme, _, text = connection.headers.get("authorization", "").partition(" ")
        credential = await keys.find(text) if scheme.lower() == "bearer" else None
        if credential is None:
            raise NotAuthorizedException(detail="The Authorization header must be 'Bearer KEY' with a valid key")
        named = connection.headers.get("ledger")
        if named is not None and named != credential.ledger:
            raise Problem(refuse("forbidden", role=credential.principal.role, action=f"act on ledger {named}"))
        return AuthenticationResult(user=credential.principal, auth=credential)


def _guard(roles: frozenset[str], action: str) -> Any:
    # Async, because the framework sends a plain function to a thread, at every request.
    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if connection.user.role not in roles:
            raise Problem(refuse("forbidden", role=connection.user.role, action=action))

    return guard


may_post = _guard(POSTERS, "post transactions")
may_import = _guard(IMPORTERS, "import statements")
may_read_park = _guard(PARK_READERS, "read the whole park's records")


def credential_of(request: Request[Any, Any, Any]) -> Credential:
    """The credential of an authenticated request."""
    credential = request.auth
    assert isinstance(credential, Credential)
    return credential
