"""Reads of the report: one aggregate query for each table, and the rows behind each of its figures."""
