"""Alerts: which answers call for somebody, and how staff deal with one."""
