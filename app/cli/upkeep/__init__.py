"""Commands that keep an installation going."""
