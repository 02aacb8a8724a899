"""The HTTP API: parse, call, answer; no rules and no SQL."""
