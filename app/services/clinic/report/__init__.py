"""The report of a study: its figures, the rows behind each of them, and the matrix of forms."""
