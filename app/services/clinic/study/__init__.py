"""What staff read of a study: its plan."""
