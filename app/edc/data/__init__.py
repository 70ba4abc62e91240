"""Data in bulk: named cuts, datasets of them, and exports that the clock makes."""
