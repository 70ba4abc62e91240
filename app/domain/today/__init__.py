"""The work of a day: why a participant needs somebody, what was tried, and until when it rests."""
