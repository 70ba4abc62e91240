"""Daybook: patient-reported outcomes for cancer trials."""
