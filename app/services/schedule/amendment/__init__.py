"""A study follows another version of its plan: what cannot follow, the preview, and the moves."""
