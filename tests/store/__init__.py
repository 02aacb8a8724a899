"""Tests of the room that knows SQL, each against a real PostgreSQL."""
