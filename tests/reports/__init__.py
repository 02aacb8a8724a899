"""Reads over the stored book."""
