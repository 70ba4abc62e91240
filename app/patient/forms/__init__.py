"""Forms on the phone: pages, parsing of what the runner sends, saving, submitting, reading back."""
