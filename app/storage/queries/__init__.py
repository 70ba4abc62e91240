"""Reads: each takes a session or connection and changes nothing."""
