"""Alerts as staff see them and deal with them."""
