"""The report of a study and the matrix of its forms."""
