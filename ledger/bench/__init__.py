"""`greenledger bench`: what the service does per second, beside naive SQL and raw COPY, in one run."""

from ledger.bench.runner import run

__all__ = ["run"]
