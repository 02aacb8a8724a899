"""Kills under load: nothing acknowledged is lost, nothing is doubled."""
