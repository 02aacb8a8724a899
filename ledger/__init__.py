"""GreenLedger (绿账): an append-only double-entry ledger for certificates and carbon."""
