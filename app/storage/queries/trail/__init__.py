"""Reads of the audit trail: one participant's history, and the entries of a study."""
