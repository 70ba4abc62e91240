"""Reads for datasets: named cuts, and what the feed says of one participant."""
