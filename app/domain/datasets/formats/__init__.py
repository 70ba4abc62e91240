"""Formats of a dataset, in pieces before, of and after its records, so that a file can be streamed."""
