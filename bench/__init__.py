"""The benchmark: our figures beside their limits, all taken in one run on one machine."""
