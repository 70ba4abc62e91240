"""Use cases: load, decide, keep, record."""
