"""What surrounds each page of the desk: the chosen study, the menu, the search for a code."""
