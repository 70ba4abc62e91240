"""Datasets of a study as pure functions of what its feed says: histories, records, changes between cuts."""
