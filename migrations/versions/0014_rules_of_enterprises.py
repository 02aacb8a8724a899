"""A rule that names an enterprise is shown to that one and to the park, and to no other enterprise.

Runs before the code that needs it; narrows one view only.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

SQL = """
create or replace view visible_policy with (security_barrier) as
    select log_index, content from policy
    where ledger_id = ledger_now()
        and (tenant_now() = '*' or coalesce(content #>> '{rule,enterprise}', tenant_now()) = tenant_now());
"""


def upgrade() -> None:
    op.execute(SQL)
