"""Reads of what is open in a study until somebody settles it."""
