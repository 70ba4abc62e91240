"""Scoring of files of answers: rows in, rows out, with what to check of them."""
