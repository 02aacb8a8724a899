"""The domain: real objects, no database, no clock."""
