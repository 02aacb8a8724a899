"""The HTTP API over a real PostgreSQL, on a real socket."""
