"""Bytes from outside become statements: read, recognised and checked, never posted here."""
