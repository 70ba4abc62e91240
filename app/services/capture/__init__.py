"""Filling a form: opening, saving, submitting, late arrival, quarantine."""
