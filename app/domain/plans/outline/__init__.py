"""A plan as people read it: its rows, two versions compared, and a participant drawn up from dates."""
