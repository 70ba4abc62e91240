"""The pages on which staff deal with alerts."""
