"""Cuts, datasets, their exports, and scoring of files."""
