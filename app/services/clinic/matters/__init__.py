"""What is open in a study until somebody settles it: the list, and each decision."""
