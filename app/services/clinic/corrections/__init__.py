"""Corrections of submitted forms: proposing, signing, listing them, and the form as it was submitted."""
