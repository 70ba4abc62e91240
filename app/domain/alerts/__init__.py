"""Alerts: which answers raise one, and how staff handle it."""
