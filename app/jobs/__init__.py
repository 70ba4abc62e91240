"""Work that only the clock starts."""
