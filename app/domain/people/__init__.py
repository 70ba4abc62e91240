"""People of the staff and the sites they work at: names, rights that end, duties that are kept apart."""
