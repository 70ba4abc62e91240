"""Reads of the work list: whom it concerns, in bounded statements, and what is known of them."""
