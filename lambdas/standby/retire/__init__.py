"""Terminates orphans, where that is configured."""
