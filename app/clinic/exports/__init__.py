"""Data cuts and datasets at the desk."""
