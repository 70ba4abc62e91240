"""To settle: what is open in a study, and the pages on which it is decided."""
