"""A second computation of what the datasets of a cut say, from its exported files."""
