"""Frozen bytes, and the script that wrote them."""
