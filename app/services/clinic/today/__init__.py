"""The work list: who needs somebody today, what was tried, and what rests."""
