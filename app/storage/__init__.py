"""Rows, the engine, the unit of work, the feed and the instrument library."""
