"""The benchmark: each figure of speed beside its limit, measured in one run on one machine."""
