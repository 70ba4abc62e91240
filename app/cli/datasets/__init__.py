"""Commands of data cuts and datasets."""
