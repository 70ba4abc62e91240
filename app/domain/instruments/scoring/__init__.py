"""Scoring algorithms: a registry by name, and each algorithm in a module of its own."""
