"""What an EDC client sends, pulls and looks up."""
