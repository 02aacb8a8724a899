"""`greenledger bench`: what the service does per second, beside naive SQL and raw COPY, in one run."""

from ledger.bench.runner import Part, run

__all__ = ["Part", "run"]
