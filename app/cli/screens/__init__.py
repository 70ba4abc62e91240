"""`screens`: pictures of every screen of an instrument, for its copyright holder's review."""
