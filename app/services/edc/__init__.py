"""Use cases of an EDC client: what it sends, pulls and looks up."""
