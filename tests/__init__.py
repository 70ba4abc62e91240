"""The tests of Daybook; `python -m tests` runs them all with every gate."""
