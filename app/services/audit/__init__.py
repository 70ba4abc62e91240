"""Sealing the audit trail by day, and verifying it."""
