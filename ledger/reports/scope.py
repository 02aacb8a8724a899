"""What a credential may read: its own tenant, or the whole park."""

from ledger.core.command import Principal
from ledger.store.session import ALL_TENANTS, Scope


def scope_of(ledger_id: int, principal: Principal) -> Scope:
    """The scope of a principal's reads: an enterprise sees its own, every other role the whole ledger."""
    assert (principal.role == "enterprise") == (principal.tenant is not None)
    return Scope(ledger_id, principal.tenant or ALL_TENANTS)


def park_scope(ledger_id: int) -> Scope:
    """The scope of a whole ledger, for what concerns nobody in particular."""
    return Scope(ledger_id, ALL_TENANTS)
