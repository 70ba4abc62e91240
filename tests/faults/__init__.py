"""Seeded interleavings of answering with everything that can go wrong, judged by an oracle of its own.

`pytest tests/faults` runs twenty of them, `python -m tests.faults --count 200` any number.
"""
