"""Use cases of participants: what they read and ask for."""
