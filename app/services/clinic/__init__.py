"""Use cases of site staff: what they read and decide."""
