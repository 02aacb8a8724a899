"""Stateful runs: the real service against the oracle."""
